"""What FQL means: the seven traps, precedence, operators, functions, paths, and that no event can break a predicate."""

from __future__ import annotations

from typing import Any

import pytest
from doorstep.engine.routing import Explanation, compile_fql
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "length", "0"]) | text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ["type", "event", "userId", "properties", "context", "integrations"]
EVENTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)

ORDER: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "groupId": "g",
    "anonymousId": "anon",
    "userId": "u-1",
    "integrations": {"All": True, "Slack": {"channel": "#shop"}},
    "level": "error",
    "context": {"ip": "203.0.113.9", "page": {"path": "/cart"}},
    "properties": {
        "revenue": 48.5,
        "coupon": "HasBros",
        "vip": True,
        "guest": False,
        "none": None,
        "empty": "",
        "count": "12",
        "tags": ["new", "gift", 5, True],
        "products": [{"sku": "45790-32", "price": 19}, {"sku": "46493-32", "price": 3}],
        "kana": "カ",
        "emoji": "😀!",
        "title": "blue suede shoes",
    },
}


@pytest.mark.parametrize(
    ("text", "event", "matches"),
    [
        ('type = "a" and type = "b" or type = "c"', {"type": "c"}, True),
        ('type = "c" or type = "a" and type = "b"', {"type": "c"}, True),
        ('type = "track" and (contains(event, "x") or event = "y")', {"type": "page", "event": "y"}, False),
        ('type = "track" and (contains(event, "x") or event = "y")', {"type": "track", "event": "axb"}, True),
        ('((type = "a"))', {"type": "a"}, True),
        (
            'type = "a" and (event = "b" and (userId != null or (name = "n")))',
            {"type": "a", "event": "b", "name": "n"},
            True,
        ),
        ('!(type = "track")', {"type": "track"}, False),
        ('!(type = "track")', {"type": "page"}, True),
        ("type = 'track'", {"type": "track"}, True),
        ("type = 'track'", {"type": "'track'"}, False),
        ('type = "a"\r\nand event = "b"', {"type": "a"}, False),
        ('type = "a"\r\nand event = "b"\r\n', {"type": "a", "event": "b"}, True),
        ('messageId = "m"', {"messageId": "m"}, True),
        ('type = "track" and groupId = "g"', {"type": "track", "groupId": "other"}, False),
        ("anonymousId != null", {}, False),
        ("integrations.Slack = true", {"integrations": {"Slack": True}}, True),
    ],
)
def test_each_of_the_seven_traps_is_repaired(text: str, event: dict[str, Any], matches: bool) -> None:
    assert compile_fql(text)(event) is matches


@given(a=st.booleans(), b=st.booleans(), c=st.booleans())
def test_not_binds_tighter_than_and_and_that_tighter_than_or(a: bool, b: bool, c: bool) -> None:
    event = {"properties": {"a": a, "b": b, "c": c}}
    wanted = {
        "properties.a or properties.b and !properties.c": a or (b and not c),
        "properties.a and properties.b or properties.c": (a and b) or c,
        "!properties.a and properties.b or properties.c = false": (not a and b) or not c,
        "!(properties.a or properties.b) and properties.c": not (a or b) and c,
        "!!properties.a": a,
        "properties.a = true or properties.b in [true] and properties.c": a or (b and c),
        "properties.a and properties.b and properties.c and properties.a": a and b and c,
        "properties.a or properties.b or properties.c or properties.a": a or b or c,
    }
    assert {text: compile_fql(text)(event) for text in wanted} == wanted


