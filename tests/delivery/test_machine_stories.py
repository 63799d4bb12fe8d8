"""What the machine of `test_machine_actor` and a reading of the code found, each told as a story of its own."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.delivery import MailboxSettings
from doorstep.engine.delivery.ending import end
from doorstep.engine.delivery.work import Work
from doorstep.engine.errors import InvalidEventPayload
from doorstep.engine.model import DELIVERED, Batch, Envelope, Request, Response, Verdict
from doorstep.engine.model.outcome import Filtered, Outcome, Raised, Rejected, Retry
from doorstep.engine.policy.breaker import BreakerSettings
from doorstep.engine.policy.limiter import RateSettings
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.sdk.destination import RequestDestination, Sink
from doorstep.engine.settings import Duration, Settings, Size

pytestmark = pytest.mark.anyio
ONE = BatchSettings(max_events=1)


class Hook(RequestDestination[Settings]):
    """Sends a JSON array."""

    label = "Hook"
    description = "For tests."
    Settings = Settings

    def request(self, batch: Batch) -> Request:
        return Request("POST", "http://receiver/", body=b"[" + b",".join(batch.lines) + b"]")


async def test_when_only_parked_events_are_left_an_open_breaker_is_probed_with_them(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(lambda ids, now: 500 if 10 < ids[0] <= 20 else 200)
        retry = RetrySettings(preset=None, base=Duration("60s"), cap=Duration("60s"))
        breaker = BreakerSettings(consecutive=2, min_attempts=1000)
        w.plan("a", hook, batch=ONE, retry=retry, breaker=breaker)
        w.reconcile()
        for _ in range(101):
            await w.feed(1)
            await anyio.sleep(0.1)
        await anyio.sleep(600)
        s = w.statistics("a")
        assert (s.delivered, s.parked, s.state) == (91, 10, "open")
        hook.script = lambda ids, now: 200
        await anyio.sleep(600)
        assert (w.statistics("a").delivered, w.statistics("a").state) == (101, "closed")


async def test_a_probe_that_is_refused_with_401_is_not_followed_by_another_at_once(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(lambda ids, now: 503)
        w.plan("a", hook, batch=ONE, breaker=BreakerSettings(consecutive=1))
        w.reconcile()
        await w.feed(1)
        await anyio.sleep(1)
        hook.script = lambda ids, now: 401
        await anyio.sleep(60)
        assert len(hook.requests) < 10


async def test_refusals_of_the_old_key_do_not_hold_the_destination_under_the_new_one(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 401, latency_s=1), batch=ONE)
        w.reconcile()
        await w.feed(4)
        await anyio.sleep(0.5)
        w.plan("a", receiver(), version="2", batch=ONE)
        w.reconcile()
        await anyio.sleep(1)
        s = w.statistics("a")
        assert (s.delivered, s.failed, s.state) == (4, {"http_401": 4}, "closed")


async def test_a_reload_never_puts_more_in_flight_and_keeps_the_order(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(latency_s=1)
        w.plan("a", hook, batch=ONE, in_flight=1)
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(0.5)
        w.plan("a", hook, version="2", batch=ONE, in_flight=1)
        w.reconcile()
        await w.fleet.drain(10)
        assert (hook.most_in_flight, hook.order) == (1, [1, 2, 3, 4, 5])


async def test_an_actor_that_dies_after_a_reload_hands_its_batch_to_the_one_that_sleeps(
    world: Any, receiver: Any
) -> None:
    class Broken(Hook):
        def verdict(self, response: Response, batch: Batch) -> Verdict:
            raise RuntimeError("a bug")

    async with world() as w:
        far = receiver(latency_s=1)
        w.plan("a", far, destination=Broken(Settings()))
        w.reconcile()
        await w.feed(1)
        await anyio.sleep(0.5)
        w.plan("a", far, version="2")
        w.reconcile()
        await anyio.sleep(5)
        assert w.statistics("a").delivered == 1


@pytest.mark.parametrize("nonsense", [None, (), "ok", [None] * 3, [DELIVERED, "x", DELIVERED], [DELIVERED] * 2])
async def test_what_is_no_verdict_crashes_the_actor_and_loses_nothing(world: Any, receiver: Any, nonsense: Any) -> None:
    answers = iter([nonsense])

    class Broken(Hook):
        def verdict(self, response: Response, batch: Batch) -> Verdict:
            return next(answers, DELIVERED)

    async with world() as w:
        w.plan("a", receiver(), destination=Broken(Settings()))
        w.reconcile()
        await w.feed(3)
        await w.fleet.drain(60)
        assert w.statistics("a").delivered == 3
        assert w.log.statistics().chunks == 0


async def test_an_event_without_a_key_travels_alone_and_is_refused_alone(world: Any, receiver: Any) -> None:
    class Keyed(Hook):
        def key(self, envelope: Envelope) -> object:
            if envelope.number == 5:
                raise InvalidEventPayload("no user")
            return [] if envelope.number == 6 else "u"

        def request(self, batch: Batch) -> Request:
            if batch.first == 5:
                raise InvalidEventPayload("no user")
            return super().request(batch)

    async with world() as w:
        w.plan("a", receiver(), destination=Keyed(Settings()))
        w.reconcile()
        await w.feed(10)
        await w.fleet.drain(60)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons) == (9, {"invalid_event_payload": 1})
        assert sorted(ids for _, ids, _ in w.receivers["a"].requests) == [[1, 2, 3, 4, 7, 8, 9, 10], [6]]


async def test_who_starts_with_the_oldest_was_offered_what_it_starts_with(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("dead", receiver(lambda ids, now: 503))
        w.reconcile()
        await w.feed(100)
        w.plan("late", receiver(), start="oldest", overflow="drop_newest")
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(5)
        s = w.statistics("late")
        assert (s.offered, s.delivered, s.pending, s.dropped) == (110, 110, 0, 0)


async def test_who_is_told_to_drop_while_it_is_behind_catches_up_first(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(lambda ids, now: "timeout")
        small = {"mailbox": MailboxSettings(max_bytes=Size("1KiB")), "batch": BatchSettings(max_events=10)}
        w.plan("a", hook, timeout_s=1e6, **small)
        w.reconcile()
        for _ in range(10):
            await w.feed(10)
        hook.script = lambda ids, now: 200
        w.plan("a", hook, overflow="drop_newest", **small)
        w.reconcile()
        await w.feed(10)
        s = w.statistics("a")
        assert (s.offered, s.dropped) == (110, 0)


async def test_an_error_beside_a_cancellation_loses_no_work(world: Any, receiver: Any) -> None:
    """What a task group of a sink raises when one of its tasks fails while it is being cancelled."""

    class Grouped(Sink[Settings]):
        label = "Grouped"
        description = "For tests."
        Settings = Settings
        writes = 0

        async def write(self, batch: Batch) -> Verdict:
            self.writes += 1
            if self.writes > 1:
                return DELIVERED
            try:
                await anyio.sleep(60)
            except anyio.get_cancelled_exc_class() as error:
                raise BaseExceptionGroup("both", [error, RuntimeError("the other one")]) from None
            raise AssertionError("it was not cancelled")

    async with world() as w:
        w.plan("a", receiver(), destination=Grouped(Settings()), timeout_s=100.0)
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(1)
        w.fleet._served["a"].supervisor.scope.cancel()
        await anyio.sleep(60)
        assert w.statistics("a").delivered == 5


async def test_a_request_that_ends_after_its_destination_was_removed_harms_nobody(
    world: Any, receiver: Any, caplog: Any
) -> None:
    async with world() as w:
        w.plan("gone", receiver(latency_s=1))
        w.plan("stays", receiver())
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(0.5)
        state = w.fleet._served["gone"].state
        del w.plans["gone"]
        w.reconcile()
        await anyio.sleep(1)
        assert (state.counters.delivered, state.counters.pending, state.in_hand) == (5, 0, set())
        assert w.log.statistics().chunks == 0


async def test_repeats_of_one_batch_do_not_open_the_breaker(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("a", receiver(lambda ids, now: 503))
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(600)
        s = w.statistics("a")
        assert s.attempts > 10
        assert s.state == "closed"


async def test_who_is_cancelled_while_it_waits_for_the_limiter_gives_its_tokens_back(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver()
        w.plan("a", hook, batch=ONE, rate=RateSettings(per_second=0.1, burst=3), in_flight=1)
        w.reconcile()
        start = anyio.current_time()
        await w.feed(4)
        await anyio.sleep(2)
        w.fleet._served["a"].supervisor.scope.cancel()
        await anyio.sleep(60)
        assert [(round(at - start), ids) for at, ids, _ in hook.requests] == [(0, [1]), (0, [2]), (0, [3]), (10, [4])]


@pytest.mark.parametrize(
    "wrong",
    [
        Retry("busy", after="5"),  # type: ignore[arg-type]  # as it stands in a header
        Rejected("bad", detail=None),  # type: ignore[arg-type]
        Filtered(404),  # type: ignore[arg-type]
        Raised(None),  # type: ignore[arg-type]
    ],
)
async def test_an_outcome_with_a_wrong_field_is_the_crash_of_its_own_event_and_nothing_is_settled_twice(
    world: Any, receiver: Any, wrong: Outcome
) -> None:
    class Odd(Hook):
        def verdict(self, response: Response, batch: Batch) -> Verdict:
            numbers = [msgspec.json.decode(line)["n"] for line in batch.lines]
            return [Rejected("bad_field") if n == 1 else wrong if n == 2 else DELIVERED for n in numbers]

    async with world() as w:
        w.plan("a", receiver(), destination=Odd(Settings()))
        w.reconcile()
        await w.feed(8)
        await anyio.sleep(3600)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons, s.pending) == (6, {"bad_field": 1, "actor_crashed": 1}, 0)


async def test_what_cannot_be_settled_is_not_counted(world: Any, receiver: Any) -> None:
    kept: list[Batch] = []

    class Keeping(Hook):
        def request(self, batch: Batch) -> Request:
            kept.append(batch)
            return super().request(batch)

    async with world() as w:
        w.plan("a", receiver(), destination=Keeping(Settings()))
        w.reconcile()
        await w.feed(3)
        await anyio.sleep(1)
        with pytest.raises(ValueError, match="event 1 is settled already"):
            end(w.fleet.state_of("a"), Work.of(kept[0], "1"), kept[0].envelopes, "delivered", anyio.current_time())
        assert (w.statistics("a").delivered, w.statistics("a").pending) == (3, 0)


async def test_pause_stops_a_batch_that_waits_for_the_limiter_too(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver()
        w.plan("a", hook, batch=ONE, rate=RateSettings(per_second=0.1, burst=1))
        w.reconcile()
        start = anyio.current_time()
        await w.feed(3)
        await anyio.sleep(5)
        w.fleet.state_of("a").pause(True)
        await anyio.sleep(100)
        assert [ids for _, ids, _ in hook.requests] == [[1]]
        w.fleet.state_of("a").pause(False)
        await anyio.sleep(100)
        assert [(round(at - start), ids) for at, ids, _ in hook.requests] == [(0, [1]), (105, [2]), (115, [3])]


async def test_one_event_refused_with_404_time_and_again_is_given_up(world: Any, receiver: Any) -> None:
    async with world() as w:
        hook = receiver(lambda ids, now: 404 if 3 in ids else 200)
        w.plan("a", hook, batch=ONE, in_flight=1)
        w.reconcile()
        await w.feed(9)
        await w.fleet.drain(30)
        s = w.statistics("a")
        assert (s.delivered, s.dead_reasons) == (8, {"http_404": 1})
        assert sum(3 in ids for _, ids, _ in hook.requests) > 1, "never at the first refusal"


async def test_in_order_an_event_that_nobody_answers_stops_the_others_for_minutes_not_for_ever(
    world: Any, receiver: Any
) -> None:
    """It could be an outage: for three minutes nothing overtakes it. Then others are tried, and tell."""
    async with world() as w:
        hook = receiver(lambda ids, now: "reset" if 3 in ids else 200)
        w.plan("a", hook, batch=ONE, in_flight=1)
        w.reconcile()
        start = anyio.current_time()
        await w.feed(9)
        await anyio.sleep(600)
        passed = [at - start for at, ids, answer in hook.requests if answer == 200]
        assert passed[1] < 1
        assert 180 <= passed[2] <= 400
        assert hook.order == [1, 2, 4, 5, 6, 7, 8, 9]
        assert w.statistics("a").parked == 1
