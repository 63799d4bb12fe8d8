"""The log in memory: numbers, readers, room; first come, first served; nobody left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import trio
import trio.testing
from anyio.abc import TaskGroup
from doorstep.engine.clock import Clock
from doorstep.engine.errors import Closed
from doorstep.engine.journal import MemoryLog
from doorstep.engine.journal.memory import EVENT_OVERHEAD_BYTES, LogStatistics, MemoryAccount
from doorstep.engine.journal.records import Position
from doorstep.engine.model import Chunk, Decoded, Event
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio
EVENT_BYTES = 260
"""A line of this length costs a round thousand."""


@asynccontextmanager
async def in_time() -> AsyncIterator[TaskGroup]:
    """A task group that fails, rather than hangs, if somebody waits for ever."""
    with anyio.fail_after(1000):
        async with anyio.create_task_group() as group:
            yield group


def events(count: int) -> Decoded:
    assert EVENT_OVERHEAD_BYTES + EVENT_BYTES == 1000
    return Decoded([b"x" * EVENT_BYTES] * count, [Event("track")] * count, [])


@pytest.fixture
def new() -> Callable[..., tuple[MemoryLog, list[Chunk]]]:
    """`new(max_events)`: a log with room for so many events, and the list of what it announced."""

    def make(max_events: int) -> tuple[MemoryLog, list[Chunk]]:
        stored: list[Chunk] = []
        return MemoryLog(max_events * 1000, stored.append, Clock(utc=lambda: 1700.0), "log-1"), stored

    return make


async def test_numbers_go_on_without_a_gap_and_every_chunk_is_announced(new: Any) -> None:
    log, stored = new(10)
    tickets = [await log.take(events(3), "a"), await log.take(events(2), "b")]
    assert [await ticket.stored() for ticket in tickets] == [1, 4]
    chunk = stored[1]
    assert [(one.first, one.end, one.size_bytes) for one in stored] == [(1, 4, 3000), (4, 6, 2000)]
    assert [envelope.number for envelope in chunk.envelopes] == [4, 5]
    receipt = chunk.envelopes[0].receipt
    assert (receipt.source, receipt.received, receipt.log_id) == ("b", 1700.0, "log-1")
    assert log.end == 6


async def test_what_nobody_reads_is_not_held(new: Any) -> None:
    log, _ = new(1)
    for _ in range(3):
        await log.take(events(5), "a")
    assert log.statistics() == LogStatistics(chunks=0, size_bytes=0, end=16, waiting=0)


async def test_a_chunk_is_held_until_its_last_account_lets_it_go(new: Any) -> None:
    log, stored = new(10)
    one, two = log.account("one"), log.account("two")
    assert (one.position, one.is_new) == (Position(1), True)
    await log.take(events(3), "a")
    [chunk] = stored
    one.release(chunk)
    assert await two.read(1) is chunk
    assert log.statistics() == LogStatistics(chunks=1, size_bytes=3000, end=4, waiting=0)
    two.release(chunk)
    assert await two.read(1) is None
    assert repr(log) == "<MemoryLog 0 of 10000 bytes, next 4>"


async def test_a_new_account_starts_at_the_end_or_with_the_oldest_from_which_nothing_is_missing(new: Any) -> None:
    log, chunks = new(10)
    reader = log.account("reader")
    for _ in range(4):
        await log.take(events(2), "a")
    reader.release(chunks[1])
    assert log.account("late").position == Position(9)
    oldest = log.account("oldest", oldest=True)
    assert oldest.position == Position(5)
    for chunk in (chunks[0], chunks[2], chunks[3]):
        reader.release(chunk)
    assert log.statistics().chunks == 2
    oldest.release(chunks[2])
    oldest.close()
    assert log.statistics() == LogStatistics(chunks=0, size_bytes=0, end=9, waiting=0)


async def test_an_account_that_has_closed_holds_nothing_and_may_say_so_again(new: Any) -> None:
    log, stored = new(10)
    reader = log.account("a")
    await log.take(events(2), "a")
    reader.close()
    assert log.statistics().chunks == 0
    reader.release(stored[0])
    reader.close()
    await log.take(events(2), "a")
    assert log.statistics().chunks == 0


async def test_a_chunk_bigger_than_the_log_is_admitted_when_it_is_alone(new: Any) -> None:
    log, stored = new(3)
    reader = log.account("a")
    await log.take(events(9), "a")
    assert log.statistics().size_bytes == 9000
    with anyio.move_on_after(60) as scope:
        await log.take(events(1), "a")
    assert scope.cancelled_caught
    assert log.statistics().waiting == 0
    reader.release(stored[0])
    await log.take(events(1), "a")
    assert log.end == 11


async def test_who_waits_for_room_is_served_in_order_however_little_the_later_ones_want(new: Any) -> None:
    log, stored = new(4)
    reader = log.account("a")
    await log.take(events(3), "0")
    async with in_time() as group:
        for name, size in enumerate((4, 1, 1), start=1):
            group.start_soon(log.take, events(size), str(name))
            await anyio.sleep(1)
        assert log.statistics().waiting == 3
        reader.release(stored[0])
        await anyio.sleep(1)
        assert log.statistics().waiting == 2
        reader.release(stored[1])
    assert [chunk.envelopes[0].receipt.source for chunk in stored] == ["0", "1", "2", "3"]


async def test_a_waiter_that_is_cancelled_lets_the_next_one_go(new: Any) -> None:
    log, stored = new(4)
    reader = log.account("a")
    await log.take(events(3), "0")
    scope = anyio.CancelScope()

    async def greedy() -> None:
        with scope:
            await log.take(events(4), "greedy")

    async with in_time() as group:
        group.start_soon(greedy)
        await anyio.sleep(1)
        group.start_soon(log.take, events(1), "modest")
        await anyio.sleep(1)
        scope.cancel()
    assert [chunk.envelopes[0].receipt.source for chunk in stored] == ["0", "modest"]
    assert log.statistics().waiting == 0
    reader.close()


async def test_closing_refuses_who_comes_and_who_waits(new: Any) -> None:
    log, stored = new(1)
    log.account("a")
    await log.take(events(1), "a")
    refused: list[str] = []

    async def late(name: str) -> None:
        with pytest.raises(Closed):
            await log.take(events(1), name)
        refused.append(name)

    async with in_time() as group:
        for name in "bc":
            group.start_soon(late, name)
            await anyio.sleep(1)
        log.close()
    await late("d")
    assert sorted(refused) == ["b", "c", "d"]
    assert (len(stored), log.statistics().waiting) == (1, 0)


# Beside a model ------------------------------------------------------------------------------------------------------

steps = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 8), st.none() | st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(1, 8), st.none()),
    st.tuples(st.just("account"), st.booleans(), st.none()),
    st.tuples(st.just("release"), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("release"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("close"), st.integers(0, 9), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 3), st.none()),
)


class Model:
    """Which reader holds which chunk, by number."""

    def __init__(self) -> None:
        self.stored: list[Chunk] = []
        self.log = MemoryLog(10_000, self._on_stored, Clock(utc=lambda: 0.0), "log-1")
        self.holds: dict[MemoryAccount, dict[int, Chunk]] = {}
        self.asked: list[int] = []
        self.served: list[int] = []

    def _on_stored(self, chunk: Chunk) -> None:
        self.stored.append(chunk)
        self.served.append(int(chunk.envelopes[0].receipt.source))
        for held in self.holds.values():
            held[chunk.first] = chunk

    async def take(self, ticket: int, count: int, patience_s: int | None) -> None:
        self.asked.append(ticket)
        with trio.CancelScope(deadline=trio.current_time() + patience_s if patience_s is not None else float("inf")):
            try:
                await self.log.take(events(count), str(ticket))
                return
            except Closed:
                pass
        self.asked.remove(ticket)

    def account(self, oldest: bool) -> None:
        reader = self.log.account("a", oldest=oldest)
        start = reader.position.scan
        if not oldest:
            assert start == self.log.end
        held = {first: chunk for held in self.holds.values() for first, chunk in held.items()}
        self.holds[reader] = {first: chunk for first, chunk in held.items() if first >= start}
        ends = [start, *(chunk.end for _, chunk in sorted(self.holds[reader].items()))]
        assert ends[:-1] == sorted(self.holds[reader]), "nothing is missing from where it starts"

    def release(self, which: int, place: int) -> None:
        if self.holds:
            reader = list(self.holds)[which % len(self.holds)]
            held = sorted(self.holds[reader])
            if held:
                reader.release(self.holds[reader].pop(held[place % len(held)]))

    def close(self, which: int) -> None:
        if self.holds:
            reader = list(self.holds)[which % len(self.holds)]
            reader.close()
            del self.holds[reader]

    def check(self) -> None:
        held = {first: chunk for held in self.holds.values() for first, chunk in held.items()}
        s = self.log.statistics()
        assert (s.chunks, s.size_bytes) == (len(held), sum(chunk.size_bytes for chunk in held.values()))
        assert s.size_bytes <= 10_000
        assert self.log.end == 1 + sum(len(chunk.envelopes) for chunk in self.stored)
        assert self.served == [ticket for ticket in self.asked if ticket in self.served], "first come, first served"

    async def play(self, script: list[tuple[str, int, int | None]], clock: trio.testing.MockClock) -> None:
        async with trio.open_nursery() as nursery:
            for ticket, (verb, one, two) in enumerate(script):
                match verb:
                    case "take":
                        nursery.start_soon(self.take, ticket, one, two)
                    case "account":
                        self.account(bool(one))
                    case "release":
                        self.release(one, two or 0)
                    case "close":
                        self.close(one)
                    case "wait":
                        clock.jump(one)
                await trio.testing.wait_all_tasks_blocked()
                self.check()
                waiting = len(self.asked) - len(self.served)
                assert self.log.statistics().waiting == waiting
            self.log.close()
        assert (self.asked, self.log.statistics().waiting) == (self.served, 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=40))
def test_the_log_agrees_with_a_dict_whatever_happens(script: list[tuple[str, int, int | None]]) -> None:
    clock = trio.testing.MockClock()
    trio.run(Model().play, script, clock, clock=clock)


async def test_whoever_has_room_is_not_kept_waiting(new: Any) -> None:
    """A release wakes the first in the queue, who wakes the next when it has what it wanted."""
    log, stored = new(4)
    reader = log.account("a")
    await log.take(events(4), "0")
    async with in_time() as group:
        for name in "1234":
            group.start_soon(log.take, events(1), name)
            await anyio.sleep(1)
        reader.release(stored[0])
    assert [chunk.envelopes[0].receipt.source for chunk in stored] == ["0", "1", "2", "3", "4"]