TRUE = [
    "all",
    " all ",
    "type=track",
    'type="track"and(event="Order Completed")',
    "properties.revenue >48 and properties.revenue <= 48.5 and properties.revenue >= +48.5 and properties.revenue <49",
    "properties.revenue >-5",
    "length(event)>5",
    'type!= "page"',
    'type = track event = "Order Completed"',
    'type = track !contains(event, "x") (type = page or userId != null) properties.vip "gift" in properties.tags',
    r"type = track \level = error",
    "type = track AND event = 'Order Completed' And properties.vip",
    "type = page OR properties.vip",
    "type IN [track]",
    "and type = track",
    "and(and type = track) and (properties.vip)",
    "type = page properties.guest or properties.vip",
    "properties.revenue > .5",
    'properties.revenue > "48"',
    "properties.vip",
    "properties.vip = true",
    "properties.guest = false",
    "!properties.guest",
    "!properties.nothing",
    "properties.none = null",
    "properties.nothing = null",
    "properties.empty != null",
    'properties.nothing != "x"',
    'properties.revenue != "48.5"',
    "properties.revenue != 5",
    "!(properties.nothing != 5)",
    "!(properties.vip = 1)",
    "!(properties.vip > 0)",
    "context.page.path = '/cart'",
    "context.page.path != context",
    "integrations.Slack.channel = '#shop'",
    r"\level = 'error'",
    r"integr\ations.All",
    "properties.products[1].price = 3",
    "properties.products.length = 2",
    r"properties . products\[0\] . sku = '45790-32'",
    "properties.products[2].price = null",
    "properties.products[00].price = null",
    "properties.emoji.length = 3",
    "properties.coupon[0] = H",
    r"properties.products.\1.price = 3",
    "properties.revenue.nothing = null",
    "properties.guest.nothing = false",
    "properties.guest = null or properties.none.deeper = null",
    'type in ["page", "track"]',
    "type in[track]",
    "type in ['page', track]",
    "!(type in [])",
    "properties.revenue in [5, 48.5]",
    "properties.vip in [1, true]",
    "!(properties.vip in [1, 'true'])",
    "!(properties.revenue in ['48.5'])",
    "properties.nothing in [null, 5]",
    "!(properties.tags in ['new'])",
    "'gift' in properties.tags",
    "5 in properties.tags",
    "true in properties.tags",
    "!(1 in properties.guest)",
    "!('5' in properties.tags)",
    "'page' in ['page']",
    "properties.tags[1] in properties.tags",
    "!(properties.nothing in properties.nothing)",
    "userId in ['u-1', 'u-2']",
    'contains(event, "Order")',
    "contains(event, 'Comp') = true",
    "contains(lowercase(properties.coupon), hasb)",
    "contains(event, string(type)) = false",
    '!contains(event, "Refund")',
    '!(!contains(properties.nothing, "x"))',
    '!(contains(properties.nothing, "x"))',
    "!(!match(properties.nothing, 'x'))",
    "match(event, 'Order *')",
    "match(properties.products[0].sku, '[0-9]*-??')",
    "!match(event, 'Order')",
    "!(match(properties.revenue, '*'))",
    "length(properties.tags) = 4",
    "length(properties.kana) = 3",
    "length(properties.nothing) = 0",
    "length(properties.revenue) = null",
    "length(userId) > 0",
    "lowercase(properties.coupon) = 'hasbros'",
    "uppercase(properties.coupon) = 'HASBROS'",
    "lowercase(properties.nothing) = null",
    "lowercase(properties.nothing) != 'x'",
    "snakecase(event) = 'Order_Completed'",
    "kebabcase(event) = 'Order-Completed'",
    "titlecase(properties.title) = 'Blue Suede Shoes'",
    "uppercase(lowercase(type)) = TRACK",
    "typeof(event) = string",
    "typeof(properties.revenue) = 'number'",
    "typeof(properties.vip) = 'bool'",
    "typeof(properties.tags) = 'list'",
    "typeof(properties) = 'object'",
    "typeof(properties.nothing) = 'null'",
    "bool(properties.vip)",
    "bool(properties.revenue)",
    "!bool(properties.guest)",
    "bool(properties.count) = null",
    "string(properties.revenue) = '48.5'",
    "string(properties.vip) = 'true'",
    "string(properties.tags) = null",
    "number(properties.count) = 12",
    "number(properties.count) > 11",
    "number(properties.vip) = 1",
    "number(properties.empty) = null",
    "number(properties.title) = null",
    "properties.count = string(properties.count)",
    "properties.revenue > number(properties.count)",
    "properties.revenue >= number(properties.revenue)",
    "properties.vip != string(properties.vip)",
    "properties.nothing = lowercase(properties.none)",
    "!(properties.nothing < number(properties.count))",
]


@pytest.mark.parametrize("text", TRUE)
def test_what_is_true_of_an_order(text: str) -> None:
    assert compile_fql(text)(ORDER) is True


@pytest.mark.parametrize("text", [text for text in TRUE if text.strip() != "all"])
def test_a_group_with_a_not_is_the_opposite(text: str) -> None:
    assert compile_fql(f"!({text})")(ORDER) is False


@pytest.mark.parametrize(
    ("text", "event", "matches"),
    [
        ("userId = 123", {"userId": "123"}, True),
        ("userId = 123", {"userId": 123}, False),
        ("userId = true", {"userId": True}, True),
        ("userId = null", {}, True),
        ("event = null", {}, False),
        ("event = null", {"event": "null"}, True),
        ("name = true", {"name": "true"}, True),
        ("name = null", {"name": None}, True),
        ("event.foo = 'x'", {"event": "x"}, True),
        ("userId > 5", {"userId": 6}, True),
        ("userId > true", {"userId": 6}, False),
        ("properties.n > true", {"properties": {"n": 2}}, True),
        ("properties.n > 'many'", {"properties": {"n": 2}}, False),
        ("properties.n > null", {"properties": {"n": 2}}, False),
        ("properties.n >= '0x10'", {"properties": {"n": 16}}, True),
        ("properties.n < Infinity", {"properties": {"n": 10**400}}, True),
        ("properties.n = 9007199254740993", {"properties": {"n": 9007199254740992}}, False),
        ("properties.a.b = 0", {"properties": {"a": 0}}, True),
        ("properties.a.b = null", {"properties": {"a": ""}}, False),
        ("properties = null", {"properties": {}}, False),
        ("properties.a = 'x'", {"properties": "x"}, False),
        ("properties.length = 1", {"properties": "x"}, True),
    ],
)
def test_comparisons_mean_what_they_mean_to_segment(text: str, event: dict[str, Any], matches: bool) -> None:
    assert compile_fql(text)(event) is matches


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (5.0, "5"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
    ],
)
def test_a_number_becomes_text_as_in_javascript(value: float, text: str) -> None:
    assert compile_fql(f"string(properties.n) = '{text}'")({"properties": {"n": value}}) is True


