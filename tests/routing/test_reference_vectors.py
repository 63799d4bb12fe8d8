"""The 116 observed cases of Segment's triggers (`fql-vectors.json`): the same texts accepted, the same answers given.

A case *agrees* when we accept its text just when the reference does, and answer each of its events as the reference
does. Those that do not are in `DIFFERS`, with the reason: the reference gives an error, it is one of its traps, or `match`
is a glob here. `NEVER` are texts that the reference accepts and that can match no event at all, whatever is in it: refusing
them changes no answer (an invalid trigger sends nothing), and says why nothing would have been sent.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine.routing import FqlError, compile_fql

CASES: dict[int, dict[str, Any]] = {
    case["id"]: case for case in json.loads((Path(__file__).parent / "fql-vectors.json").read_text("utf-8"))
}

DIFFERS = {
    8: "trap: single quotes",
    29: "error: n right before = at the end of a text",
    31: "trap: silence, the e3 of 1e3 is skipped",
    38: "error: an index in brackets",
    49: "error: contains() of type",
    52: "trap: silence, the missing argument becomes the text eos",
    56: "match",
    57: "match",
    58: "match",
    59: "match",
    61: "match",
    62: "trap: !( )",
    63: "trap: silence, `not` is skipped",
    64: "trap: precedence",
    66: "trap: a function in parentheses",
    67: "error: nesting",
    72: "trap: silence, the stray ) is skipped",
    76: "error: messageId",
    77: "error: integrations",
    78: "error: anonymousId",
    79: "error: groupId",
    81: "error: length()",
    82: "error: lowercase()",
    83: "error: typeof()",
    84: "error: in",
    85: "trap: silence, the second half of the text is skipped",
    87: "trap: silence, the second half of the text is skipped",
    95: "trap: silence, the second `and` is skipped, and what should be before it",
    107: "trap: silence, the last letter is lost",
    111: "error: nesting",
}
NEVER = {
    28: "`> =`: the 5 of >=5 is skipped",
    30: "`-` becomes a number that nothing equals",
    35: "`properties . or`: the rest is skipped",
    37: "`properties . null`: the rest is skipped",
    40: "`items . 0`: the rest is skipped",
    70: "() breaks the evaluation",
    114: "`properties . 1`: the rest is skipped",
    116: "`b` is taken for the operator",
}
TRAPS = {
    "single quotes": r"'.*'",
    "!( )": r"!\(",
    "precedence": r" or .* and ",
    "a function in parentheses": r"and \(contains\(.*\) or ",
    "silence": r"",
}


def of_the_reference(case: dict[str, Any]) -> tuple[bool, list[bool]]:
    """Whether it takes the text, and its answers; what it throws on is not sent."""
    return "error" not in case, [sample.get("match", False) for sample in case.get("events", [])]


def ours(case: dict[str, Any]) -> tuple[bool, list[bool]]:
    """The same of this dialect: what is refused is not sent."""
    events = [sample["event"] for sample in case.get("events", [])]
    try:
        predicate = compile_fql(case["fql"])
    except FqlError:
        return False, [False for _ in events]
    return True, [predicate(event) for event in events]


@pytest.mark.parametrize("number", [number for number in CASES if number not in DIFFERS and number not in NEVER])
def test_a_case_that_is_not_listed_is_accepted_and_answered_as_by_the_reference(number: int) -> None:
    assert ours(CASES[number]) == of_the_reference(CASES[number])


@pytest.mark.parametrize("number", DIFFERS)
def test_a_listed_case_really_differs_and_for_one_of_the_three_reasons(number: int) -> None:
    case, reason = CASES[number], DIFFERS[number]
    assert ours(case) != of_the_reference(case)
    if reason == "match":
        assert re.match(r"match\(", case["fql"])
    elif reason.startswith("error: "):
        assert "error" in case
        assert ours(case)[0]
    else:
        assert re.search(TRAPS[reason.removeprefix("trap: ").partition(",")[0]], case["fql"])
        matches = any(reference(case["ast"], event) for event in EVENTS)
        assert ours(case)[0] or matches, "refusing what can never match is no difference"


def test_at_most_thirty_cases_differ() -> None:
    assert len(DIFFERS) == 30


@pytest.mark.parametrize("number", NEVER)
def test_what_can_never_match_is_refused_and_has_the_same_answers(number: int) -> None:
    case = CASES[number]
    assert can_never_match(case["ast"])
    assert ours(case) == (False, of_the_reference(case)[1])
    assert not any(of_the_reference(case)[1])


def can_never_match(ast: dict[str, Any]) -> bool:
    """A part of an `and` that is broken, has an operator that section 9.4 does not know, or compares with no number."""
    broken = [child is None or child["operator"] not in OPERATORS or no_number(child) for child in ast["children"]]
    return ast["operator"] == "and" and any(broken)


def no_number(node: dict[str, Any]) -> bool:
    if node["operator"] not in ("number_equals", "<", "<=", ">", ">="):
        return False
    try:
        return math.isnan(float(node["value"]))
    except (TypeError, ValueError):
        return True


_TEXT_TESTS = ("contains", "starts_with", "ends_with")
OPERATORS = {
    *(
        "=",
        "!=",
        "number_equals",
        "number_not_equals",
        "<",
        "<=",
        ">",
        ">=",
        "exists",
        "not_exists",
        "is_true",
        "is_false",
    ),
    *_TEXT_TESTS,
    *(f"not_{name}" for name in _TEXT_TESTS),
}


# The reference's own AST, evaluated as section 9.4 says, against more events than each case brings -------------------

VALUES: list[Any] = [
    "x",
    "eos",
    "tr\\",
    "track",
    "a",
    "a\\b",
    "it's",
    "5",
    5,
    4,
    0,
    1,
    2,
    -1.5,
    True,
    False,
    None,
    "",
    "null",
    "axb",
    [7],
    {"a": 0},
    {"b": 2},
]
NAMES = ["x", "n", "a", "b", "an", "items", "order", "data-id", "_x", "x1", "product 1", "é", "or"]
EVENTS: list[dict[str, Any]] = [
    {},
    *(
        {field: value}
        for field in ("type", "event", "name", "userId", "properties", "traits", "context")
        for value in VALUES
    ),
    *({field: {name: value}} for field in ("properties", "traits") for name in NAMES for value in VALUES),
    *({"type": kind, "event": event, "userId": "u"} for kind in ("a", "b", "track") for event in ("b", "x", "y")),
    {"context": {"page": {"path": "/x"}}},
    {"properties": {"product 1": {"price": 2}, "items": [{"id": 1}]}},
]
READ_OTHERWISE = {
    43: {"properties": {"a": 1}},  # the reference looks for a key `properties` in the properties
    65: {"type": "a"},  # precedence
    93: {"type": "a"},  # CRLF
    105: {"type": "a"},  # loses the last letter of the text
}


@pytest.mark.parametrize(
    "number",
    [
        number
        for number, case in CASES.items()
        if "error" not in case and number not in {**DIFFERS, **NEVER, **READ_OTHERWISE}
    ],
)
def test_the_ast_of_the_reference_agrees_on_four_hundred_more_events(number: int) -> None:
    predicate = compile_fql(CASES[number]["fql"])
    assert [event for event in EVENTS if predicate(event) != reference(CASES[number]["ast"], event)] == []


@pytest.mark.parametrize("number", READ_OTHERWISE)
def test_the_traps_beyond_a_case_s_own_events(number: int) -> None:
    event = READ_OTHERWISE[number]
    assert reference(CASES[number]["ast"], event) is True
    assert compile_fql(CASES[number]["fql"])(event) is False


def reference(node: dict[str, Any], event: dict[str, Any]) -> bool:
    """Section 9.4, word for word."""
    if node["type"] == "group":
        parts = [reference(child, event) for child in node["children"]]
        return all(parts) if node["operator"] == "and" else any(parts)
    actual, expected = look_up(node, event), node.get("value")
    if node["operator"] in ("exists", "not_exists"):
        return (actual is not None) == (node["operator"] == "exists")
    if node["operator"] in ("is_true", "is_false"):
        return actual is (node["operator"] == "is_true")
    return judge(node["operator"], actual, expected)


def judge(operator: str, actual: Any, expected: Any) -> bool:
    text = {True: "true", False: "false"}.get(expected, str(expected)) if isinstance(expected, bool) else str(expected)
    if operator in ("=", "!="):
        return (isinstance(actual, str) and actual == text) == (operator == "=")
    if isinstance(actual, str):
        fits = {"contains": text in actual, "starts_with": actual.startswith(text), "ends_with": actual.endswith(text)}
        wanted = operator.removeprefix("not_")
        return wanted in fits and fits[wanted] != operator.startswith("not_")
    if operator.endswith(("contains", "with")) or isinstance(actual, bool) or not isinstance(actual, int | float):
        return False
    number = float(expected)
    return {
        "number_equals": actual == number,
        "number_not_equals": actual != number,
        "<": actual < number,
        "<=": actual <= number,
        ">": actual > number,
        ">=": actual >= number,
    }.get(operator, False)


def look_up(node: dict[str, Any], event: dict[str, Any]) -> Any:
    fields = {"event-type": "type", "event-property": "properties", "event-trait": "traits", "event-context": "context"}
    value = event.get(fields.get(node["type"], node["type"]))
    for key in re.findall(r"[^[.\]]+", node.get("name", "")):
        if value is None or value is False or value == 0 or value == "":
            return value
        if isinstance(value, str | list) and key == "length":
            value = len(value)
        elif isinstance(value, list):
            value = value[int(key)] if key.isdigit() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value
