"""What a trigger says and hardly anybody means: each in words, and never wrongly that nothing or everything matches."""

from __future__ import annotations

from typing import Any

import pytest
from doorstep.engine.routing import compile_fql, doubts
from hypothesis import example, given, settings
from hypothesis import strategies as st

NO_DOUBT = [
    "all",
    'type = "track"',
    'event = "Order Completed"',
    'type in ["page", "screen"] and name = "Home"',
    '(type = "track" and event = "A") or type = "page"',
    "properties.revenue > 5 and properties.revenue <= 6",
    'type = "track" and event != "Order Completed"',
    'type = "track" and properties.plan != "free" and properties.plan != null',
    'type = "track" and (properties.plan != "free" or properties.plan = null)',
    'type = "track" and match(event, "Order*")',
    'type = "track" and contains(event, "Order") and event = "Order Completed"',
    'type = "track" and "vip" in properties.tags',
    "properties.products[0].price > 5 and properties.products.length > 2",
    "length(properties.a) > 5 and length(properties.a) < 2",
    'type = "group" and groupId = "g"',
    'type = "page" and event != "x"',
    r'\level = "error"',
]

DOUBTS = {
    'type = "track" and type = "page"': ['never matches: type = "track" and type = "page" contradict each other'],
    'type = "Track"': [
        'never matches: nothing satisfies type = "Track"; types are track, page, screen, identify, group, alias or delete'
    ],
    'type = "page" and event = "Home"': [
        "never matches: event is a field of track events; those of type page have none"
    ],
    'type = "identify" and properties.plan = "pro"': [
        "never matches: properties.plan is a field of track, page or screen events; those of type identify have none"
    ],
    "properties.a > 5 and properties.a < 3": [
        "never matches: properties.a > 5 and properties.a < 3 contradict each other"
    ],
    'properties.a > "abc"': ['never matches: nothing satisfies properties.a > "abc"'],
    '!( type = "track" or type = "page" ) and type = "track"': [
        'never matches: !( type = "track" ) and !( type = "page" ) and type = "track" contradict each other'
    ],
    'type = "track" or (type = "page" and event = "x")': [
        "has a part that never holds: event is a field of track events; those of type page have none"
    ],
    'type != "track" or type != "page"': [
        "matches every event; leave the trigger out, or write `all` if that is meant"
    ],
    "userId = null or userId != null": ["matches every event; leave the trigger out, or write `all` if that is meant"],
    'type = "track" and event = "A" or event = "B"': [
        "`and` binds tighter than `or` (in Segment the last of them holds for all): write parentheses around what belongs together"
    ],
    'type = "track" and properties.plan != "free"': [
        (
            'properties.plan != "free" is also true of events without properties.plan; '
            "add `and properties.plan != null`, or `or properties.plan = null` if that is meant"
        )
    ],
    'type = "track" and match(event, "Order")': [
        'match without * fits the text "Order" alone; write *Order* or Order*, or compare with ='
    ],
}


@pytest.mark.parametrize("text", NO_DOUBT)
def test_what_says_what_it_seems_to_raises_no_doubt(text: str) -> None:
    assert doubts(text) == []


@pytest.mark.parametrize(("text", "expected"), DOUBTS.items(), ids=list(DOUBTS))
def test_each_doubt_is_told_in_words(text: str, expected: list[str]) -> None:
    assert [doubt.message for doubt in doubts(text)] == expected


def test_where_events_are_any_json_no_type_or_field_is_wrong() -> None:
    assert doubts('type = "Track" and event = "x"', of_spec=False) == []
    assert doubts('type = "page" and event = "x"', of_spec=False) == []
    assert len(doubts('type = "a" and type = "b"', of_spec=False)) == 1


def test_a_trigger_of_very_many_alternatives_is_believed() -> None:
    long = " and ".join(f'( properties.k{n} = "a" or properties.k{n} = "b" )' for n in range(12))
    assert doubts(f"{long} and properties.z > 5 and properties.z < 3") == []


paths = st.sampled_from(["type", "properties.a", "properties.b", "userId"])
literals = st.sampled_from(['"track"', '"page"', '"5"', "5", "7", "true", "false", "null"])
comparisons = st.builds("{} {} {}".format, paths, st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), literals)
members = st.builds("{} in [{}, {}]".format, paths, literals, literals)
conditions = st.recursive(
    comparisons | members,
    lambda inner: (
        st.builds("( {} and {} )".format, inner, inner)
        | st.builds("( {} or {} )".format, inner, inner)
        | st.builds("!( {} )".format, inner)
    ),
    max_leaves=6,
)
values = st.sampled_from([None, True, False, 0, 5, 6, 7.5, "", "5", "track", "page", "other", [], {}])
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page"]),
        "userId": st.sampled_from([None, "", "5", "track", "true"]),
        "properties": st.fixed_dictionaries({"a": values, "b": values}),
    }
)


@given(text=conditions, event=events)
@example(text="properties.b > true", event={"type": "track", "userId": None, "properties": {"a": None, "b": 5}})
@example(text='properties.b < "0x10"', event={"type": "track", "userId": None, "properties": {"a": None, "b": 7}})
@settings(max_examples=400)
def test_never_and_always_are_never_said_wrongly(text: str, event: dict[str, Any]) -> None:
    predicate = compile_fql(text)
    told = [doubt.message for doubt in doubts(text)]
    if any(message.startswith("never matches") for message in told):
        assert not predicate(event)
    if any(message.startswith("matches every") for message in told):
        assert predicate(event)
