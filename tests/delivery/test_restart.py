"""A fleet on the journal on disk, under virtual time: it ends or dies, another begins, and nobody could tell from what arrives.

Also the wall clock, which may jump as it likes: it is asked only for what outlives the process.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.delivery import cursor
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.storage import OnTheSpot
from doorstep.engine.journal.store import Store
from doorstep.engine.policy.retry import INLINE_CAP_S, RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.routing import Route, compile_fql
from doorstep.engine.settings import Duration

pytestmark = pytest.mark.anyio
DAY_S = 86400.0


class Wall:
    """The wall clock: as far from the virtual one as it was last set."""

    def __init__(self) -> None:
        self.offset_s = 1_700_000_000.0

    def utc(self) -> float:
        return anyio.current_time() + self.offset_s


def copied(source: Path, target: Path) -> Path:
    """What another process would find if this one were gone now."""
    target.mkdir()
    for name in ("journal.db", "journal.db-wal", "durable"):
        shutil.copy(source / name, target / name)
    return target


async def feed(w: Any, chunks: int, size: int) -> None:
    for _ in range(chunks):
        await w.feed(size)
        await anyio.sleep(0.01)


async def test_a_clean_restart_goes_on_exactly_where_it_stopped(life: Any, receiver: Any) -> None:
    """Nothing twice, nothing not at all: also of chunks of which the middle was settled first."""
    seen: Counter[int] = Counter()
    fed = 0
    chance = random.Random(3)
    for _ in range(10):
        async with life(fed=fed) as w:
            hook = receiver(lambda ids, now: 200 if chance.random() < 0.5 else 500, latency_s=0.05)
            w.plan("a", hook, batch=BatchSettings(max_events=7))
            w.reconcile()
            assert w.statistics("a").pending_before == fed - sum(seen.values())
            await feed(w, 5, 40)
            await anyio.sleep(chance.random())
            fed = w.fed
            await w.fleet.stop(60)
        seen += hook.seen
    async with life(fed=fed) as w:
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.fleet.drain(3600)
    seen += hook.seen
    assert seen == Counter(range(1, 2001))


async def test_what_was_tried_and_is_filtered_by_the_settings_of_a_later_life_is_explained(
    life: Any, receiver: Any, tmp_path: Path
) -> None:
    async with life() as w:
        w.plan("a", receiver(lambda ids, now: 503))
        w.reconcile()
        await w.feed(3)
        await anyio.sleep(5)
    async with life(fed=3) as w:
        hook = receiver()
        route = Route(name="a", integration="Hook", trigger=compile_fql("messageId = 'm-2'"))
        w.plan("a", hook, version="2", route=route)
        w.reconcile()
        await w.fleet.drain(60)
    assert hook.seen == {2: 1}
    assert [await told(tmp_path / "data", f"m-{n}") for n in (1, 2)] == [("filtered", "trigger"), ("delivered", "")]


async def told(folder: Path, message_id: str) -> tuple[str, str]:
    """What explain says of the event, when nobody runs."""
    store, queries, worker = Store(folder), Queries(folder), OnTheSpot()
    store.opened()
    desk = LocalDesk(store, queries, worker, worker, utc=lambda: 1.7e9)
    (found,) = await desk.explain(message_id)
    queries.close()
    store.close(clean=True)
    return found.stories[0].state, found.stories[0].reason


async def test_after_a_crash_everything_arrives_and_at_most_a_moments_worth_twice(
    life: Any, receiver: Any, tmp_path: Path
) -> None:
    seen: Counter[int] = Counter()
    fed, folder = 0, tmp_path / "data"
    chance = random.Random(4)
    lives = 12
    for number in range(lives):
        async with life(folder=folder, fed=fed) as w:
            hook = receiver(latency_s=0.01)
            w.plan("a", hook, batch=BatchSettings(max_events=5), in_flight=2)
            w.reconcile()
            await feed(w, 10, 20)
            await anyio.sleep(chance.random() * 0.2)
            await w.log.settled()
            fed, before = w.fed, hook.seen.copy()
            folder = copied(folder, tmp_path / f"life-{number}")
        seen += before
    async with life(folder=folder, fed=fed) as w:
        hook = receiver()
        w.plan("a", hook)
        w.reconcile()
        await w.fleet.drain(3600)
    seen += hook.seen
    assert set(seen) == set(range(1, 200 * lives + 1))
    repeats = sum(seen.values()) - len(seen)
    assert repeats <= lives * (2 * 5 + 2 * 5 * 10)  # in flight, and 100 ms of acks at 10 ms each, two at a time


async def test_the_schedule_of_a_parked_event_survives_a_restart(life: Any, receiver: Any) -> None:
    tries: list[float] = []
    begin = anyio.current_time()
    fed = 0
    for end in (100.0, 1000.0, 2700.0):
        async with life(fed=fed) as w:
            hook = receiver(lambda ids, now: 500 if 7 in ids else 200)
            w.plan("a", hook, retry=RetrySettings(preset="webhook"), batch=BatchSettings(max_events=1))
            w.reconcile()
            if not fed:
                await w.feed(20)
            while anyio.current_time() < begin + end:
                await w.feed(1)
                await anyio.sleep(min(30.0, begin + end - anyio.current_time()))
            fed = w.fed
            s = w.statistics("a")
            tries += [at - begin for at, ids, _ in hook.requests if 7 in ids]
    assert (s.parked, s.dead_lettered) == (1, 0)
    waits = [later - earlier for earlier, later in pairwise(tries) if later - earlier > 100]
    for wait, middle in zip(waits, [300, 1800], strict=True):
        assert 0.8 * middle <= wait <= 1.2 * middle + 30


async def test_a_thousand_jumps_of_the_wall_clock_delay_nothing_and_expire_nothing(life: Any, receiver: Any) -> None:
    """Of one second to thirty days, in both directions, while events are parked and across restarts."""
    chance, wall, cap_s = random.Random(5), Wall(), 60.0
    tries: dict[int, list[float]] = {}
    fed = dead = expired = 0
    for _ in range(10):
        async with life(utc=wall.utc, fed=fed) as w:
            begin = anyio.current_time()
            for times in tries.values():
                times.append(begin)  # a restart: it waits at most once more as long
            hook = receiver(lambda ids, now: 500 if len(ids) == 1 and ids[0] % 100 == 50 else 200)
            retry = RetrySettings(preset=None, base=Duration("1s"), cap=Duration("60s"))
            w.plan("a", hook, retry=retry, batch=BatchSettings(max_events=1))
            w.reconcile()
            for _ in range(100):
                wall.offset_s += chance.choice([-1, 1]) * 10 ** chance.uniform(0, 6.4136)
                await w.feed(1)
                await anyio.sleep(chance.choice([0.1, 1, 3]))
            fed = w.fed
            s = w.statistics("a")
            dead, expired = dead + s.dead_lettered, expired + s.expired
            for at, ids, answer in hook.requests:
                if answer == 500:
                    tries.setdefault(ids[0], []).append(at)
            end = anyio.current_time()
            for times in tries.values():
                gaps = [later - earlier for earlier, later in zip(times, [*times[1:], end], strict=True)]
                assert (
                    max(gaps) <= cap_s + INLINE_CAP_S
                )  # a try that tells nothing of the event is made again before it counts
                times[:] = times[-1:]
    assert (fed, dead, expired, len(tries)) == (1000, 0, 0, 10)


async def test_a_thousand_jumps_change_no_try_of_a_life_by_a_moment(life: Any, receiver: Any, tmp_path: Path) -> None:
    """The same life twice, with jumps of one second to thirty days and without: every request comes at the same time."""

    async def lived(folder: Path, furthest: float) -> tuple[list[Any], Any]:
        chance, wall = random.Random(5), Wall()
        async with life(folder=folder, utc=wall.utc) as w:
            begin = anyio.current_time()
            hook = receiver(lambda ids, now: 500 if len(ids) == 1 and ids[0] % 100 == 50 else 200)
            w.plan("a", hook, retry=RetrySettings(preset="webhook"), batch=BatchSettings(max_events=1))
            w.reconcile()
            for _ in range(1000):
                wall.offset_s += furthest * chance.choice([-1, 1]) * 10 ** chance.uniform(0, 6.4136)
                await w.feed(1)
                await anyio.sleep(chance.choice([0.1, 1, 3]))
            s = w.statistics("a")
            return [(round(at - begin, 6), ids, answer) for at, ids, answer in hook.requests], s

    calm, steady = await lived(tmp_path / "calm", 0.0)
    jumpy, shaken = await lived(tmp_path / "jumpy", 1.0)
    assert jumpy == calm
    assert (shaken.expired, shaken.dead_lettered) == (steady.expired, steady.dead_lettered) == (0, 0)
    assert sum(answer == 500 for _, _, answer in calm) >= 30


async def test_no_try_is_early_because_of_a_jump(life: Any, receiver: Any) -> None:
    wall = Wall()
    async with life(utc=wall.utc) as w:
        hook = receiver(lambda ids, now: 500 if 1 in ids else 200)
        retry = RetrySettings(preset="webhook")
        w.plan("a", hook, retry=retry, batch=BatchSettings(max_events=1))
        w.reconcile()
        await w.feed(1)
        for _ in range(520):
            await w.feed(1)
            await anyio.sleep(5)
            wall.offset_s += 30 * DAY_S
        tries = [at for at, ids, _ in hook.requests if 1 in ids]
    waits = [later - earlier for earlier, later in pairwise(tries) if later - earlier > 100]
    for wait, middle in zip(waits, [300, 1800], strict=True):
        assert 0.8 * middle <= wait <= 1.2 * middle + 5


async def test_as_many_open_chunks_as_there_may_be_are_all_read_again(
    life: Any, receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "MAX_OPEN", 64)
    async with life() as w:
        w.plan("a", receiver(latency_s=10), batch=BatchSettings(max_wait=Duration("60s")))
        w.reconcile()
        await feed(w, 100, 1)
        await anyio.sleep(1)
        assert len(w.fleet.state_of("a").cursor.position().open) == 64
        folder = copied(tmp_path / "data", tmp_path / "copy")
    healthy = receiver()
    async with life(folder=folder, fed=100) as w:
        w.plan("a", healthy)
        w.reconcile()
        await w.fleet.drain(60)
        assert w.statistics("a").pending_before == 100
    assert healthy.seen == Counter(range(1, 101))


async def test_an_event_that_was_parked_and_then_delivered_is_not_sent_again(life: Any, receiver: Any) -> None:
    hook = receiver(lambda ids, now: 500 if 3 in ids and now < 300 else 200)
    async with life() as w:
        w.plan("a", hook, retry=RetrySettings(preset="webhook"))
        w.reconcile()
        while w.statistics("a").parked == 0:
            await feed(w, 1, 10)
            await anyio.sleep(1)
        await w.fleet.drain(3600)
        fed = w.fed
    assert hook.seen == Counter(range(1, fed + 1))
    async with life(fed=fed) as w:
        w.plan("a", hook)
        w.reconcile()
        assert w.statistics("a").pending_before == 0
        await anyio.sleep(600)
    assert hook.seen == Counter(range(1, fed + 1))


@pytest.mark.parametrize("late", [200, 400, 500])
async def test_a_destination_that_goes_and_comes_back_in_the_middle_of_a_request_repeats_no_more_than_that(
    life: Any, receiver: Any, late: int
) -> None:
    """What the request came to is told to nobody: its event is the returned one's, which sends it too."""
    async with life() as w:
        slow, hook = receiver(lambda ids, now: late, latency_s=1.5), receiver()
        w.plan("a", slow)
        w.reconcile()
        await w.feed(1)
        await anyio.sleep(0.3)
        plan = w.plans.pop("a")
        w.reconcile()
        w.plans["a"], w.receivers["a"] = plan, hook
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(3)
        assert (slow.requests[0][1:], hook.seen) == (([1], late), dict.fromkeys(range(1, 7), 1))
    async with life(fed=6) as w:
        again = receiver()
        w.plan("a", again)
        w.reconcile()
        await anyio.sleep(60)
    assert again.seen == {}
