"""Outages and schedules of hours and days, in virtual time: what each costs, and that it costs nobody else."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import anyio
import pytest
from doorstep.engine.policy.breaker import BreakerSettings
from doorstep.engine.policy.retry import RetrySettings, timetable
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.settings import Duration

pytestmark = pytest.mark.anyio

HOUR = 3600


@pytest.mark.long
@pytest.mark.timeout(200)
async def test_an_hours_outage_costs_few_probes_no_attempts_and_no_event(world: Any, receiver: Any) -> None:
    events = 100 * HOUR
    async with world(memory_log=events * 1000) as w:
        start = anyio.current_time() + 10
        dead = receiver(lambda ids, now: "connect_refused" if start <= now < start + HOUR else 200)
        w.plan("dead", dead)
        w.plan("sibling", receiver())
        w.reconcile()
        for _ in range(10 * HOUR + 200):
            await w.feed(10)
            await anyio.sleep(0.1)
        await w.fleet.drain(120)

        s = w.statistics("dead")
        probes = [at for at, _, answer in dead.requests if answer != 200]
        assert len(probes) <= 150
        assert (s.delivered, s.parked, s.dead_lettered, s.pending) == (w.fed, 0, 0, 0)
        assert set(dead.seen.values()) == {1}

        sibling = w.statistics("sibling")
        assert sibling.delivered == w.fed
        assert sibling.failed == {}
        assert sibling.latency_ms.p99 < 150


@pytest.mark.parametrize("max_open", ["1s", "60s"])
@pytest.mark.parametrize("answer", [500, "reset", "timeout"])
async def test_what_comes_in_during_a_minutes_outage_arrives_in_order_when_one_request_is_in_flight(
    world: Any, receiver: Any, answer: Any, max_open: str
) -> None:
    async with world() as w:
        start = anyio.current_time() + 1
        hook = receiver(lambda ids, now: answer if start <= now < start + 60 else 200)
        breaker = BreakerSettings(open=Duration("1s"), max_open=Duration(max_open))
        w.plan("a", hook, in_flight=1, timeout_s=2.0, breaker=breaker)
        w.reconcile()
        for _ in range(1200):
            await w.feed(10)
            await anyio.sleep(0.1)
        await w.fleet.drain(120)
        assert hook.order == list(range(1, w.fed + 1))


async def test_after_an_outage_the_breaker_closes_without_flapping(world: Any, receiver: Any) -> None:
    async with world() as w:
        start = anyio.current_time() + 1
        hook = receiver(lambda ids, now: 503 if start <= now < start + 600 else 200)
        w.plan("a", hook)
        w.reconcile()
        for _ in range(7000):
            await w.feed(5)
            await anyio.sleep(0.1)
        await w.fleet.drain(120)
        assert w.statistics("a").state == "closed"
        recovered = [at for at, _, answer in hook.requests if at > start + 600]
        assert recovered[0] <= start + 600 + 61
        assert w.statistics("a").delivered == w.fed


@pytest.mark.parametrize("preset", ["segment", "customerio", "webhook", "forever"])
async def test_a_days_retries_of_one_refused_event_keep_to_the_documented_times(
    world: Any, receiver: Any, preset: Any
) -> None:
    """A healthy receiver that answers 500 to one id: it is tried when the timetable says, its neighbours never wait."""
    retry = RetrySettings(preset=preset)
    async with world() as w:
        hook = receiver(lambda ids, now: 500 if 7 in ids else 200)
        w.plan("a", hook, retry=retry, batch=BatchSettings(max_events=1))
        w.reconcile()
        start, parked_at = anyio.current_time(), 0.0
        while (now := anyio.current_time()) < start + 24 * HOUR:
            await w.feed(1)
            if not parked_at and w.statistics("a").parked:
                parked_at = now
            await anyio.sleep(0.1 if now < start + 60 else 1 if now < start + 600 else 120)
        tries = [at for at, ids, _ in hook.requests if 7 in ids]
        # The first scheduled try is made of quick in-line ones: the last of them is the one after which it is parked.
        first = max(at for at in tries if at <= parked_at)
        table = timetable(retry)
        after = [at - first for at in tries if at >= first]
        assert 3 <= len(tries) - len(after) + 1 <= 6
        due = [(earliest, latest) for earliest, latest in table if earliest <= 24 * HOUR]
        for offset, (earliest, latest) in zip(after, table, strict=False):
            assert earliest <= offset <= latest + 5
        s = w.statistics("a")
        if preset in ("segment", "customerio"):
            assert len(after) == len(table)
            assert (s.dead_reasons, s.parked) == ({"http_500": 1}, 0)
        else:
            assert len(after) >= min(len(due), len(table)) - 1
            assert (s.dead_reasons, s.parked) == ({}, 1)
        assert s.delivered == w.fed - 1
        assert s.latency_ms.p99 < 200


async def test_no_try_comes_after_the_time_when_an_event_is_given_up(world: Any, receiver: Any) -> None:
    """The waits are 4 to 6 s, then 4 to 6 min: the next try would come too late, so the event is given up at once."""
    async with world() as w:
        hook = receiver(lambda ids, now: 500 if 7 in ids else 200)
        retry = RetrySettings(preset="webhook", give_up_after=Duration("10s"))
        w.plan("a", hook, retry=retry, batch=BatchSettings(max_events=1))
        w.reconcile()
        for _ in range(300):
            await w.feed(1)
            await anyio.sleep(0.1)
        tries = [at for at, ids, _ in hook.requests if 7 in ids]
        waits = [later - earlier for earlier, later in pairwise(tries)]
        assert [wait > 1 for wait in waits].count(True) == 1, "one scheduled try, 4 to 6 s after the in-line ones"
        assert 4 <= waits[-1] <= 6.1
        s = w.statistics("a")
        assert (s.dead_reasons, s.parked, s.delivered) == ({"http_500": 1}, 0, 299)
