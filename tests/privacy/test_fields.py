"""Field rules: what goes, that nothing else does, and that an event with nothing to hide passes as the very same bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from doorstep.engine.model import MAX_DEPTH
from doorstep.engine.privacy import FieldRules, FieldSettings
from doorstep.engine.privacy.fields import keys_of
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text


def deny(*paths: str) -> FieldRules:
    return FieldRules(FieldSettings(deny=paths))


def allow(*paths: str) -> FieldRules:
    return FieldRules(FieldSettings(allow=paths))


# What goes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "line", "expected"),
    [
        (deny("context.ip"), b'{"type":"page","context":{"ip":"::1","os":1}}', b'{"type":"page","context":{"os":1}}'),
        (deny("context.ip"), b'{"context": {"ip": 1}, "type": "page"}', b'{"context":{},"type":"page"}'),
        (deny("context"), b'{"type":"page","context":{"ip":1}}', b'{"type":"page"}'),
        (deny("context.ip", "context"), b'{"type":"page","context":{"ip":1}}', b'{"type":"page"}'),
        (
            deny("properties.products.cost"),
            b'{"properties":{"cost":1,"products":[{"cost":2,"sku":"a"},"b",{"sku":"c"},[{"cost":3}]]}}',
            b'{"properties":{"cost":1,"products":[{"sku":"a"},"b",{"sku":"c"},[{}]]}}',
        ),
        (
            deny("properties.products.cost"),
            b'{"properties":{"products":{"cost":2}}}',
            b'{"properties":{"products":{}}}',
        ),
        (deny(r"properties.a\.b"), b'{"properties":{"a.b":1,"a":{"b":2}}}', b'{"properties":{"a":{"b":2}}}'),
        (deny(r"properties.\7"), b'{"properties":{"7":1}}', b'{"properties":{}}'),
        (deny("$.traits.email"), b'{"traits":{"email":1}}', b'{"traits":{}}'),
        (deny("level"), b'{"level":"x","message":"y"}', b'{"message":"y"}'),
        (
            allow("properties.order_id", "properties.products.sku"),
            b'{"name":"n","integrations":{"All":true},"context":{"ip":1},"extra":1,"properties":{"order_id":9,"total":5}}',
            b'{"name":"n","integrations":{"All":true},"properties":{"order_id":9}}',
        ),
        (
            allow("properties.products.sku"),
            b'{"type":"track","userId":"u","properties":{"products":[{"sku":"a","cost":1},"b",{"cost":2}]}}',
            b'{"type":"track","userId":"u","properties":{"products":[{"sku":"a"},{}]}}',
        ),
        (allow("context.page"), b'{"context":{"page":{"url":1},"ip":2}}', b'{"context":{"page":{"url":1}}}'),
        (allow("context.page.url"), b'{"type":"page","context":{"page":"x"}}', b'{"type":"page","context":{}}'),
        (allow("context", "context.ip"), b'{"context":{"a":1,"ip":2},"traits":{}}', b'{"context":{"a":1,"ip":2}}'),
        (allow("traits"), b'{"traits":{"a":1},"properties":{}}', b'{"traits":{"a":1}}'),
    ],
)
def test_what_goes_and_what_stays(rules: FieldRules, line: bytes, expected: bytes) -> None:
    assert rules.clean(line) == expected
    assert rules.clean_event(json.loads(line)) == json.loads(expected)


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (deny("context.ip"), b'{ "type": "page" }'),
        (deny("context.ip"), b'{"type": "page", "properties": {"ip": 1}, "context": {"a": {"ip": 1.50}}}'),
        (deny("context.ip"), b'{"type":"page","context":"ip","properties":{"ip":"\\u00e9"}}'),
        (deny("context.ip"), b' {"ip":1,"context":null}'),
        (deny("context.ip"), b'{"ip":1e999,"context":[1,"ip",{}]}'),
        (allow("properties.a"), b'{"type": "track", "properties": {"a": 1.50}, "name": "\\u00e9"}'),
        (allow("properties", "x"), b'{"x":1e999,"properties":[1,2]}'),
    ],
)
def test_an_event_with_nothing_to_hide_is_the_same_bytes(rules: FieldRules, line: bytes) -> None:
    assert rules.clean(line) is line


def test_what_stays_keeps_its_bytes() -> None:
    line = b'{"context":{"ip":1,"n":1.50,"big":123456789012345678901234567890,"inf":1e999,"t":"\\u00e9\\/","o":{ "x" : 1 }}}'
    assert deny("context.ip").clean(line) == (
        b'{"context":{"n":1.50,"big":123456789012345678901234567890,"inf":1e999,"t":"\\u00e9\\/","o":{ "x" : 1 }}}'
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"context":{"ip":1},"context":{"a":2}}', b'{"context":{"a":2}}'),
        (b'{"context": {"ip": 1}, "a": 1, "context": {"b": 2}}', b'{"context":{"b": 2},"a":1}'),
        (b'{"context":{"\\u0069p":1}}', b'{"context":{}}'),
        (b'{"c\\u006fntext":{"ip":1}}', b'{"context":{}}'),
        (b'{"context":{"a":{"ip":1},"a":2,"ip":3}}', b'{"context":{"a":2}}'),
    ],
)
def test_nothing_hides_behind_a_key_written_twice_or_with_escapes(line: bytes, expected: bytes) -> None:
    assert deny("context.ip").clean(line) == expected


def test_a_line_may_nest_as_deep_as_it_may_come_in() -> None:
    deep = b"[" * (MAX_DEPTH - 3)
    line = b'{"properties":{"products":' + deep + b'{"cost":1}' + b"]" * len(deep) + b"}}"
    assert deny("properties.products.cost").clean(line) == line.replace(b'"cost":1', b"")
    assert allow("properties.products.sku").clean(line) == line.replace(b'"cost":1', b"")


# What may be written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("context.ip", ["context", "ip"]),
        ("$.context.ip", ["context", "ip"]),
        (r"properties.a\.b.c", ["properties", "a.b", "c"]),
        (r"properties.\0.\\.\*", ["properties", "0", "\\", "*"]),
        ("properties.Größe 1", ["properties", "Größe 1"]),
    ],
)
def test_a_path_names_keys(path: str, keys: list[str]) -> None:
    assert keys_of(path) == keys


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected `deny` or `allow`, one of the two"),
        ({"deny": ("context.ip",), "allow": ("traits",)}, "expected `deny` or `allow`, one of the two"),
        ({"deny": ()}, '`deny`: names no field; write at least one, such as "context.ip"'),
        ({"allow": ()}, '`allow`: names no field; write at least one, such as "context.ip"'),
        ({"deny": ("",)}, '`deny`: "" has an empty part; write keys with dots between them'),
        ({"deny": ("a..b",)}, '`deny`: "a..b" has an empty part; write keys with dots between them'),
        ({"allow": ("a[0]",)}, '`allow`: "a[0]" has an index: a path runs through lists, so leave it out'),
        (
            {"deny": ("a.0.b",)},
            '`deny`: "a.0.b" has an index: a path runs through lists, so leave it out (a key is written \\0)',
        ),
        (
            {"deny": ("traits.*",)},
            '`deny`: "traits.*" has a *: a path includes all that is below it, so leave the * out',
        ),
        ({"deny": ("a\\",)}, '`deny`: "a\\" ends in a backslash'),
        *[
            ({"deny": (name,)}, f'`deny`: "{name}" cannot be denied: no destination could do with an event without it')
            for name in ("type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event", "timestamp")
        ],
    ],
)
def test_a_rule_that_could_not_hold_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        FieldSettings(**settings)


# For any event and any rules ------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "ip", "a.b", "é", "properties", "context", "name", "extra"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
EVENTS = st.dictionaries(KEYS, VALUES, max_size=5)
PATHS = st.lists(st.lists(KEYS, min_size=1, max_size=3), min_size=1, max_size=4)
LAYOUTS = st.sampled_from(
    [
        {"separators": (",", ":"), "ensure_ascii": False},
        {"separators": (", ", ": ")},
        {"separators": (" ,", " : ")},
        {"indent": 1},
    ]
)
ALWAYS_ALLOWED = ("name",)


def written(paths: list[list[str]]) -> tuple[str, ...]:
    return tuple(".".join(key.replace(".", r"\.") for key in path) for path in paths)


def leaves(value: Any, keys: tuple[str, ...] = (), place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any, Any]]:
    """Each value that is no container: the keys down to it, those with the indexes between them, and itself."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*keys, key), (*place, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, keys, (*place, index))
    else:
        yield keys, place, value


