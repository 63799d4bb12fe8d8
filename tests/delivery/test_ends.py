"""How the fleet ends: drains and their patience, signals, what is left and what is dropped."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from doorstep.engine.delivery import MailboxSettings
from doorstep.engine.model import Lines
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.routing import Route, compile_fql
from doorstep.engine.settings import Duration, Size

pytestmark = pytest.mark.anyio


async def test_two_may_wait_for_the_same_drain(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("hook", receiver(latency_s=0.3))
        w.reconcile()
        await w.feed(100)
        async with anyio.create_task_group() as both:
            both.start_soon(w.fleet.drain, 60)
            both.start_soon(w.fleet.drain, 60)
        assert w.statistics("hook").delivered == 100


async def test_on_a_signal_there_is_time_for_what_is_in_flight(world: Any, receiver: Any) -> None:
    async with world() as w:
        slow = receiver(latency_s=0.3)
        w.plan("a", slow, batch=BatchSettings(max_events=10))
        w.reconcile()
        await w.feed(20_000)
        await anyio.sleep(0.1)
        start = anyio.current_time()
        await w.fleet.drain_healthy(2)
        await w.fleet.stop(start + 2 - anyio.current_time())
        assert anyio.current_time() - start <= 2
        assert w.statistics("a").delivered == len(slow.order) > 0


async def test_leftovers_are_exactly_what_is_pending_also_after_drops(world: Any, receiver: Any) -> None:
    async with world() as w:
        small = {"mailbox": MailboxSettings(max_bytes=Size("2KiB")), "batch": BatchSettings(max_events=2)}
        w.plan("bad", receiver(lambda ids, now: "timeout"), overflow="drop_newest", timeout_s=1e6, in_flight=1, **small)
        w.plan("sibling", receiver(lambda ids, now: "timeout"), timeout_s=1e6)
        w.reconcile()
        for _ in range(20):
            await w.feed(2)
            await anyio.sleep(0.2)
        pending = {name: w.statistics(name).pending for name in ("bad", "sibling")}
        assert w.statistics("bad").dropped == 40 - pending["bad"] > 0
        await w.fleet.stop(0)
        left = await w.fleet.leftovers()
        assert {name: len(envelopes) for name, envelopes in left.items()} == pending
        assert [envelope.number for envelope in left["sibling"]] == list(range(1, 41))


async def test_what_is_dropped_at_the_end_includes_a_parked_event_in_the_middle_of_its_retry(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        retry = RetrySettings(preset=None, base=Duration("1s"), cap=Duration("1s"))
        hook = receiver(lambda ids, now: (500 if now < hang_from else "timeout") if 7 in ids else 200)
        hang_from = anyio.current_time() + 30
        w.plan("a", hook, batch=BatchSettings(max_events=1), retry=retry, timeout_s=1e6)
        w.reconcile()
        for _ in range(100):
            await w.feed(5)
            await anyio.sleep(0.5)
        assert w.statistics("a").parked == 1
        await w.fleet.stop(0)
        w.fleet.drop_pending()
        s = w.statistics("a")
        assert (s.parked, s.pending, s.dropped, s.delivered) == (0, 0, 1, 499)


async def test_the_drain_is_patient_from_when_a_destination_is_ready(world: Any, receiver: Any) -> None:
    class Late(receiver):  # type: ignore[misc]  # a class from a fixture
        async def open(self) -> Any:
            await anyio.sleep(20)
            return await super().open()

    async with world() as w:
        w.plan("a", Late())
        w.reconcile()
        await w.feed(10)
        await w.fleet.drain(1)
        assert w.statistics("a").delivered == 10


async def test_a_destination_whose_opening_hangs_is_waited_for_a_minute_and_the_patience(
    world: Any, receiver: Any
) -> None:
    class Hanging(receiver):  # type: ignore[misc]  # a class from a fixture
        async def open(self) -> Any:
            await anyio.sleep_forever()

    async with world() as w:
        w.plan("hangs", Hanging())
        w.plan("good", receiver())
        w.reconcile()
        await w.feed(3)
        began = anyio.current_time()
        await w.fleet.drain(30)
        assert anyio.current_time() - began == pytest.approx(90, abs=1.1)
        assert (w.statistics("hangs").pending, w.statistics("good").delivered) == (3, 3)


async def test_on_a_signal_a_destination_that_only_refuses_is_not_waited_for(world: Any, receiver: Any) -> None:
    async with world() as w:
        w.plan("dead", receiver(lambda ids, now: "connect_refused"))
        w.plan("slow", receiver(latency_s=5))
        w.reconcile()
        await w.feed(10)
        start = anyio.current_time()
        await w.fleet.drain_healthy(30)
        assert anyio.current_time() - start < 7
        assert w.statistics("slow").delivered == 10


async def test_an_event_in_which_the_trigger_reads_what_cannot_be_decoded_is_a_dead_letter_there_and_nowhere_else(
    world: Any, receiver: Any, caplog: Any
) -> None:
    async with world() as w:
        reading = Route(name="reading", integration="Hook", trigger=compile_fql("properties.a > 0"))
        w.plan("reading", receiver(), route=reading)
        other = Route(name="sibling", integration="Hook", trigger=compile_fql("event = F"))
        w.plan("sibling", receiver(), route=other)
        w.reconcile()
        lines = [
            b'{"type":"track","userId":"u","event":"E","messageId":"m-%d","n":%d,"properties":{"a":%b}}' % (n, n, a)
            for n, a in enumerate((b"1", b"1e999", b"0", b"1e999", b"2"), 1)
        ]
        await w.log.take(w.decoder.decode(Lines(lines, range(1, 6))), "test")
        await w.fleet.drain(60)
        s = w.statistics("reading")
        assert (s.delivered, s.filtered, s.dead_reasons, s.pending) == (2, {"trigger": 1}, {"undecodable": 2}, 0)
        assert s.dead_classes == {"event": {"undecodable": 2}}
        assert w.receivers["reading"].order == [1, 5]
        assert w.statistics("sibling").filtered == {"trigger": 5}
    assert [record.getMessage() for record in caplog.records] == ["events were given up"]
