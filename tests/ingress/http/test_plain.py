"""NDJSON and arrays: each event byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doorstep.engine.ingress.http.normalise import BadBody
from doorstep.engine.ingress.http.plain import lines_of_plain
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

LIMIT = 100


def lines(body: bytes) -> list[bytes]:
    return lines_of_plain(body, LIMIT).lines


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": 1}\n{"b":2 }\n', [b'{"a": 1}', b'{"b":2 }']),
        (b'{"a": 1}\r\n\r\n{"b":2 }', [b'{"a": 1}', b'{"b":2 }']),
        (b'\xef\xbb\xbf{"a": 1}', [b'{"a": 1}']),
        (b'[{"a": 1}, {"b" :2} ]', [b'{"a": 1}', b'{"b" :2}']),
        (b'\n [\n{"a": 1},\n{"b":\n2}\n]\n', [b'{"a": 1}', b'{"b":2}']),
        (b'{\n  "a": 1\n}\n', [b'{"a":1}']),
        (b"[]", []),
        (b"", []),
        (b" \n ", []),
        (b"nonsense\n{}", [b"nonsense", b"{}"]),
    ],
)
def test_what_a_body_holds(body: bytes, expected: list[bytes]) -> None:
    assert lines(body) == expected


def test_the_lines_are_numbered_as_a_person_counts_them() -> None:
    read = lines_of_plain(b"{}\n\n" + b"x" * 101 + b"\n{}", LIMIT)
    assert (read.lines, list(read.numbers), list(read.too_large), read.last) == ([b"{}", b"{}"], [1, 4], [3], 4)


def test_the_events_of_an_array_are_numbered_from_one() -> None:
    read = lines_of_plain(b'[{},"' + b"x" * 99 + b'",{}]', LIMIT)
    assert (read.lines, list(read.numbers), list(read.too_large), read.last) == ([b"{}", b"{}"], [1, 3], [2], 3)


@pytest.mark.parametrize(("body", "code"), [(b"[{}", "not_json"), (b"[{},]", "not_json"), (b"[" * 5000, "too_deep")])
def test_an_array_that_is_none(body: bytes, code: str) -> None:
    with pytest.raises(BadBody) as caught:
        lines_of_plain(body, LIMIT)
    assert caught.value.code == code


def test_an_event_of_an_array_that_is_no_json_is_there_as_it_came() -> None:
    bad = b'{"t": "\\ud83d"}'
    assert lines(b'[{"a": 1},\n%s, {"b" :2}]' % bad) == [b'{"a": 1}', bad, b'{"b" :2}']


def test_an_array_that_says_what_stands_for_such_an_event_is_refused() -> None:
    with pytest.raises(BadBody) as caught:
        lines(b'[{"t":"\\ud83d"},"\xff set aside"]')
    assert caught.value.code == "not_json"


@given(st.lists(st.dictionaries(text(max_size=5), text(max_size=5) | st.integers(), max_size=3), max_size=5))
def test_an_array_and_ndjson_of_the_same_events_are_the_same(events: list[dict[str, Any]]) -> None:
    written = [json.dumps(event) for event in events]
    array = lines_of_plain(f"[{', '.join(written)}]".encode(), 10_000)
    ndjson = lines_of_plain("\n".join(written).encode(), 10_000)
    assert array.lines == ndjson.lines == [line.encode() for line in written]
