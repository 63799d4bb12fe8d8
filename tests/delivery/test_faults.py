"""Actors that die in every way there is: nothing is lost, nobody else notices, each comes back within its budget."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from doorstep.engine.model import Request, Response
from doorstep.engine.policy.window import BatchSettings

pytestmark = pytest.mark.anyio

FAULTS = 2000
SLOWEST_RESTART_S = 30 + 5 + 1
"""The cap of the backoff, what closing may take, and an attempt."""


class Saboteur:
    """Wraps a receiver: at each await there is a chance that something breaks, until `left` is used up."""

    def __init__(self, receiver: Any, seed: int, left: int) -> None:
        self.receiver = receiver
        self.random = random.Random(seed)
        self.left = left
        self.cancel: Callable[[], None] = lambda: None
        self.crashes: list[float] = []
        self.openings: list[float] = []
        self.cut_short: set[int] = set()
        """Ids that the receiver took although the attempt ended in a crash: these it may see again."""

    async def open(self) -> Saboteur:
        self.openings.append(anyio.current_time())
        await self.maybe_break(0.05)
        return self

    async def send(self, request: Request, timeout_s: float) -> Response:
        await self.maybe_break(0.05)
        response: Response = await self.receiver.send(request, timeout_s)
        try:
            await self.maybe_break(0.1)
        except BaseException:
            if response.status == 200:
                self.cut_short.update(self.receiver.requests[-1][1])
            raise
        return response

    async def aclose(self) -> None:
        await anyio.sleep(self.random.choice([0, 0, 0.01, 1, 100]))

    async def maybe_break(self, chance: float) -> None:
        if self.left <= 0 or self.random.random() > chance:
            return
        self.left -= 1
        self.crashes.append(anyio.current_time())
        kind = self.random.randrange(3)
        if kind == 0:
            self.cancel()
            await anyio.sleep(1)
        raise (ZeroDivisionError("sabotage"), RuntimeError("sabotage"), OSError("sabotage"))[kind]


@pytest.mark.long
@pytest.mark.timeout(200)
async def test_two_thousand_faults_lose_nothing_and_disturb_nobody(world: Any, receiver: Any) -> None:
    async with world(memory_log=2**28) as w:
        flaky = receiver(lambda ids, now: 200 if now % 7 > 1 else 503)
        saboteur = Saboteur(flaky, seed=7, left=FAULTS)
        w.plan("sibling", receiver())
        w.plan("victim", saboteur, batch=BatchSettings(max_events=20))
        w.reconcile()
        saboteur.cancel = lambda: w.fleet._served["victim"].supervisor.scope.cancel()
        while saboteur.left > 0:
            await w.feed(50)
            await anyio.sleep(1)
            w.assert_sums()
        await w.fleet.drain(300)

        victim, sibling = w.statistics("victim"), w.statistics("sibling")
        assert len(saboteur.crashes) == FAULTS
        assert set(victim.dead_reasons) <= {"actor_crashed"}
        assert victim.delivered + victim.dead_lettered == w.fed
        assert victim.dead_lettered < w.fed / 1000
        assert len(flaky.seen) + victim.dead_lettered >= w.fed
        assert {n for n, times in flaky.seen.items() if times > 1} <= saboteur.cut_short
        assert (sibling.delivered, sibling.attempts) == (w.fed, len(w.receivers["sibling"].requests))
        assert sibling.latency_ms.p99 < 200
        assert w.log.statistics().chunks == 0
        state = w.fleet._served["victim"].state
        assert (len(state.in_hand), len(state.shelf), state.breaker.statistics().outstanding) == (0, 0, 0)
        for crash in saboteur.crashes:
            following = saboteur.openings[bisect(saboteur.openings, crash) :][:1]
            assert all(again - crash <= SLOWEST_RESTART_S for again in following)


async def test_an_event_that_kills_its_actor_each_time_is_given_up_after_three_lonely_crashes(
    world: Any, receiver: Any
) -> None:
    def poison(ids: list[int], now: float) -> int:
        if 33 in ids:
            raise ZeroDivisionError("poison")
        return 200

    async with world() as w:
        w.plan("a", receiver(poison))
        w.reconcile()
        await w.feed(100)
        await w.fleet.drain(300)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons) == (99, {"actor_crashed": 1})
        assert set(w.receivers["a"].seen.values()) == {1}


async def test_a_destination_that_crashes_too_often_is_marked_and_still_comes_back(world: Any, receiver: Any) -> None:
    class Broken:
        openings = 0

        async def open(self) -> Any:
            self.openings += 1
            if anyio.current_time() < fixed:
                raise RuntimeError("no")
            return healthy

    async with world() as w:
        fixed = anyio.current_time() + 600
        broken, healthy = Broken(), receiver()
        w.plan("a", broken)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(100)
        assert w.statistics("a").state == "crashed"
        await anyio.sleep(600)
        s = w.statistics("a")
        assert (s.state, s.delivered) == ("closed", 10)
        assert broken.openings <= 40


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_out_of_nowhere_costs_a_restart_not_a_slot(world: Any, receiver: Any) -> None:
    """Clients have been seen to let their own internal cancellation escape; the slot must not die of it in silence."""
    answers = iter([200, 200, asyncio.CancelledError()])

    def escape(ids: list[int], now: float) -> int:
        answer = next(answers, 200)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async with world() as w:
        w.plan("a", receiver(escape), in_flight=1)
        w.reconcile()
        for _ in range(10):
            await w.feed(500)
        await w.fleet.drain(10)
        assert w.statistics("a").delivered == 5000
        assert w.receivers["a"].opened == 2
