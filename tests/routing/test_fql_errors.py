"""Every refusal points at its column and says what would be right; nothing else ever comes out of the compiler."""

from __future__ import annotations

import string

import pytest
from doorstep.engine.routing import FqlError, compile_fql
from hypothesis import example, given
from hypothesis import strategies as st

from tests.texts import text

REFUSALS = [
    ("", 1, "an empty expression; write `all` for every event"),
    ("  \r\n ", 2, "line 2: an empty expression; write `all` for every event"),
    ('type == "track"', 6, "equality is written `=`"),
    ('type <> "track"', 6, "inequality is written `!=`"),
    ("properties.n => 5", 14, "write `>=`"),
    ("type = a && event = b", 10, "write `and`"),
    ("type = a || event = b", 10, "write `or`"),
    ("type = a AND and event = b", 14, "`and` needs a condition on both sides"),
    ("type = a OR", 12, "a condition is expected here, but the expression ends"),
    ("type AND event = b", 1, '`type` is no condition; compare it, as in type = "..." or type != null'),
    ("OR type = a", 1, "`or` needs a condition on both sides"),
    ("type = a or and event = b", 13, "`and` needs a condition on both sides"),
    ("NOT type = a", 1, "negation is written !( ... )"),
    ("type = a revenue > 5", 10, "an operator, `and` or `or` is expected before revenue"),
    ("event = Order Completed", 15, "an operator, `and` or `or` is expected before Completed"),
    ('type = "a" "b"', 12, 'an operator, `and` or `or` is expected before "b"'),
    ("type = track event", 14, '`event` is no condition; compare it, as in event = "..." or event != null'),
    ("type = a xyz(event)", 10, "an operator, `and` or `or` is expected before xyz"),
    ('type!="track"', 7, "`!=` needs a space after it"),
    ("properties.n >=5", 16, "`>=` needs a space after it"),
    ("properties.n <=5", 16, "`<=` needs a space after it"),
    ("properties.n>5", 13, "`>` needs a space before it"),
    ("properties.n<= 5", 13, "`<=` needs a space before it"),
    ("properties.a[0]<5", 16, "`<` needs a space before it"),
    ('! contains(event, "x")', 1, "`!` stands right before what it negates, without a space"),
    ("properties.items.0.id = 1", 18, r"a name begins with a letter; an item of a list is written [0], a key \0"),
    ("properties.2fa = true", 12, r"a name begins with a letter; an item of a list is written [2], a key \2"),
    ("properties . 0 = 1", 14, r"a name begins with a letter; an item of a list is written [0], a key \0"),
    ("type = “track”", 8, "curly quotes are no quotes here: write straight ones, ' or \""),
    ('type = "track', 8, 'this text has no closing "'),
    (r'event = "a\"b"', 13, 'a text has no escapes, it ends at the next "; to have " inside, quote it with \''),
    ("Type = a", 1, r"unknown field 'Type'; did you mean 'type'? (a field outside the spec is written \Type)"),
    (
        "mesageId = a",
        1,
        r"unknown field 'mesageId'; did you mean 'messageId'? (a field outside the spec is written \mesageId)",
    ),
    (
        "type = a and revenue > 5",
        14,
        r"unknown field 'revenue'; for a property write properties.revenue (a field outside the spec is written \revenue)",
    ),
    ("event.properties.x = 1", 1, "`event` is a text with nothing below it; write properties.x"),
    ("lowercas(event) = a", 1, "unknown function 'lowercas'; did you mean 'lowercase'?"),
    (
        "xyz(event) = a",
        1,
        (
            "unknown function 'xyz'; there are contains, match, length, lowercase, uppercase, snakecase, kebabcase, "
            "titlecase, typeof, bool, string, number"
        ),
    ),
    ("lowercase(event)", 1, "lowercase() gives a text, which is no condition; compare it with one"),
    ("length(properties.tags) and type = a", 1, "length() gives a number, which is no condition; compare it with one"),
    ("type", 1, '`type` is no condition; compare it, as in type = "..." or type != null'),
    ("type is a", 6, "an operator is expected before is: = != < <= > >= in"),
    ("type =", 7, '`=` needs a value here, as in "track", 5, true or null'),
    ("type = = a", 8, '`=` needs a value here, as in "track", 5, true or null'),
    ("type = ['a']", 8, "a list comes after `in`, as in type in ['track', 'page']"),
    ("type in 'a'", 9, "`in` needs a list or a field after it, as in type in ['track', 'page']"),
    ("type in ['a' 'b']", 14, "a list has commas between its values"),
    ("type in ['a'", 9, "this [ has no closing ]"),
    ("type in [string(event)]", 10, "a list holds values that are written here, no calls"),
    (
        "properties.a = properties.b",
        16,
        (
            "a value is expected, not a field; write string(properties.b) or number(properties.b) for the field's value, "
            "or quotes for this very text"
        ),
    ),
    ('"a" = type', 1, 'the field comes first, as in type = "track"'),
    ("true", 1, "true is no condition; compare a field with it, or write `all` for every event"),
    ("all and type = a", 1, "`all` stands alone, without other conditions"),
    ("type = a or all", 13, "`all` stands alone, without other conditions"),
    ("!properties.a = true", 1, "`!` binds tighter than `=`; write !( ... ) around the comparison"),
    ("(type = a) = true", 12, "a group in parentheses is yes or no, it is not compared; write `and`, `or` or nothing"),
    ("(type = a", 1, "this ( has no closing )"),
    ("(type = a = b)", 11, "an operator, `and` or `or` is expected before ="),
    ("type = a)", 9, "this ) has no opening ("),
    ("type = a and ()", 14, "nothing between the parentheses; write a condition"),
    ("type = a and", 13, "a condition is expected here, but the expression ends"),
    ("and", 4, "a condition is expected here, but the expression ends"),
    ("(and)", 5, 'a condition is expected here, as in type = "track", not )'),
    ("> 5", 1, 'a condition is expected here, as in type = "track", not >'),
    ("contains(event)", 15, 'contains() needs a comma and its part here: contains(field, "text")'),
    ("contains('x', event)", 10, 'contains() needs a field first: contains(field, "text")'),
    ("length(properties.a, 5) = 1", 20, "length() ends here with a ): length(field)"),
    ("match(event, 'a[b')", 16, r"this [ has no closing ]; a literal one is written \["),
    ("match(event, 'a[]')", 16, r"[] fits no character; a literal [ is written \["),
    ("match(event, '[z-a]')", 15, "the range z-a runs backwards"),
    (r"match(event, 'a\')", 16, r"a backslash at the end escapes nothing; a literal one is written \\"),
    ("match(event, string(name))", 14, "the pattern of match() is a text that is written here"),
    (
        "properties.n = 1e3",
        16,
        "not a number; write digits with at most one point inside, as in -12.5, or put a text in quotes",
    ),
    (
        "properties.n = 1.",
        16,
        "not a number; write digits with at most one point inside, as in -12.5, or put a text in quotes",
    ),
    ("properties.é = 1", 12, r"in a name, 'é' is written \é"),
    ("properties.naïve = 1", 14, r"in a name, 'ï' is written \ï"),
    ("properties.or = 1", 12, r"`or` is a keyword; a field of that name is written \or"),
    ("properties. = 1", 11, "a path begins with a field and has a name after each dot, as in properties.plan"),
    (r"\. = 1", 1, "this names no field"),
    ("\\", 1, "a backslash at the end escapes nothing"),
    ("type = a;", 9, "unexpected character ';'"),
    ("type = a\r\nand event == b", 11, "line 2: equality is written `=`"),
    ("(" * 41 + "type = a" + ")" * 41, 42, "nested deeper than 40 levels; write it flatter, or use `in` with a list"),
    ("type = '" + "x" * 5120 + "'", 1, "the expression is longer than 5 KiB; split it, or use `in` with a list"),
]


