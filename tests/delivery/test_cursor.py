"""The cursor: settled in any order, each event once; the watermark; what is unsettled, exactly."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from doorstep.engine.delivery.cursor import Cursor, CursorStatistics
from doorstep.engine.journal.records import OpenChunk, Position
from doorstep.engine.model import Chunk, Envelope, Event, Receipt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

RECEIPT = Receipt("test", 0.0, 0.0)


def chunk(first: int, events: int) -> Chunk:
    return Chunk(first, [Envelope(first + i, b"{}", Event("track"), RECEIPT) for i in range(events)], events)


@pytest.fixture
def opened() -> tuple[Cursor, Callable[..., list[Envelope]]]:
    """A cursor with the chunks 1..5, 6..8 and 11..12 open, and a way to get events by number."""
    cursor, chunks = Cursor(1), [chunk(1, 5), chunk(6, 3), chunk(11, 2)]
    for one in chunks:
        cursor.open(one)
    by_number = {envelope.number: envelope for one in chunks for envelope in one.envelopes}
    return cursor, lambda *numbers: [by_number[number] for number in numbers]


def numbers(envelopes: list[Envelope]) -> list[int]:
    return [envelope.number for envelope in envelopes]


def test_the_watermark_is_the_oldest_unsettled_event(opened: tuple[Cursor, Callable[..., list[Envelope]]]) -> None:
    cursor, events = opened
    assert (cursor.watermark, cursor.scan) == (1, 13)
    cursor.settle(events(2, 3))
    assert cursor.watermark == 1
    cursor.settle(events(1))
    assert cursor.watermark == 4
    assert repr(cursor) == "<Cursor at 4, 3 chunks open, scan at 13>"


def test_a_settle_across_chunks_with_gaps_closes_those_that_are_complete(
    opened: tuple[Cursor, Callable[..., list[Envelope]]],
) -> None:
    cursor, events = opened
    assert cursor.settle(events(1, 3, 5, 7, 11)) == []
    assert [closed.first for closed in cursor.settle(events(6, 8, 12))] == [6, 11]
    assert numbers(cursor.unsettled()) == [2, 4]
    assert [closed.first for closed in cursor.settle(events(2, 4))] == [1]
    assert cursor.watermark == 13
    assert cursor.statistics() == CursorStatistics(watermark=13, open_chunks=0, unsettled=0)


@pytest.mark.parametrize("again", [(3,), (2, 3), (3, 4), (1, 2, 3, 4, 5), (5, 6, 7, 8, 11), (7,), (6, 8, 11, 12)])
def test_to_settle_one_again_raises_and_changes_nothing(
    opened: tuple[Cursor, Callable[..., list[Envelope]]], again: tuple[int, ...]
) -> None:
    cursor, events = opened
    cursor.settle(events(3, 7))
    cursor.settle(events(6))
    cursor.settle(events(8))
    with pytest.raises(ValueError, match="settled already"):
        cursor.settle(events(*again))
    assert numbers(cursor.unsettled()) == [1, 2, 4, 5, 11, 12]


def test_one_settled_before_does_not_pass_for_another_that_is_not() -> None:
    cursor, one = Cursor(1), chunk(1, 4)
    cursor.open(one)
    cursor.settle(one.envelopes[1:2])
    with pytest.raises(ValueError, match="event 2 is settled already"):
        cursor.settle([one.envelopes[0], one.envelopes[1], one.envelopes[3]])
    assert numbers(cursor.unsettled()) == [1, 3, 4]


@pytest.mark.parametrize("number", [0, 9, 10, 13])
def test_to_settle_one_that_was_never_taken_raises(
    opened: tuple[Cursor, Callable[..., list[Envelope]]], number: int
) -> None:
    with pytest.raises(ValueError, match="never taken"):
        opened[0].settle([Envelope(number, b"{}", Event("track"), RECEIPT)])


def test_a_chunk_is_taken_once() -> None:
    cursor = Cursor(1)
    cursor.open(chunk(1, 3))
    with pytest.raises(ValueError, match="chunk 1 was taken already, the scan is at 4"):
        cursor.open(chunk(1, 3))
    assert numbers(cursor.unsettled()) == [1, 2, 3]


def test_a_gap_counts_as_settled() -> None:
    cursor = Cursor(1)
    cursor.open(chunk(5, 1))
    assert cursor.watermark == 5


def test_a_cursor_goes_on_from_where_it_was_written() -> None:
    cursor = Cursor(1)
    first, second = chunk(1, 3), chunk(4, 10)
    cursor.open(first)
    cursor.open(second)
    cursor.settle([*first.envelopes[1:], *second.envelopes[:9]])
    position = cursor.position()
    assert position == Position(14, (OpenChunk(1, 3, b"\x06"), OpenChunk(4, 10, b"\xff\x01")))
    again = Cursor(position)
    assert (again.watermark, again.scan, again.unread, again.unsettled()) == (1, 14, 1, [])
    assert numbers(again.reopen(first)) == [1]
    assert again.unread == 4
    assert numbers(again.reopen(second)) == [13]
    assert again.unread is None
    assert again.settle([first.envelopes[0], second.envelopes[9]]) == [first, second]
    assert again.position() == Position(14)


def test_a_chunk_is_read_again_once_and_only_if_it_is_the_one() -> None:
    cursor = Cursor(Position(4, (OpenChunk(1, 3, b"\x01"),)))
    with pytest.raises(ValueError, match="chunk 1 is open already, or another one"):
        cursor.reopen(chunk(1, 2))
    cursor.reopen(chunk(1, 3))
    with pytest.raises(ValueError, match="chunk 1 is open already, or another one"):
        cursor.reopen(chunk(1, 3))


def test_what_is_gone_is_skipped_and_counted_if_it_was_not_settled() -> None:
    cursor = Cursor(Position(4, (OpenChunk(1, 3, b"\x01"),)))
    assert cursor.skip(1, 3) == 2
    assert cursor.skip(4, 9) == 6
    assert (cursor.watermark, cursor.scan, cursor.unread) == (10, 10, None)


class CursorMachine(RuleBasedStateMachine):
    """Beside a dict from number to envelope of what is unsettled, and a set of what was settled."""

    def __init__(self) -> None:
        super().__init__()
        self.cursor = Cursor(1)
        self.scan = 1
        self.unsettled: dict[int, Envelope] = {}
        self.settled: dict[int, Envelope] = {}
        self.open: dict[int, set[int]] = {}
        self.chunks: dict[int, set[int]] = {}

    @rule(gap=st.sampled_from([0, 0, 3]), events=st.integers(1, 12))
    def take(self, gap: int, events: int) -> None:
        taken = chunk(self.scan + gap, events)
        self.cursor.open(taken)
        self.scan = taken.end
        self.open[taken.first] = self.chunks[taken.first] = {envelope.number for envelope in taken.envelopes}
        self.unsettled |= {envelope.number: envelope for envelope in taken.envelopes}

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def settle_any(self, data: st.DataObject) -> None:
        picked = data.draw(st.sets(st.sampled_from(sorted(self.unsettled)), min_size=1), label="picked")
        self._settle(sorted(picked))

    @precondition(lambda self: self.unsettled)
    @rule(start=st.integers(0, 30), count=st.integers(1, 30))
    def settle_a_run(self, start: int, count: int) -> None:
        there = sorted(self.unsettled)
        self._settle(there[start % len(there) :][:count])

    @precondition(lambda self: self.settled)
    @rule(data=st.data())
    def settle_again(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(sorted(self.settled)), label="again")
        others = data.draw(st.sets(st.sampled_from(sorted(self.unsettled))) if self.unsettled else st.just(set()))
        everything = self.settled | self.unsettled
        with pytest.raises(ValueError, match=f"event {again} is settled already"):
            self.cursor.settle([everything[number] for number in sorted({again, *others})])

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """Written down as bytes and read again, as at a restart: some chunks are found again, others are gone."""
        written = msgspec.msgpack.encode(self.cursor.position())
        self.cursor = Cursor(msgspec.msgpack.decode(written, type=Position))
        everything = self.settled | self.unsettled
        gone = data.draw(st.sets(st.sampled_from(sorted(self.open))) if self.open else st.just(set()), label="gone")
        while (first := self.cursor.unread) is not None:
            members = sorted(self.chunks[first])
            left = [number for number in members if number in self.unsettled]
            if first in gone:
                assert self.cursor.skip(first, members[-1]) == len(left)
                self.settled |= {number: self.unsettled.pop(number) for number in left}
                del self.open[first]
            else:
                again = Chunk(first, [everything[number] for number in members], 0)
                assert numbers(self.cursor.reopen(again)) == left
        assert self.cursor.scan == self.scan

    def _settle(self, picked: list[int]) -> None:
        closed = self.cursor.settle([self.unsettled[number] for number in picked])
        for number in picked:
            self.settled[number] = self.unsettled.pop(number)
        complete = [first for first, members in self.open.items() if members <= self.settled.keys()]
        assert [one.first for one in closed] == complete
        for first in complete:
            del self.open[first]

    @invariant()
    def agrees(self) -> None:
        assert numbers(self.cursor.unsettled()) == sorted(self.unsettled)
        watermark = min(self.unsettled, default=self.scan)
        assert self.cursor.statistics() == CursorStatistics(watermark, len(self.open), len(self.unsettled))
        position = self.cursor.position()
        assert (position.watermark, position.unsettled(self.scan)) == (watermark, len(self.unsettled))
        assert not any(position.is_settled(number) for number in self.unsettled)
        assert all(position.is_settled(number) for number in self.settled)


TestCursorMachine = CursorMachine.TestCase
TestCursorMachine.settings = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
