"""What a destination that is behind may cost in the journal: warned about on the way, and at the limit as its settings say."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.delivery import BacklogSettings
from doorstep.engine.delivery.backlog import expire
from doorstep.engine.errors import JournalError
from doorstep.engine.journal.account import DiskAccount
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import Gap
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.routing import Route, compile_fql
from doorstep.engine.settings import Duration, Size

pytestmark = pytest.mark.anyio
SMALL = BatchSettings(max_events=10)
"""So that hardly anything is taken out of the backlog while nothing is delivered."""


def warned(caplog: Any) -> list[int]:
    """The percentages that were warned of."""
    facts = [record.facts for record in caplog.records if record.getMessage().startswith("the backlog grows")]
    return [fact["percent"] // 10 * 10 for fact in facts]


async def test_a_wall_clock_that_jumps_expires_nothing_and_what_is_really_too_old_all_the_same(
    life: Any, receiver: Any
) -> None:
    """Weeks to and fro, while nothing is delivered. It used to give up everything at the first jump ahead."""
    chance, wall = random.Random(3), [0.0]
    async with life(utc=lambda: anyio.current_time() + wall[0]) as w:
        answers = {"status": 500}
        hook = receiver(lambda ids, now: answers["status"])
        backlog = BacklogSettings(max_age=Duration("20m"), when_full="expire")
        w.plan("a", hook, batch=SMALL, backlog=backlog)
        w.reconcile()
        for _ in range(1000):
            wall[0] += chance.choice([-1, 1]) * 10 ** chance.uniform(0, 6.4136)
            await w.feed(10)
            await anyio.sleep(1)
        assert w.statistics("a").expired == 0
        await anyio.sleep(400)
        aged = w.statistics("a").expired
        assert 1000 <= aged <= 3500, "what was fed in the first 200 seconds, but for what was taken out already"
        answers["status"] = 200
        await w.fleet.drain(600)
        expired = w.statistics("a").expired
    assert len(hook.seen) == 10_000 - expired


async def test_at_its_limit_a_destination_that_blocks_stops_intake_until_it_has_caught_up(
    life: Any, receiver: Any, caplog: Any
) -> None:
    caplog.set_level(logging.WARNING, "doorstep.delivery")
    answers = {"status": 500}
    async with life() as w:
        hook = receiver(lambda ids, now: answers["status"])
        w.plan("a", hook, batch=SMALL, backlog=BacklogSettings(max_bytes=Size(1_000_000)))
        w.plan("b", receiver())
        w.reconcile()
        with anyio.move_on_after(600) as waiting:
            while True:
                await w.feed(100)
                await anyio.sleep(0.1)
        assert waiting.cancelled_caught
        state = w.fleet.state_of("a")
        assert 1_000_000 <= state.account.backlog_bytes <= 1_100_000
        said = warned(caplog)
        assert (said[:2], len(said)) == ([50, 80], 3), "once each on the way up"
        assert said[2] >= 90
        answers["status"] = 200
        await anyio.sleep(120)
        with anyio.fail_after(60):
            await w.feed(100)
        await w.log.settled()
        await w.fleet.drain(600)
        s = w.statistics("a")
        assert (s.pending, s.expired, s.dropped) == (0, 0, 0)
        assert s.delivered == w.statistics("b").delivered == sum(hook.seen.values())


async def test_at_its_limit_a_destination_that_expires_gives_up_its_oldest_events_counted_and_kept_for_explain(
    life: Any, receiver: Any, tmp_path: Path
) -> None:
    answers = {"status": 500}
    async with life() as w:
        hook = receiver(lambda ids, now: answers["status"])
        backlog = BacklogSettings(max_bytes=Size(1_000_000), when_full="expire")
        w.plan("a", hook, batch=SMALL, backlog=backlog)
        w.plan("b", receiver())
        w.reconcile()
        for _ in range(300):
            await w.feed(100)
            await anyio.sleep(0.1)
        await w.log.settled()
        await anyio.sleep(1)
        assert w.fleet.state_of("a").account.backlog_bytes <= 1_000_000
        assert w.statistics("b").delivered == 30_000
        answers["status"] = 200
        await anyio.sleep(120)
        await w.fleet.drain(600)
        s = w.statistics("a")
        assert s.expired > 5_000
        assert s.delivered + s.expired == 30_000
        assert set(hook.seen) >= set(range(29_000, 30_001)), "the newest are delivered"
        store = w.log.parts[0]
        gaps = store.work(lambda c: c.execute("SELECT first, last FROM gaps WHERE destination = 'a'").fetchall())
        assert sum(last - first + 1 for first, last in gaps) == s.expired


async def test_events_older_than_max_age_expire_and_younger_ones_do_not(life: Any, receiver: Any) -> None:
    answers = {"status": 500}
    async with life() as w:
        hook = receiver(lambda ids, now: answers["status"])
        w.plan("a", hook, batch=SMALL, backlog=BacklogSettings(max_age=Duration("6m"), when_full="expire"))
        w.reconcile()
        for _ in range(12):
            await w.feed(100)
            await anyio.sleep(60)
        await w.log.settled()
        answers["status"] = 200
        await anyio.sleep(30)
        await w.fleet.drain(600)
        s = w.statistics("a")
        assert s.expired == 700  # fed 6 to 12 min before
        assert s.delivered == 500


async def test_a_look_that_the_disk_fails_is_taken_again(
    life: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    failing, real = [True], Queries.expiry

    def expiry(queries: Queries, *arguments: Any) -> Any:
        if failing[0]:
            raise JournalError("the journal's disk failed: disk I/O error")
        return real(queries, *arguments)

    monkeypatch.setattr(Queries, "expiry", expiry)
    async with life() as w:
        backlog = BacklogSettings(max_bytes=Size(10_000), when_full="expire")
        w.plan("a", receiver(lambda ids, now: 500), batch=SMALL, backlog=backlog)
        w.reconcile()
        for _ in range(5):
            await w.feed(100)
            await anyio.sleep(1)
        await anyio.sleep(15)
        assert w.statistics("a").expired == 0
        failing[0] = False
        await anyio.sleep(1)
        assert w.statistics("a").expired > 0
    said = [record.facts["count"] for record in caplog.records if "could not be looked at" in record.getMessage()]
    assert said == [1, 10]


async def test_what_expires_while_it_is_looked_up_and_found_damaged_is_counted_once(life: Any, receiver: Any) -> None:
    reads, goes_on = anyio.Event(), anyio.Event()
    async with life() as w:
        w.plan("b", receiver())
        w.reconcile()
        for _ in range(2):
            await w.feed(50)
            await anyio.sleep(1)
        w.plan("a", receiver(), start="oldest")
        w.reconcile()
        state = w.fleet.state_of("a")
        real = state.account.read

        async def read(number: int) -> Any:
            reads.set()
            await goes_on.wait()
            return Gap(number, 50, "damaged", 0.0) if number <= 50 else await real(number)

        state.account.read = read
        await reads.wait()
        expire(state, 31, 0)
        goes_on.set()
        await anyio.sleep(10)
        s = w.statistics("a")
        assert (s.expired, s.delivered, s.pending) == (50, 50, 0)


async def told(w: Any, number: int) -> str:
    """What `explain` says of it at the destination `a`."""
    await w.log.settled()
    desk = LocalDesk(*w.log.parts, utc=w.clock.utc)
    (life,) = await desk.explain(f"m-{number}")
    (story,) = [one for one in life.stories if one.destination == "a"]
    return story.state


@pytest.mark.parametrize("answer", [500, 401], ids=["down", "held"])
async def test_events_that_were_taken_expire_too_at_a_destination_that_is_down_and_explain_says_so(
    life: Any, receiver: Any, answer: int
) -> None:
    """A destination with little traffic has all its events in the window and on the shelf, and none in the backlog."""
    answers = {"status": answer}
    async with life() as w:
        hook = receiver(lambda ids, now: answers["status"])
        w.plan("a", hook, batch=SMALL, backlog=BacklogSettings(max_age=Duration("6m"), when_full="expire"))
        w.plan("b", receiver())
        w.reconcile()
        for _ in range(3):
            await w.feed(7)
            await anyio.sleep(150)
        await anyio.sleep(12)  # the first and the second were fed 462 and 312 seconds ago
        assert w.statistics("a").expired == 7
        answers["status"] = 200
        await w.fleet.drain(600)
        s = w.statistics("a")
        assert (s.expired, s.delivered, s.pending, s.dead_lettered) == (7, 14, 0, 0)
        assert sorted(hook.seen) == list(range(8, 22))
        assert w.statistics("b").delivered == 21
        await anyio.sleep(1)
        states = [await told(w, number) for number in (1, 7, 8, 21)]
        assert states == ["expired", "expired", "delivered", "delivered"]


async def test_what_is_in_hand_or_parked_does_not_expire(life: Any, receiver: Any) -> None:
    """Event 1 is refused each time, and parked; a request with event 7 takes ten minutes; what waits for that expires."""
    async with life() as w:
        hook = receiver(lambda ids, now: 500 if ids == [1] else 200)
        backlog = BacklogSettings(max_age=Duration("60s"), when_full="expire")
        retry = RetrySettings(preset=None, base=Duration("10m"), cap=Duration("10m"), attempts=2)
        w.plan(
            "a", hook, batch=BatchSettings(max_events=1), in_flight=1, timeout_s=7200.0, backlog=backlog, retry=retry
        )
        w.reconcile()
        await w.feed(1)
        await anyio.sleep(0.3)
        hook.latency_s = 0.001
        for _ in range(5):
            await w.feed(1)
            await anyio.sleep(1)
        assert (w.statistics("a").parked, w.statistics("a").delivered) == (1, 5)
        hook.latency_s = 600.0
        await w.feed(3)
        await anyio.sleep(500)
        s = w.statistics("a")
        assert (s.expired, s.parked, s.pending) == (2, 1, 1), "7 is in hand, 1 is parked, 8 and 9 waited"
        hook.latency_s = 0.001
        await anyio.sleep(700)
        s = w.statistics("a")
        assert (s.expired, s.delivered, s.dead_reasons) == (2, 6, {"http_500": 1})
        assert hook.order == [2, 3, 4, 5, 6, 7]


async def test_a_batch_on_the_shelf_keeps_what_is_young_enough_and_blocking_expires_nothing(
    life: Any, receiver: Any
) -> None:
    answers = {"status": 500}
    async with life() as w:
        hook = receiver(lambda ids, now: answers["status"])
        window = BatchSettings(max_events=10, max_wait=Duration("400s"))
        w.plan("a", hook, batch=window, backlog=BacklogSettings(max_age=Duration("600s"), when_full="expire"))
        other = receiver(lambda ids, now: answers["status"])
        w.plan("b", other, batch=window, backlog=BacklogSettings(max_age=Duration("600s")))
        w.reconcile()
        await w.feed(4)
        await anyio.sleep(390)
        await w.feed(4)
        await anyio.sleep(230)
        assert next(ids for _, ids, _ in hook.requests) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert (w.statistics("a").expired, w.statistics("b").expired) == (4, 0)
        answers["status"] = 200
        await w.fleet.drain(600)
        assert sorted(hook.seen) == [5, 6, 7, 8]
        assert (w.statistics("a").expired, w.statistics("b").delivered) == (4, 8)


# While it is read ------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk takes 50 ms to be read."""
    real = DiskAccount.read

    async def read(account: DiskAccount, number: int) -> Any:
        await anyio.sleep(0.05)
        return await real(account, number)

    monkeypatch.setattr(DiskAccount, "read", read)