# What a predicate tells about itself --------------------------------------------------------------------------------


def test_paths_are_what_is_read() -> None:
    text = """type = track and (properties.products[0].price > 5 or !contains(lowercase(context.page.path), 'x'))
              and event in [a] and 'x' in traits.tags"""
    assert compile_fql(text).paths == {
        ("type",),
        ("event",),
        ("properties", "products", "0", "price"),
        ("context", "page", "path"),
        ("traits", "tags"),
    }


def test_a_predicate_can_be_bound_to_another_representation() -> None:
    predicate = compile_fql("type = track and properties.revenue > 5")
    bound = predicate.bind(lambda path: lambda row: row.get("/".join(path)))
    assert bound({"type": "track", "properties/revenue": 6}) is True
    assert bound({"type": "track"}) is False


def test_predicates_of_the_same_text_are_equal() -> None:
    assert compile_fql("type = a") == compile_fql("type = a")
    assert len({compile_fql("type = a"), compile_fql("type = a"), compile_fql("type = b")}) == 2
    assert compile_fql("type = a") != "type = a"
    assert repr(compile_fql("type = a")) == "<Predicate 'type = a'>"


@pytest.mark.parametrize(
    ("text", "matched", "clause"),
    [
        ("type = track and properties.revenue > 50", False, "properties.revenue > 50"),
        ("type = track and properties.revenue > 40", True, "type = track and properties.revenue > 40"),
        ("type = page or properties.vip or userId = null", True, "properties.vip"),
        ("type = page or userId = null", False, "type = page or userId = null"),
        ("type = track and !(event = 'x' or properties.vip)", False, "properties.vip"),
        ("!contains(event, 'Order')", False, "!contains(event, 'Order')"),
        ("all", True, "all"),
    ],
)
def test_an_explanation_names_the_clause_that_decided(text: str, matched: bool, clause: str) -> None:
    start = text.index(clause)
    assert compile_fql(text).explain(ORDER) == Explanation(matched, clause, start, start + len(clause))


# Any event, any predicate -------------------------------------------------------------------------------------------

NAMES = [
    *[
        "type",
        "event",
        "userId",
        "properties.a",
        "properties.a.b",
        "properties[0]",
        "context.length",
        "integrations.a[0].b",
    ],
    r"\odd.a",
]
PATHS = st.sampled_from(NAMES)
LITERALS = st.sampled_from(["'x'", "5", "0", "true", "false", "null", "a", "''", "-1.5", "'5'"])
CHANGES = st.sampled_from(["length", "lowercase", "titlecase", "typeof", "string", "number", "bool"])
OPERANDS = PATHS | st.builds("{}({})".format, CHANGES, PATHS)
LEAVES = (
    st.builds("{} {} {}".format, OPERANDS, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), LITERALS)
    | st.builds("{} {} string({})".format, OPERANDS, st.sampled_from(["=", "!=", "<", ">="]), PATHS)
    | st.builds("{} in [{}, {}]".format, OPERANDS, LITERALS, LITERALS)
    | st.builds("{} in {}".format, LITERALS.filter(lambda literal: literal != "a"), PATHS)
    | st.builds(
        "{}match({}, '{}')".format,
        st.sampled_from(["", "!"]),
        OPERANDS,
        st.sampled_from(["*", "a*", "*a*b", "?", "[a-c]x", ""]),
    )
    | st.builds("{}contains({}, {})".format, st.sampled_from(["", "!"]), OPERANDS, LITERALS)
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("!({})".format, inner)
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, EVENTS)
def test_every_predicate_answers_every_event_and_explains_the_same(text: str, event: dict[str, Any]) -> None:
    predicate = compile_fql(text)
    answer = predicate(event)
    assert answer is True or answer is False
    explanation = predicate.explain(event)
    assert explanation.matched is answer
    assert text[explanation.start : explanation.end] == explanation.clause
    assert compile_fql(f"!({text})")(event) is not answer
