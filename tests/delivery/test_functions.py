"""What a function's own outcomes do: three tries for the event that it failed at, nothing for those whose turn did not come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from doorstep.engine.policy.breaker import State
from doorstep.engine.sdk import DELIVERED, UNTRIED, Batch, Limits, Outcome, Raised, Settings, Sink, Verdict

pytestmark = pytest.mark.anyio


class Scripted(Sink[Settings]):
    """Answers each event by a script: number of the event, times it was asked before."""

    label = "Scripted"
    description = "For tests."
    Settings = Settings
    limits = Limits()
    keeps_time = True

    def __init__(self, script: Callable[[int, int], Outcome], takes_s: float = 0.001) -> None:
        super().__init__(Settings())
        self.script = script
        self.takes_s = takes_s
        self.asked: Counter[int] = Counter()
        self.writes: list[list[int]] = []

    async def write(self, batch: Batch) -> Verdict:
        await anyio.sleep(self.takes_s)
        numbers = [envelope.number for envelope in batch.envelopes]
        self.writes.append(numbers)
        outcomes = [self.script(number, self.asked[number]) for number in numbers]
        self.asked.update(numbers)
        return outcomes


def serve(w: Any, receiver: type, sink: Scripted) -> None:
    w.plan("f", receiver(), destination=sink, in_flight=1)
    w.reconcile()


async def test_an_event_that_the_function_fails_at_has_three_tries_and_its_neighbours_one(
    world: Any, receiver: type
) -> None:
    sink = Scripted(lambda number, asked: Raised("function_error", "KeyError: 'x'") if number == 3 else DELIVERED)
    async with world() as w:
        serve(w, receiver, sink)
        await w.feed(5)
        await w.fleet.drain(60)
        assert (w.statistics("f").delivered, w.statistics("f").dead_lettered) == (4, 1)
        assert sink.asked == {1: 1, 2: 1, 3: 3, 4: 1, 5: 1}
        assert sink.writes[1:] == [[3], [3]]


async def test_an_event_that_the_function_gets_over_is_delivered(world: Any, receiver: type) -> None:
    sink = Scripted(lambda number, asked: Raised("function_error") if number == 2 and asked < 2 else DELIVERED)
    async with world() as w:
        serve(w, receiver, sink)
        await w.feed(3)
        await w.fleet.drain(60)
        assert w.statistics("f").delivered == 3


async def test_one_that_runs_out_of_time_opens_the_breaker_at_once_and_the_untried_lose_nothing(
    world: Any, receiver: type
) -> None:
    def script(number: int, asked: int) -> Outcome:
        if number == 2:
            return Raised("function_timeout")
        return UNTRIED if number > 2 and not asked else DELIVERED

    sink = Scripted(script)
    async with world() as w:
        serve(w, receiver, sink)
        await w.feed(4)
        await anyio.sleep(1)
        state = w.fleet.state_of("f")
        assert state.breaker.state is State.OPEN
        assert w.statistics("f").delivered == 1
        await w.fleet.drain(600)
        assert (w.statistics("f").delivered, w.statistics("f").dead_lettered) == (3, 1)
        assert sink.asked == {1: 1, 2: 3, 3: 2, 4: 2}


async def test_a_function_that_fails_at_everything_is_called_less_and_less(world: Any, receiver: type) -> None:
    sink = Scripted(lambda number, asked: Raised("function_error"))
    async with world() as w:
        serve(w, receiver, sink)
        for _ in range(20):
            await w.feed(1)
            await anyio.sleep(0.2)
        await anyio.sleep(1)
        assert w.fleet.state_of("f").breaker.state is State.OPEN
        assert len(sink.writes) < 20


async def test_a_sink_that_keeps_the_time_itself_is_not_cut_short(world: Any, receiver: type) -> None:
    sink = Scripted(lambda number, asked: DELIVERED, takes_s=60)
    async with world() as w:
        serve(w, receiver, sink)
        await w.feed(1)
        await w.fleet.drain(600)
        assert (w.statistics("f").delivered, len(sink.writes)) == (1, 1)