async def fill(w: Any) -> None:
    """200 chunks."""
    for _ in range(200):
        await w.feed(10)
        await anyio.sleep(0.1)


def wanting(*numbers: int) -> Route:
    """Few of many events."""
    text = " or ".join(f'messageId = "m-{number}"' for number in numbers)
    return Route(name="behind", integration="Hook", trigger=compile_fql(text))


async def test_what_is_found_in_a_long_backlog_is_sent_when_it_is_due_and_tried_again(
    life: Any, receiver: Any, slow_disk: None
) -> None:
    async with life() as w:
        await fill(w)
        began = anyio.current_time()
        hook = receiver(lambda ids, now: 200 if len(hook.requests) > 1 else 500)
        w.plan("behind", hook, route=wanting(5, 500), start="oldest")
        w.reconcile()
        await anyio.sleep(9)
        assert sum(w.statistics("behind").filtered.values()) < 2000, "it still reads"
        assert [ids for _, ids, _ in hook.requests] == [[5], [5], [5], [500]]
        assert hook.requests[0][0] - began < 0.3
        await w.fleet.drain(60)
        assert w.statistics("behind").delivered == 2


async def test_who_reads_a_long_backlog_stops_at_once_when_told_to(life: Any, receiver: Any, slow_disk: None) -> None:
    async with life() as w:
        await fill(w)
        w.plan("behind", receiver(), route=wanting(5), start="oldest")
        w.reconcile()
        await anyio.sleep(1)
        began = anyio.current_time()
        await w.fleet.stop(60)
        assert anyio.current_time() - began < 0.1


async def test_who_reads_a_long_backlog_reads_and_sends_nothing_more_while_it_is_paused(
    life: Any, receiver: Any, slow_disk: None
) -> None:
    async with life() as w:
        await fill(w)
        hook = receiver()
        w.plan("behind", hook, route=wanting(300), start="oldest")
        w.reconcile()
        await anyio.sleep(1)
        w.fleet.state_of("behind").pause(True)
        await anyio.sleep(20)
        assert sum(w.statistics("behind").filtered.values()) < 250
        w.fleet.state_of("behind").pause(False)
        await w.fleet.drain(60)
        assert hook.seen == {300: 1}