def is_named(keys: tuple[str, ...], paths: list[list[str]]) -> bool:
    return any(keys[: len(path)] == tuple(path) for path in paths)


@given(EVENTS, PATHS, LAYOUTS)
def test_deny_takes_what_is_named_and_nothing_else(event: Any, paths: list[list[str]], layout: Any) -> None:
    rules, before = deny(*written(paths)), copy.deepcopy(event)
    line = json.dumps(event, **layout).encode()
    cleaned = rules.clean_event(event)
    assert event == before
    assert list(leaves(cleaned)) == [leaf for leaf in leaves(event) if not is_named(leaf[0], paths)]
    assert json.loads(rules.clean(line)) == cleaned
    assert list(leaves(json.loads(rules.clean(line)))) == list(leaves(cleaned))
    assert (rules.clean(line) is line) is (cleaned == event) is (cleaned is event)
    assert rules.clean(rules.clean(line)) == rules.clean(line)


@given(EVENTS, PATHS, LAYOUTS)
def test_allow_leaves_what_is_named_and_nothing_else(event: Any, paths: list[list[str]], layout: Any) -> None:
    rules, before = allow(*written(paths)), copy.deepcopy(event)
    line = json.dumps(event, **layout).encode()
    cleaned = rules.clean_event(event)
    allowed = [*paths, *([name] for name in ALWAYS_ALLOWED)]
    assert event == before
    assert [(keys, value) for keys, _, value in leaves(cleaned)] == [
        (keys, value) for keys, _, value in leaves(event) if is_named(keys, allowed)
    ]
    assert json.loads(rules.clean(line)) == cleaned
    assert (rules.clean(line) is line) is (cleaned == event) is (cleaned is event)
    assert rules.clean(rules.clean(line)) == rules.clean(line)


@given(EVENTS, EVENTS, PATHS)
def test_of_a_key_written_twice_the_last_one_counts(first: Any, last: Any, paths: list[list[str]]) -> None:
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for one in (first, last) for key, value in one.items()]
    line = f"{{{', '.join(members)}}}".encode()
    for rules in (deny(*written(paths)), allow(*written(paths))):
        cleaned = rules.clean(line)
        assert json.loads(cleaned) == rules.clean_event(json.loads(line))
        if cleaned is line and rules.clean_event(first) is not first:
            assert not first.keys() & last.keys()
