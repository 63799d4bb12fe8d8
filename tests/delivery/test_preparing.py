"""What is done to events at each attempt: consent is judged again, fields are taken out, functions change or drop them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.delivery.preparation import Inserted, Preparation
from doorstep.engine.model import Batch, Envelope, Filtered
from doorstep.engine.model.outcome import Raised, Rejected, Retry
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.routing import Route
from doorstep.engine.sdk.using import ActionSettings

from .test_actions import Vendor, both, plan

pytestmark = pytest.mark.anyio


class Function:
    """An insert function: `change` is told of each event, and gives its new bytes, or its end."""

    def __init__(self, change: Callable[[dict[str, Any]], Any]) -> None:
        self.change = change
        self.calls: list[list[int]] = []
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def transform(self, batch: Batch) -> Inserted:
        await anyio.sleep(0.001)
        self.calls.append([envelope.number for envelope in batch.envelopes])
        made = [self.change(msgspec.json.decode(envelope.line)) for envelope in batch.envelopes]
        return [msgspec.json.encode(one) if isinstance(one, dict) else one for one in made]


def hook_plan(w: Any, receiver: Any, **does: Any) -> None:
    w.plan("hook", receiver, preparation=Preparation(**does), retry=RetrySettings(preset="forever"))


async def test_an_event_without_consent_at_the_attempt_is_filtered(world: Any, receiver: Any) -> None:
    """Taken in while it was permitted, held up by a receiver that is down, no longer permitted when that is back."""
    allowed = True

    def permits(envelope: Envelope) -> bool:
        return allowed or envelope.number % 2 == 0

    async with world() as w:
        there = receiver(lambda ids, now: 200 if now > 30 else 503)
        hook_plan(w, there, permits=permits)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(10)
        allowed = False
        await w.fleet.drain(300)
        assert dict(w.statistics("hook").filtered) == {"consent": 5}
        assert sorted(there.seen) == [2, 4, 6, 8, 10]


async def test_a_parked_event_is_judged_again(world: Any, receiver: Any) -> None:
    allowed = True
    async with world() as w:
        there = receiver(lambda ids, now: 503 if 7 in ids else 200)
        hook_plan(w, there, permits=lambda envelope: allowed or envelope.number != 7)
        w.reconcile()
        await w.feed(10)
        for _ in range(60):
            await anyio.sleep(1)
            await w.feed(1)
        assert w.statistics("hook").parked == 1
        allowed = False
        await anyio.sleep(3600)
        assert dict(w.statistics("hook").filtered) == {"consent": 1}
        assert (w.statistics("hook").parked, w.statistics("hook").pending) == (0, 0)


async def test_fields_are_taken_out_of_what_is_sent_and_of_nothing_else(world: Any, receiver: Any) -> None:
    async with world() as w:
        there = receiver()
        hook_plan(w, there, without_fields=lambda line: re.sub(rb'"messageId":"m-\d+",', b"", line))
        bodies: list[bytes] = []
        send = there.send
        there.send = lambda request, timeout_s: bodies.append(request.body) or send(request, timeout_s)
        w.reconcile()
        await w.feed(3)
        await w.fleet.drain(5)
        assert b"messageId" not in b"".join(bodies)
        assert sorted(there.seen) == [1, 2, 3]


async def test_a_function_changes_and_drops_events(world: Any, receiver: Any) -> None:
    def change(event: dict[str, Any]) -> Any:
        return Filtered("dropped_by_function") if event["n"] % 3 == 0 else {**event, "n": event["n"] + 1000}

    async with world() as w:
        there, function = receiver(), Function(change)
        hook_plan(w, there, inserters=(function,))
        w.reconcile()
        await w.feed(9)
        await w.fleet.drain(5)
        assert sorted(there.seen) == [1001, 1002, 1004, 1005, 1007, 1008]
        assert dict(w.statistics("hook").filtered) == {"dropped_by_function": 3}
        assert sum(map(len, function.calls)) == 9, "each event went through it once"
        assert function.opened == 1
    assert function.closed == 1


async def test_functions_run_one_after_the_other(world: Any, receiver: Any) -> None:
    async with world() as w:
        there = receiver()
        double, add = Function(lambda e: {**e, "n": e["n"] * 2}), Function(lambda e: {**e, "n": e["n"] + 1})
        hook_plan(w, there, inserters=(double, add))
        w.reconcile()
        await w.feed(3)
        await w.fleet.drain(5)
        assert sorted(there.seen) == [3, 5, 7]


async def test_what_a_function_cannot_do_now_is_tried_again_and_what_it_fails_on_is_a_dead_letter(
    world: Any, receiver: Any
) -> None:
    tries = 0

    def change(event: dict[str, Any]) -> Any:
        nonlocal tries
        if event["n"] == 2:
            tries += 1
            return Raised("function_error", "ValueError: no (enrich.py:3 in on_track)")
        return Retry("retry_error") if event["n"] == 3 and anyio.current_time() < 100 else event

    async with world() as w:
        there = receiver()
        hook_plan(w, there, inserters=(Function(change),))
        w.reconcile()
        await w.feed(4)
        await anyio.sleep(3600)
        assert sorted(there.seen) == [1, 3, 4]
        assert dict(w.statistics("hook").dead_reasons) == {"function_error": 1}
        assert tries == 3


async def test_an_event_that_a_function_made_invalid_is_a_dead_letter(world: Any, receiver: Any) -> None:
    async with world() as w:
        there = receiver()
        hook_plan(w, there, inserters=(Function(lambda e: {"n": 1} if e["n"] == 2 else e),))
        w.reconcile()
        await w.feed(3)
        await w.fleet.drain(5)
        assert dict(w.statistics("hook").dead_reasons) == {"invalid_after_function": 1}
        assert sorted(there.seen) == [1, 3]


async def test_each_event_of_a_batch_goes_on_as_what_was_made_of_it_whatever_became_of_its_neighbours(
    world: Any, receiver: Any
) -> None:
    def change(event: dict[str, Any]) -> Any:
        made = {1: {"n": 1}, 3: Filtered("dropped_by_function"), 4: Rejected("no", ""), 6: {**event, "type": 6}}
        return made.get(event["n"], {**event, "n": event["n"] + 1000})

    async with world() as w:
        there = receiver()
        hook_plan(w, there, inserters=(Function(change),))
        w.reconcile()
        await w.feed(8)
        await w.fleet.drain(5)
        assert sorted(there.seen) == [1002, 1005, 1007, 1008]
        assert dict(w.statistics("hook").dead_reasons) == {"invalid_after_function": 2, "no": 1}
        assert dict(w.statistics("hook").filtered) == {"dropped_by_function": 1}


def slow_function() -> Function:
    """Changes nothing, within a second."""
    function = Function(lambda event: event)
    at_once = function.transform

    async def transform(batch: Batch) -> Inserted:
        await anyio.sleep(1)
        return await at_once(batch)

    function.transform = transform  # type: ignore[method-assign]
    return function


async def test_events_at_a_function_that_a_reload_removes_go_on_without_it(world: Any, receiver: Any) -> None:
    async with world() as w:
        vendor = Vendor(receiver)
        plan(w, vendor, preparation=Preparation(inserters=(slow_function(),)))
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(0.5)
        plan(w, vendor, version="2")
        w.reconcile()
        await w.fleet.drain(600)
        assert (w.statistics("v").delivered, w.statistics("v").filtered) == (5, {})


async def test_a_field_that_a_reload_denies_while_functions_have_the_event_is_not_sent(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        vendor, function = Vendor(receiver), slow_function()
        plan(w, vendor, preparation=Preparation(inserters=(function,)))
        w.reconcile()
        await w.feed(3)
        await anyio.sleep(0.5)
        denied = Preparation(inserters=(function,), without_fields=lambda line: re.sub(rb'"n":\d+', b'"n":0', line))
        plan(w, vendor, version="2", preparation=denied)
        w.reconcile()
        await w.fleet.drain(60)
        assert {number for _, ids, _ in vendor.requests for number in ids} == {0}


async def test_what_is_kept_of_an_event_is_what_came_in(world: Any, receiver: Any) -> None:
    """A batch that is refused is halved and sent again: each time the function is told the event as it came in."""
    async with world() as w:
        there = receiver(lambda ids, now: 400 if 1003 in ids else 200)
        hook_plan(w, there, inserters=(Function(lambda e: {**e, "n": e["n"] + 1000}),))
        w.reconcile()
        await w.feed(5)
        await w.fleet.drain(5)
        assert sorted(there.seen) == [1001, 1002, 1004, 1005]
        assert w.statistics("hook").dead_lettered == 1


async def test_which_actions_want_an_event_is_asked_of_what_functions_made_of_it(world: Any, receiver: Any) -> None:
    def change(event: dict[str, Any]) -> Any:
        return {**event, "event": ("Other", "Send", "Both")[event["n"] % 3]}

    written = {
        "send": ActionSettings(trigger='event = "Send" or event = "Both"'),
        "tell": ActionSettings(trigger='event = "Both"'),
    }
    async with world() as w:
        vendor, function = Vendor(receiver), Function(change)
        plan(w, vendor, both(**written), preparation=Preparation(inserters=(function,)))
        w.plans["v"] = msgspec.structs.replace(w.plans["v"], route=Route(name="v", integration="Both"))
        w.reconcile()
        await w.feed(30)
        await w.fleet.drain(5)
        assert {n for path, n in vendor.seen if path == "send"} == {n for n in range(1, 31) if n % 3}
        assert {n for path, n in vendor.seen if path == "tell"} == {n for n in range(1, 31) if n % 3 == 2}
        assert dict(w.statistics("v").filtered) == {"no_action": 10}
        assert sum(map(len, function.calls)) == 30, "each event went through it once, not once for each action"
        assert max(vendor.seen.values()) == 1


@pytest.mark.parametrize("closing", ["raises", "hangs"])
async def test_functions_are_closed_whatever_becomes_of_the_destinations_own_closing(
    world: Any, receiver: Any, closing: str
) -> None:
    class Stubborn(receiver):  # type: ignore[misc]  # a class from a fixture
        async def aclose(self) -> None:
            if closing == "raises":
                raise OSError("it never opened")
            await anyio.sleep_forever()

    first, second = Function(lambda event: event), Function(lambda event: event)
    async with world() as w:
        hook_plan(w, Stubborn(), inserters=(first, second))
        w.reconcile()
        await w.feed(1)
        await anyio.sleep(1)
        del w.plans["hook"]
        w.reconcile()
        await anyio.sleep(10)
    assert (first.closed, second.closed) == (1, 1)


async def test_a_function_that_was_not_opened_is_not_closed(world: Any, receiver: Any) -> None:
    class Broken(Function):
        async def open(self) -> None:
            raise OSError("no thread can be started")

    first, second = Function(lambda event: event), Broken(lambda event: event)
    async with world() as w:
        hook_plan(w, receiver(), inserters=(first, second))
        w.reconcile()
        await anyio.sleep(1)
    assert (first.opened - first.closed, second.closed) == (0, 0)
