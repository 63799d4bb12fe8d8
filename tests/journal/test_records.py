"""What is kept beside the events, as values: bitmaps, positions, runs of numbers, histories."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from doorstep.engine.journal.records import (
    TRIES_KEPT,
    OpenChunk,
    ParkedEvent,
    Position,
    Standing,
    Try,
    joined,
    open_chunk,
    ranges_of,
)
from doorstep.engine.journal.sealing import packed, unpacked
from hypothesis import given
from hypothesis import strategies as st

flag_lists = st.lists(st.integers(0, 1), min_size=1, max_size=700).map(bytearray)


def test_what_is_no_text_in_a_row_is_made_one_and_all_else_is_as_it_was() -> None:
    half = Try(3.5, "no \ud83d", 400)
    assert unpacked(packed([half, b"\xff", {"\ude00": 1}]), object) == [[3.5, "no ?", 400], b"\xff", {"?": 1}]
    assert unpacked(packed(half), Try) == Try(3.5, "no ?", 400)


@given(first=st.integers(1, 2**62), flags=flag_lists)
def test_a_bitmap_comes_back_as_it_was(first: int, flags: bytearray) -> None:
    chunk = msgspec.msgpack.decode(msgspec.msgpack.encode(open_chunk(first, flags)), type=OpenChunk)
    assert (chunk.first, chunk.count, chunk.flags, chunk.unsettled) == (first, len(flags), flags, flags.count(0))
    assert len(chunk.bits) == (len(flags) + 7) // 8


def test_the_bits_of_a_bitmap_are_these() -> None:
    flags = bytearray([1, 0, 0, 0, 0, 0, 0, 1, 1, 0])
    assert open_chunk(5, flags) == OpenChunk(5, 10, b"\x81\x01")
    assert OpenChunk(5, 10, b"\x81\x01").flags == flags


def test_a_position_knows_what_is_settled() -> None:
    position = Position(20, (OpenChunk(5, 3, b"\x05"), OpenChunk(12, 2, b"\x01")))
    assert position.watermark == 6
    assert position.unsettled(25) == 5 + 1 + 1
    assert [number for number in range(1, 23) if not position.is_settled(number)] == [6, 13, 20, 21, 22]
    assert (Position(20).watermark, Position(20).unsettled(20)) == (20, 0)


def test_the_watermark_passes_over_chunks_that_are_settled_but_not_closed() -> None:
    assert Position(20, (OpenChunk(5, 2, b"\x03"), OpenChunk(9, 2, b"\x01"))).watermark == 10
    assert Position(20, (OpenChunk(5, 2, b"\x03"),)).watermark == 20


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [
        ([], []),
        ([4], [(4, 4)]),
        ([4, 5, 6], [(4, 6)]),
        ([4, 6, 7, 9], [(4, 4), (6, 7), (9, 9)]),
        ([1, 2, 4, 5], [(1, 2), (4, 5)]),
    ],
)
def test_numbers_as_runs(numbers: list[int], ranges: list[tuple[int, int]]) -> None:
    assert ranges_of(numbers) == ranges


@given(st.sets(st.integers(1, 60)))
def test_runs_hold_the_numbers_that_they_were_made_of_and_no_others(chosen: set[int]) -> None:
    ranges = ranges_of(sorted(chosen))
    assert [number for first, last in ranges for number in range(first, last + 1)] == sorted(chosen)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))


def test_a_history_keeps_the_first_try_and_the_latest() -> None:
    history: list[Try] = []
    for at in range(100):
        history = joined(history, Try(float(at), "http_500", 500))
    assert len(history) == TRIES_KEPT
    assert [one.at for one in history] == [0.0, *map(float, range(100 - TRIES_KEPT + 1, 100))]


def test_joining_leaves_the_history_it_was_given_alone() -> None:
    """Two halves of a batch share one."""
    history = [Try(1.0, "timeout")]
    joined(history, Try(2.0, "timeout"))
    assert history == [Try(1.0, "timeout")]


def test_a_death_in_an_attempt_at_the_same_watermark_counts_up_and_another_begins_anew() -> None:
    first = Standing(paused=True, trying=8).after_death(7)
    assert (first.paused, first.died_at, first.deaths, first.trying) == (True, 7, 1, None)
    assert msgspec.structs.replace(first, trying=8).after_death(7).deaths == 2
    assert msgspec.structs.replace(first, trying=9).after_death(9).deaths == 1
    assert msgspec.structs.replace(first, trying=9).after_death(7).deaths == 1, (
        "of another attempt: from outside, maybe"
    )
    assert first.after_death(7).deaths == 0


def test_rows_of_an_older_version_are_read_with_defaults_for_what_came_later() -> None:
    row = msgspec.msgpack.encode({"number": 4, "line": b"{}", "source": "s", "received": 1.0, "due": 2.0})
    assert msgspec.msgpack.decode(row, type=ParkedEvent) == ParkedEvent(
        number=4, line=b"{}", source="s", received=1.0, due=2.0, waited_s=0.0, attempts=0, tries=[], replay=None
    )
