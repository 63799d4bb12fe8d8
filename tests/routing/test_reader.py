"""Whatever the event and the paths: a reader's getter gives what a look-up in the whole decoded event gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doorstep.engine.routing import UNDECODABLE, Reader
from doorstep.engine.routing.lookup import from_dict
from hypothesis import example, given
from hypothesis import strategies as st

from tests.texts import text

LINE = (Path(__file__).parent / "order-completed.json").read_bytes().strip()
FIELDS = st.sampled_from(["type", "event", "properties", "context", "odd field", ""])
KEYS = st.sampled_from(["a", "b", "0", "1", "length", "with space", "é", "class", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text(max_size=4)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
PAIRS = st.lists(st.tuples(FIELDS, OBJECTS | VALUES), max_size=6)
PATHS = st.lists(st.tuples(FIELDS) | st.tuples(FIELDS, KEYS) | st.tuples(FIELDS, KEYS, KEYS), min_size=1, max_size=5)


def line_of(pairs: list[tuple[str, Any]]) -> bytes:
    """An object with its keys as they come, twice the same too."""
    return ("{" + ",".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}").encode()


@given(PAIRS, PATHS)
@example([("properties", {"a": 1}), ("properties", {"b": 2})], [("properties", "a"), ("properties", "b")])
@example([("properties", {"a": 1}), ("properties", "text")], [("properties", "length")])
@example([("properties", None)], [("properties", "a"), ("properties",)])
@example([("properties", {"a": 1, "b": 1.0})], [("properties", "a"), ("properties", "b")])
def test_a_getter_gives_what_the_whole_event_has(pairs: list[tuple[str, Any]], paths: list[tuple[str, ...]]) -> None:
    line = line_of(pairs)
    event = msgspec.json.decode(line)
    reader = Reader(paths)
    view = reader.read(line)
    for path in paths:
        found, wanted = reader.getter(path)(view), from_dict(path)(event)
        assert (found, type(found)) == (wanted, type(wanted))


def test_an_event_of_an_sdk() -> None:
    paths = [
        ("type",),
        ("properties", "revenue"),
        ("properties", "products", "1", "price"),
        ("context", "library"),
        ("traits", "email"),
    ]
    reader = Reader(paths)
    view = reader.read(LINE)
    assert [reader.getter(path)(view) for path in paths] == [
        "track",
        48.5,
        3,
        {"name": "analytics-python", "version": "2.4.0"},
        None,
    ]


def test_a_reader_without_paths_reads_any_object() -> None:
    assert Reader([]).read(LINE) is not None


def test_a_part_that_nobody_reads_may_be_undecodable() -> None:
    reader = Reader([("properties", "a")])
    line = b'{"type": "track", "context": {"x": 1e999}, "properties": {"a": 1, "b": 1e999}}'
    assert reader.getter(("properties", "a"))(reader.read(line)) == 1


def test_an_unusual_shape_beside_an_undecodable_part_is_read() -> None:
    reader = Reader([("properties", "length")])
    line = b'{"context": {"x": 1e999}, "properties": [1, 2]}'
    assert reader.getter(("properties", "length"))(reader.read(line)) == 2


@pytest.mark.parametrize("value", [b"1e999", b'"\xff"', b"[" * 100_000 + b"]" * 100_000, b"1" * 5000])
def test_a_part_that_is_read_and_undecodable_raises(value: bytes) -> None:
    with pytest.raises(UNDECODABLE):
        Reader([("properties", "a")]).read(b'{"properties": {"a": ' + value + b"}}")