@pytest.mark.parametrize(("text", "column", "message"), REFUSALS)
def test_a_refusal_says_where_what_and_what_instead(text: str, column: int, message: str) -> None:
    with pytest.raises(FqlError) as caught:
        compile_fql(text)
    assert (caught.value.column, caught.value.message) == (column, message)


def test_the_picture_points_into_the_line_that_is_wrong() -> None:
    with pytest.raises(FqlError) as caught:
        compile_fql('type = "track" and\n\tevent == "x"')
    assert str(caught.value) == 'line 2: equality is written `=` (column 8)\n   event == "x"\n         ^'


def test_forty_levels_are_compiled_and_explained() -> None:
    predicate = compile_fql("!(" * 20 + "type = a" + ")" * 20)
    assert predicate({"type": "a"}) is True
    assert predicate.explain({"type": "b"}).matched is False


def test_five_kilobytes_of_conditions_are_no_nesting() -> None:
    predicate = compile_fql(" or ".join(["type = a"] * 420))
    assert predicate({"type": "a"}) is True
    assert predicate({"type": "b"}) is False


WORDS = tuple("type properties.a and or in ! ( ) [ ] , = != > 'x' 5 contains match null . all é \" \\".split())  # noqa: SIM905
PIECES = st.lists(st.sampled_from(WORDS), max_size=12)


@given(text(max_size=40) | st.text(string.printable, max_size=40) | PIECES.map(" ".join) | PIECES.map("".join))
@example("properties.n = " + "9" * 5000)
@example("!" * 5000)
@example("properties" + ".a" * 2000 + " = 1")
@example("type = '\ud800'")
def test_the_compiler_raises_nothing_but_fql_errors_inside_the_text(text: str) -> None:
    refusal = None
    try:
        compile_fql(text)({})
    except FqlError as error:
        refusal = error
    assert refusal is None or 1 <= refusal.column <= len(text) + 1
