"""The fleet's story in virtual time: what healthy, slow, dead, wrong and picky receivers come to."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from doorstep.engine.delivery import MailboxSettings, settling
from doorstep.engine.model import Rejected, Response
from doorstep.engine.policy.limiter import RateSettings
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.settings import Duration, Settings, Size

pytestmark = pytest.mark.anyio


async def test_every_event_reaches_every_destination_once_in_order(world: Any, receiver: Any) -> None:
    async with world() as w:
        for name in ("a", "b"):
            w.plan(name, receiver(), in_flight=1)
        w.reconcile()
        for _ in range(10):
            await w.feed(130)
        await w.fleet.drain(30)
        for name in ("a", "b"):
            assert w.receivers[name].order == list(range(1, 1301))
            assert w.statistics(name).delivered == 1300
            assert w.statistics(name).attempts == 3


async def test_what_an_actor_died_of_after_its_permit_was_returned_is_tried_again(
    world: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, deaths = settling.end, 0

    def dies_twice(*arguments: Any) -> None:
        nonlocal deaths
        deaths += 1
        if deaths <= 2:
            raise TypeError("not what it should be")
        real(*arguments)

    monkeypatch.setattr(settling, "end", dies_twice)
    async with world() as w:
        w.plan("hook", receiver(), in_flight=1)
        w.reconcile()
        await w.feed(4)
        await w.fleet.drain(60)
        assert w.statistics("hook").delivered == 4


async def test_a_retry_after_that_no_calendar_has_costs_no_event(world: Any, receiver: Any) -> None:
    odd = {"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}
    async with world() as w:
        there = receiver(lambda ids, now: (503, odd) if now < 100 else 200)
        w.plan("hook", there, retry=RetrySettings(preset="forever"))
        w.reconcile()
        await w.feed(5)
        await w.fleet.drain(600)
        assert w.statistics("hook").delivered == 5


async def test_a_batch_waits_for_company_no_longer_than_max_wait(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(latency_s=0), batch=BatchSettings(max_wait=Duration("250ms")))
        w.reconcile()
        start = anyio.current_time()
        await w.feed(3)
        await anyio.sleep(1)
        assert [(round(at - start, 6), ids) for at, ids, _ in w.receivers["a"].requests] == [(0.25, [1, 2, 3])]


async def test_a_400_is_bisected_until_the_culprit_is_alone(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 400 if 77 in ids else 200))
        w.reconcile()
        await w.feed(500)
        await w.fleet.drain(30)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons) == (499, {"http_400": 1})
        assert set(w.receivers["a"].seen.values()) == {1}
        assert s.attempts <= 1 + 19


async def test_a_401_holds_the_destination_and_a_new_plan_resumes_it_at_once(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(lambda ids, now: 401)
        w.plan("a", hook)
        w.reconcile()
        await w.feed(500)
        await anyio.sleep(30)
        assert w.statistics("a").state == "held"
        assert w.statistics("a").dead_lettered == 0
        requests = len(hook.requests)
        await anyio.sleep(600)
        assert len(hook.requests) - requests == 10, "a probe a minute"
        hook.script = lambda ids, now: 200
        w.plan("a", hook, version="2")
        w.reconcile()
        await anyio.sleep(0.2)
        assert w.statistics("a").delivered == 500


async def test_a_hold_ends_by_itself_when_a_probe_succeeds(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 200 if now > fixed else 404))
        fixed = anyio.current_time() + 90
        w.reconcile()
        await w.feed(500)
        await w.fleet.drain(200)
        s = w.statistics("a")
        assert (s.delivered, s.dead_lettered, s.state) == (500, 0, "closed")


async def test_one_event_refused_with_404_among_good_ones_is_that_events_fault(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 404 if 5 in ids else 200), batch=BatchSettings(max_events=1))
        w.reconcile()
        await w.feed(50)
        await w.fleet.drain(30)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons, s.state) == (49, {"http_404": 1}, "closed")


async def test_a_hundred_refusals_for_one_reason_and_no_delivery_hold_the_destination(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 422), batch=BatchSettings(max_events=1))
        w.reconcile()
        await w.feed(500)
        await anyio.sleep(30)
        s = w.statistics("a")
        assert (s.state, s.dead_reasons, s.pending) == ("held", {"http_422": 99}, 401)


async def test_an_event_that_fails_alone_is_parked_and_holds_up_nobody(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 500 if 7 in ids else 200), batch=BatchSettings(max_events=1))
        w.reconcile()
        for _ in range(100):
            await w.feed(10)
            await anyio.sleep(0.1)
        s = w.statistics("a")
        assert (s.delivered, s.parked, s.pending, s.dead_lettered) == (999, 1, 0, 0)


async def test_a_parked_event_is_given_up_after_its_last_attempt(world: Any, receiver: Any) -> None:
    async with world() as w:
        retry = RetrySettings(preset=None, attempts=3, base=Duration("10s"), cap=Duration("10s"))
        w.plan("a", receiver(lambda ids, now: 500 if 7 in ids else 200), batch=BatchSettings(max_events=1), retry=retry)
        w.reconcile()
        for _ in range(1000):
            await w.feed(1)
            await anyio.sleep(0.1)
        s = w.statistics("a")
        assert (s.delivered, s.parked, s.dead_reasons) == (999, 0, {"http_500": 1})
        assert sum(7 in ids for _, ids, _ in w.receivers["a"].requests) >= 3


async def test_retry_after_is_honoured_and_429_pauses_the_destination(world: Any, receiver: Any) -> None:
    async with world() as w:
        answers = iter([(429, {"retry-after": "20"})])
        w.plan("a", receiver(lambda ids, now: next(answers, 200)))
        w.reconcile()
        start = anyio.current_time()
        await w.feed(500)
        await w.feed(500)
        await w.fleet.drain(60)
        times = [round(at - start) for at, _, answer in w.receivers["a"].requests]
        assert times == [0, 0, 20] or times == [0, 20, 20]
        assert w.statistics("a").delivered == 1000


async def test_the_rate_is_kept_in_events(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(), rate=RateSettings(per_second=100, burst=100), batch=BatchSettings(max_events=50))
        w.reconcile()
        await w.feed(1100)
        start = anyio.current_time()
        await w.fleet.drain(30)
        assert anyio.current_time() - start == pytest.approx(10, abs=0.2)
        for at, _, _ in w.receivers["a"].requests:
            in_a_second = sum(len(ids) for t, ids, _ in w.receivers["a"].requests if at <= t < at + 1)
            assert in_a_second <= 200


async def test_a_stalled_destination_with_drop_newest_drops_counted_and_stalls_nobody(
    world: Any, receiver: Any
) -> None:
    async with world(memory_log=2**20) as w:
        w.plan("good", receiver())
        hang = receiver(lambda ids, now: "timeout")
        small = {"mailbox": MailboxSettings(max_bytes=Size("64KiB")), "batch": BatchSettings(max_events=100)}
        w.plan("bad", hang, overflow="drop_newest", timeout_s=1e6, **small)
        w.reconcile()
        for _ in range(200):
            await w.feed(100)
            await anyio.sleep(0.01)
        await anyio.sleep(1)
        assert w.statistics("good").delivered == 20_000
        bad = w.statistics("bad")
        assert bad.dropped > 15_000
        assert bad.delivered == 0
        assert w.log.statistics().size_bytes < 2**20


async def test_a_stalled_destination_that_blocks_stops_the_intake_at_the_memory_limit(
    world: Any, receiver: Any
) -> None:
    async with world(memory_log=2**18) as w:
        w.plan("good", receiver())
        w.plan("bad", receiver(lambda ids, now: "timeout"), timeout_s=1e6)
        w.reconcile()
        with anyio.move_on_after(60) as scope:
            for _ in range(100):
                await w.feed(100)
        assert scope.cancelled_caught
        assert w.log.statistics().size_bytes <= 2**18
        assert w.statistics("good").delivered == w.statistics("good").offered


async def test_a_small_log_is_not_wedged_by_a_destination_that_may_drop(world: Any, receiver: Any) -> None:
    """It holds what it has by itself: window, batches and mailbox together are far more than this log."""
    async with world(memory_log=2**18) as w:
        w.plan("good", receiver())
        w.plan("bad", receiver(lambda ids, now: "timeout"), overflow="drop_newest", timeout_s=1e6)
        w.reconcile()
        with anyio.fail_after(600):
            for _ in range(300):
                await w.feed(100)
        await anyio.sleep(1)
        assert w.statistics("good").delivered == 30_000
        assert w.statistics("bad").dropped > 10_000


async def test_a_batch_is_never_bigger_than_the_bucket_so_that_the_rate_holds(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(latency_s=0), rate=RateSettings(per_second=50, burst=10))
        w.reconcile()
        await w.feed(200)
        start = anyio.current_time()
        await w.fleet.drain(30)
        requests = w.receivers["a"].requests
        assert max(len(ids) for _, ids, _ in requests) == 10
        assert sum(len(ids) for at, ids, _ in requests if at <= start + 1 + 1e-6) <= 10 + 50
        assert anyio.current_time() - start == pytest.approx(3.8, abs=0.1)


async def test_items_refused_one_by_one_hold_the_destination_too(world: Any, receiver: Any, hook: Any) -> None:
    class Picky(hook):  # type: ignore[misc]  # a class from a fixture
        def verdict(self, response: Any, batch: Any) -> Any:
            return [Rejected("bad_item")] * len(batch)

    async with world() as w:
        w.plan("a", receiver(), destination=Picky(Settings()))
        w.reconcile()
        await w.feed(700)
        await anyio.sleep(30)
        s = w.statistics("a")
        assert (s.state, s.dead_lettered, s.pending) == ("held", 99, 601)


async def test_one_event_refused_with_401_in_a_batch_does_not_look_like_two_batches_refused(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 401 if 3 in ids else 200), in_flight=1)
        w.reconcile()
        await w.feed(500)
        await w.fleet.drain(5)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons, s.state) == (499, {"http_401": 1}, "closed")


async def test_an_event_that_fails_with_500_in_one_of_many_batches_ends_up_alone(world: Any, receiver: Any) -> None:
    """Its neighbours arrive. It stays parked: with nobody else to compare it with, no further try counts against it."""
    async with world() as w:
        batch = BatchSettings(max_events=100)
        w.plan("a", receiver(lambda ids, now: 500 if 77 in ids else 200), batch=batch)
        w.reconcile()
        await w.feed(5000)
        await w.fleet.drain(30)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons, s.parked, s.pending) == (4999, {}, 1, 0)


async def test_what_a_receiver_writes_is_never_logged(
    world: Any, receiver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Talkative(receiver):  # type: ignore[misc]  # a class from a fixture
        async def send(self, request: Any, timeout_s: float) -> Any:
            response = await super().send(request, timeout_s)
            return Response(response.status, {}, b"ada@example.com is unknown")

    async with world() as w:
        w.plan("a", Talkative(lambda ids, now: 401))
        w.plan("b", Talkative(lambda ids, now: 400))
        w.plan("c", Talkative(lambda ids, now: 500))
        w.reconcile()
        await w.feed(20)
        await w.fleet.drain(5)
    said = str([(record.getMessage(), vars(record)) for record in caplog.records])
    assert "http_401" in said
    assert "http_400" in said
    assert "http_500" in said
    assert "ada@" not in said
