"""Turn and alarm: first come, first served; no wake-up lost; no turn lost to a cancellation."""

from __future__ import annotations

from collections import deque
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing
from doorstep.engine.delivery.alarm import Alarm
from doorstep.engine.delivery.turn import Turn
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio


async def test_the_turn_goes_round_in_the_order_of_asking() -> None:
    turn, served = Turn(), []

    async def ask(name: int) -> None:
        async with turn:
            served.append(name)
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        for name in range(5):
            group.start_soon(ask, name)
            await anyio.sleep(0.1)
    assert served == [0, 1, 2, 3, 4]


async def test_who_leaves_the_queue_holds_up_nobody() -> None:
    turn, served = Turn(), []

    async def ask(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with turn:
                served.append(name)
                await anyio.sleep(1)

    scopes = {name: anyio.CancelScope() for name in "abc"}
    async with anyio.create_task_group() as group:
        for name, scope in scopes.items():
            group.start_soon(ask, name, scope)
            await anyio.sleep(0.1)
        scopes["b"].cancel()
    assert served == ["a", "c"]
    assert not turn._taken


async def test_who_is_cancelled_just_after_being_called_passes_the_turn_on() -> None:
    turn, served = Turn(), []
    scope = anyio.CancelScope()

    async def called_and_cancelled() -> None:
        with scope:
            async with turn:
                await anyio.lowlevel.checkpoint()
                served.append("cancelled")

    async def last() -> None:
        async with turn:
            served.append("last")

    async with anyio.create_task_group() as group:
        async with turn:
            group.start_soon(called_and_cancelled)
            await anyio.sleep(0.1)
            group.start_soon(last)
            await anyio.sleep(0.1)
        scope.cancel()  # its event is set, and it has not run since
    assert served == ["last"]
    assert not turn._taken


async def test_an_error_inside_gives_the_turn_back() -> None:
    turn = Turn()
    with pytest.raises(KeyError):
        async with turn:
            raise KeyError
    async with turn:
        assert turn._taken


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.none() | st.integers(0, 12)), max_size=8))
def test_whoever_is_cancelled_whenever_one_at_a_time_is_served_and_none_is_forgotten(tasks: Any) -> None:
    """Each task is (when it asks, how long it stays, when it is cancelled), in tenths of a second."""
    turn = Turn()
    inside: list[int] = []
    done: deque[int] = deque()

    async def ask(name: int, at: int, stays: int, cancelled: int | None) -> None:
        with trio.CancelScope(deadline=trio.current_time() + cancelled / 10 if cancelled is not None else float("inf")):
            await trio.sleep(at / 10)
            async with turn:
                inside.append(name)
                assert inside == [name]
                try:
                    await trio.sleep(stays / 10)
                finally:
                    inside.remove(name)
            done.append(name)

    async def main() -> None:
        with trio.fail_after(100):
            async with trio.open_nursery() as nursery:
                for name, (at, stays, cancelled) in enumerate(tasks):
                    nursery.start_soon(ask, name, at, stays, cancelled)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert {name for name, task in enumerate(tasks) if task[2] is None} <= set(done)
    assert (turn._taken, len(turn._queue)) == (False, 0)


async def test_an_alarm_wakes_its_sleeper_at_once() -> None:
    alarm, woke = Alarm(), []

    async def sleeper() -> None:
        await alarm.wait()
        woke.append(anyio.current_time())

    start = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(sleeper)
        await anyio.sleep(3)
        alarm.ring()
    assert woke == [pytest.approx(start + 3)]


async def test_an_alarm_nobody_rings_ends_at_its_time() -> None:
    start = anyio.current_time()
    await Alarm().wait(2.5)
    assert anyio.current_time() - start == pytest.approx(2.5)


async def test_a_ring_before_the_wait_is_not_remembered() -> None:
    alarm, start = Alarm(), anyio.current_time()
    alarm.ring()
    await alarm.wait(1)
    assert anyio.current_time() - start == pytest.approx(1)


async def test_a_cancelled_sleeper_leaves_the_alarm_to_others() -> None:
    alarm = Alarm()
    with anyio.move_on_after(1):
        await alarm.wait()
    await alarm.wait(1)


async def test_a_ring_wakes_all_who_sleep() -> None:
    alarm, woken = Alarm(), []

    async def sleep(timeout_s: float) -> None:
        await alarm.wait(timeout_s)
        woken.append(anyio.current_time() - began)

    async with anyio.create_task_group() as group:
        began = anyio.current_time()
        for timeout_s in (1, 9, 9):
            group.start_soon(sleep, timeout_s)
        await anyio.sleep(2)
        alarm.ring()
    assert woken == [1, 2, 2]
