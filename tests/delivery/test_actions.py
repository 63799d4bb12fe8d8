"""A destination with several actions: each event goes through all that want it, one after the other, and counts once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.delivery.left import Left
from doorstep.engine.errors import EventNotSupported, ValidationError
from doorstep.engine.mapping import Field
from doorstep.engine.model import Envelope, Lines, Request, Response
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.routing import Route
from doorstep.engine.sdk.actions import Action, ActionDestination, Exchange, Item, Preset
from doorstep.engine.sdk.destination import Limits
from doorstep.engine.sdk.using import ActionSettings, equipped
from doorstep.engine.settings import Duration, Settings

pytestmark = pytest.mark.anyio

N = {"@path": "$.n"}


class Send(Action[Settings]):
    """Sends the number of an event."""

    name = "send"
    label = "Send"
    description = "For tests."
    trigger = 'type = "track"'
    fields = {"n": Field(type="number", label="N", required=True, default=N)}

    def request(self, items: Sequence[Item]) -> Request:
        body = msgspec.json.encode([{"n": item.fields["n"]} for item in items])
        return Request("POST", f"http://receiver/{type(self).name}", body=body)


class Tell(Send):
    """The same at another path, one at a time."""

    name = "tell"
    limits = Limits(max_events=1)


class Pick(Send):
    """Takes even numbers, refuses every tenth."""

    name = "pick"

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if fields["n"] % 10 == 0:
            raise ValidationError("a multiple of ten")
        if fields["n"] % 2:
            raise EventNotSupported("odd")
        return fields


class Both(ActionDestination[Settings]):
    """Two actions."""

    label = "Both"
    description = "For tests."
    Settings = Settings
    limits = Limits(max_events=10, max_wait_s=0.05)
    actions = (Send, Tell, Pick)
    presets = {"send": Preset(Send), "tell": Preset(Tell)}


class Turned(Both):
    """The other way round."""

    presets = {"tell": Preset(Tell), "send": Preset(Send)}


def both(**written: ActionSettings) -> ActionDestination[Any]:
    made = equipped(Both, Settings(), written)
    assert isinstance(made, ActionDestination)
    return made


class Vendor:
    """What arrives, by path: `script` decides by path and ids."""

    def __init__(self, base: Any, script: Callable[[str, list[int], float], Any] = lambda path, ids, now: 200) -> None:
        self.receiver = base(lambda ids, now: 200)
        self.receiver.send = self.send
        self.script = script
        self.seen: Counter[tuple[str, int]] = Counter()
        self.requests: list[tuple[str, list[int], int]] = []

    async def send(self, request: Request, timeout_s: float) -> Response:
        await anyio.sleep(0.001)
        path = request.url.removeprefix("http://receiver/")
        ids = [event["n"] for event in msgspec.json.decode(request.body)]
        status = self.script(path, ids, anyio.current_time())
        self.requests.append((path, ids, status))
        if status == 200:
            self.seen.update((path, number) for number in ids)
        return Response(status)


def plan(w: Any, vendor: Vendor, destination: ActionDestination[Any] | None = None, **changes: Any) -> Any:
    made = destination or both()
    route = Route(name="v", integration="Both", actions=tuple(use.matches for use in made.uses.values()))
    changes.setdefault("batch", BatchSettings(max_events=10, max_wait=Duration("50ms")))
    return w.plan("v", vendor.receiver, destination=made, route=route, **changes)


async def test_an_event_goes_through_every_action_that_wants_it_and_counts_once(world: Any, receiver: Any) -> None:
    async with world() as w:
        vendor = Vendor(receiver)
        plan(w, vendor)
        w.reconcile()
        await w.feed(25)
        await w.fleet.drain(5)
        assert vendor.seen == {(path, n): 1 for path in ("send", "tell") for n in range(1, 26)}
        assert (w.statistics("v").delivered, w.statistics("v").pending) == (25, 0)
        sizes = {path: max(len(ids) for one, ids, _ in vendor.requests if one == path) for path in ("send", "tell")}
        assert sizes == {"send": 10, "tell": 1}, "each action has its own limits"


async def test_what_is_counted_of_each_action_adds_up_and_each_is_done_with_every_event(
    world: Any, receiver: Any
) -> None:
    def script(path: str, ids: list[int], now: float) -> int:
        return 400 if path == "tell" and 7 in ids else 503 if path == "send" and now < 0.06 else 200

    async with world() as w:
        vendor = Vendor(receiver, script)
        plan(w, vendor)
        w.reconcile()
        await w.feed(25)
        await w.fleet.drain(5)
        s = w.statistics("v")
        send, tell = s.actions["send"], s.actions["tell"]
        assert (s.delivered, s.dead_lettered, s.dead_classes) == (24, 1, {"event": {"http_400": 1}})
        assert (send.delivered, tell.delivered, s.actions[""].delivered) == (24, 0, 0), (
            "the first of the gravest decides"
        )
        assert (send.dead, tell.dead) == ({}, {"event": {"http_400": 1}})
        assert (send.done, tell.done) == ({"delivered": 25}, {"delivered": 24, "dead": 1})
        for name, one in (("send", send), ("tell", tell)):
            made = [status for path, _, status in vendor.requests if path == name]
            assert (one.attempts, sum(one.failed.values())) == (len(made), sum(status != 200 for status in made)), name
        assert (send.failed["http_503"], tell.failed) == (send.retried, {"http_400": 1})
        sizes = {name: one.batch_events for name, one in w.fleet.state_of("v").attempts.statistics(9.0).actions.items()}
        assert {name: one.count for name, one in sizes.items()} == {"send": send.attempts, "tell": 25}
        assert sizes["tell"].sum == 25


async def test_parked_events_count_for_the_action_that_they_wait_for(world: Any, receiver: Any) -> None:
    async with world() as w:
        is_down = True
        vendor = Vendor(receiver, lambda path, ids, now: 503 if is_down and path == "tell" and ids[0] < 4 else 200)
        plan(w, vendor, retry=RetrySettings(attempts=50, base=Duration("5s"), cap=Duration("5s")))
        w.reconcile()
        await w.feed(20)
        await anyio.sleep(4)
        assert {name: one.parked for name, one in w.statistics("v").actions.items()} == {"": 0, "send": 0, "tell": 3}
        is_down = False
        await w.fleet.drain(20)
        assert {name: one.parked for name, one in w.statistics("v").actions.items()} == {"": 0, "send": 0, "tell": 0}
        assert w.statistics("v").delivered == 20


async def test_an_event_that_no_action_wants_is_filtered(world: Any, receiver: Any) -> None:
    async with world() as w:
        vendor = Vendor(receiver)
        none = ActionSettings(trigger='event = "Other"')
        plan(w, vendor, both(send=none, tell=none))
        w.reconcile()
        await w.feed(3)
        await w.fleet.drain(5)
        assert dict(w.statistics("v").filtered) == {"no_action": 3}
        assert vendor.requests == []


async def test_what_cannot_be_mapped_ends_before_anything_is_sent_and_the_others_go_on(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        vendor = Vendor(receiver)
        off = ActionSettings(enabled=False)
        plan(w, vendor, both(send=off, tell=off, pick=ActionSettings()))
        w.reconcile()
        await w.feed(30)
        await w.fleet.drain(5)
        statistics = w.statistics("v")
        assert sorted(n for _, n in vendor.seen) == [n for n in range(1, 31) if n % 2 == 0 and n % 10]
        assert (dict(statistics.filtered), statistics.dead_lettered) == ({"not_supported": 15}, 3)
        assert dict(statistics.dead_reasons) == {"validation_error": 3}
        assert statistics.attempts == 3, "one for each batch of ten: nothing was sent twice"


async def test_an_action_that_refuses_an_event_takes_nothing_from_the_others(world: Any, receiver: Any) -> None:
    async with world() as w:
        vendor = Vendor(receiver, lambda path, ids, now: 400 if path == "send" and 7 in ids else 200)
        plan(w, vendor)
        w.reconcile()
        await w.feed(20)
        await w.fleet.drain(5)
        assert {n for path, n in vendor.seen if path == "tell"} == set(range(1, 21))
        assert {n for path, n in vendor.seen if path == "send"} == set(range(1, 21)) - {7}
        statistics = w.statistics("v")
        assert (statistics.delivered, dict(statistics.dead_reasons)) == (19, {"http_400": 1})


async def test_an_action_that_fails_for_one_event_does_not_hold_up_the_others(world: Any, receiver: Any) -> None:
    """503 for event 7 in `send` alone, for an hour: its `tell` goes out at once, and `send` arrives in the end."""
    async with world() as w:
        vendor = Vendor(receiver, lambda path, ids, now: 503 if path == "send" and 7 in ids and now < 3600 else 200)
        plan(w, vendor, retry=RetrySettings(preset="forever"))
        w.reconcile()
        await w.feed(20)
        for _ in range(60):
            await anyio.sleep(1)
            await w.feed(1)  # others get through: it is the event
        assert vendor.seen["tell", 7] == 1
        assert (vendor.seen["send", 7], w.statistics("v").parked) == (0, 1)
        await anyio.sleep(7200)
        assert vendor.seen["send", 7] == vendor.seen["tell", 7] == 1
        assert (w.statistics("v").delivered, w.statistics("v").pending) == (80, 0)


async def test_a_changed_plan_does_not_send_again_what_an_action_had(world: Any, receiver: Any) -> None:
    """`tell` is down when its mapping changes: the events go on there, and are not sent to `send` again."""
    async with world() as w:
        down = True
        vendor = Vendor(receiver, lambda path, ids, now: 503 if path == "tell" and down else 200)
        plan(w, vendor)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(5)
        changed = both(tell=ActionSettings(mapping='{"n": {"@path": "$.n"}}'))
        plan(w, vendor, changed, version="2")
        w.reconcile()
        down = False
        await w.fleet.drain(300)
        assert vendor.seen == {(path, n): 1 for path in ("send", "tell") for n in range(1, 11)}


async def test_an_action_that_is_gone_is_passed_over(world: Any, receiver: Any) -> None:
    async with world() as w:
        vendor = Vendor(receiver, lambda path, ids, now: 503 if path == "tell" else 200)
        plan(w, vendor)
        w.reconcile()
        await w.feed(10)
        await anyio.sleep(5)
        plan(w, vendor, both(tell=ActionSettings(enabled=False)), version="2")
        w.reconcile()
        await w.fleet.drain(300)
        assert vendor.seen == {("send", n): 1 for n in range(1, 11)}
        assert w.statistics("v").delivered == 10


async def test_with_one_action_left_what_was_in_the_middle_of_several_is_not_sent_again(
    world: Any, receiver: Any
) -> None:
    """`tell` is down for all and refuses event 7 alone before that; then there is only `send`, which had them all."""
    async with world() as w:
        down = False
        vendor = Vendor(receiver, lambda path, ids, now: 503 if path == "tell" and (down or 7 in ids) else 200)
        plan(w, vendor, retry=RetrySettings(preset="forever"))
        w.reconcile()
        await w.feed(20)
        for _ in range(60):
            await anyio.sleep(1)
            await w.feed(1)
        assert w.statistics("v").parked == 1
        down = True
        await w.feed(5)
        await anyio.sleep(5)
        plan(w, vendor, both(tell=ActionSettings(enabled=False)), version="2", retry=RetrySettings(preset="forever"))
        w.reconcile()
        await w.feed(5)
        await anyio.sleep(3600)
        assert {n: count for (path, n), count in vendor.seen.items() if path == "send"} == dict.fromkeys(
            range(1, 91), 1
        )
        statistics = w.statistics("v")
        assert (statistics.delivered, statistics.parked, statistics.pending) == (89, 0, 0)
        assert dict(statistics.filtered) == {"no_action": 1}


async def test_events_of_one_request_share_what_the_action_says(world: Any, receiver: Any) -> None:
    class PerTen(Send):
        name = "per_ten"
        share = ("ten",)
        fields = {**Send.fields, "ten": Field(type="string", label="Ten", default={"@path": "$.ten"})}

    class Tens(Both):
        actions = (PerTen,)
        presets = {}

    async with world() as w:
        vendor = Vendor(receiver)
        made = equipped(Tens, Settings())
        plan(w, vendor, made)
        w.reconcile()
        lines = [b'{"type":"track","userId":"u","event":"E","n":%d,"ten":"%d"}' % (n, n % 3) for n in range(1, 31)]
        await w.log.take(w.decoder.decode(Lines(lines, range(1, 31))), "test")
        await w.fleet.drain(5)
        assert all(len({n % 3 for n in ids}) == 1 for _, ids, _ in vendor.requests)
        assert sorted(n for _, n in vendor.seen) == list(range(1, 31))


async def test_an_exchange_may_take_several_requests_each_with_the_answer_to_the_last(
    world: Any, receiver: Any
) -> None:
    class Upsert(Send):
        name = "upsert"

        def exchange(self, items: Sequence[Item]) -> Exchange:
            found = yield Request("POST", "http://receiver/find", body=msgspec.json.encode([i.fields for i in items]))
            if found.status != 200:
                return self.verdict(found, items)
            answer = yield Request("POST", "http://receiver/put", body=msgspec.json.encode([i.fields for i in items]))
            return self.verdict(answer, items)

    class Upserts(Both):
        actions = (Upsert,)
        presets = {}

    async with world() as w:
        vendor = Vendor(receiver, lambda path, ids, now: 500 if path == "put" and now < 2 else 200)
        plan(w, vendor, equipped(Upserts, Settings()))
        w.reconcile()
        await w.feed(5)
        await w.fleet.drain(60)
        assert vendor.seen["put", 5] == 1
        assert [path for path, _, _ in vendor.requests][:2] == ["find", "put"]
        assert vendor.requests[-1][0] == "put"
        assert w.statistics("v").delivered == 5


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_fails_each_action_has_each_event_once_or_a_dead_letter(
    world: Any, receiver: Any, seed: int
) -> None:
    chance = random.Random(seed)
    poison = {(path, n) for path in ("send", "tell") for n in range(1, 201) if chance.random() < 0.03}

    def script(path: str, ids: list[int], now: float) -> int:
        if any((path, n) in poison for n in ids):
            return 422
        return 200 if now > 60 or chance.random() < 0.7 else 503

    async with world(seed=seed) as w:
        vendor = Vendor(receiver, script)
        plan(w, vendor, retry=RetrySettings(preset="forever"))
        w.reconcile()
        for number in range(20):
            await w.feed(10)
            await anyio.sleep(0.1)
            if number % 5 == 4:
                plan(w, vendor, version=str(number))
                w.reconcile()
        await w.fleet.drain(3600)
        wanted = {(path, n) for path in ("send", "tell") for n in range(1, 201)} - poison
        assert set(vendor.seen) == wanted
        assert max(vendor.seen.values()) == 1
        dead = {n for _, n in poison}
        statistics = w.statistics("v")
        assert (statistics.delivered, statistics.dead_lettered) == (200 - len(dead), len(dead))


# On disk -------------------------------------------------------------------------------------------------------------


async def test_a_parked_event_goes_on_after_a_restart_with_the_actions_it_has_left(life: Any, receiver: Any) -> None:
    vendor = Vendor(receiver, lambda path, ids, now: 503 if path == "send" and 7 in ids and now < 1000 else 200)
    async with life() as w:
        plan(w, vendor, retry=RetrySettings(preset="forever"))
        w.reconcile()
        await w.feed(20)
        for _ in range(60):
            await anyio.sleep(1)
            await w.feed(1)
        await anyio.sleep(1)
        assert (vendor.seen["tell", 7], vendor.seen["send", 7]) == (1, 0)
        await w.fleet.stop(5)
    async with life() as w:
        plan(w, vendor, retry=RetrySettings(preset="forever"))
        w.reconcile()
        await anyio.sleep(7200)
        assert (vendor.seen["tell", 7], vendor.seen["send", 7]) == (1, 1)
        assert w.statistics("v").delivered == 1


@pytest.mark.parametrize("in_hand", [False, True])
async def test_a_clean_restart_does_no_action_a_second_time(life: Any, receiver: Any, in_hand: bool) -> None:
    """Of events that wait at the destination, with one action behind them. Of those being sent when the time is over nobody knows."""
    answers = {"send": 503, "tell": 200}
    vendor = Vendor(receiver, lambda path, ids, now: answers[path])

    def plan_turned(w: Any) -> None:
        turned = equipped(Turned, Settings(), {})
        assert isinstance(turned, ActionDestination)
        plan(w, vendor, turned)
        w.reconcile()

    async with life() as w:
        plan_turned(w)
        await w.feed(25)
        await anyio.sleep(20)
        assert vendor.seen == {("tell", n): 1 for n in range(1, 26)}
        if in_hand:
            await until_sending(w)
        await w.fleet.stop(0 if in_hand else 5)
    answers["send"] = 200
    async with life() as w:
        plan_turned(w)
        assert w.statistics("v").pending_before == 25
        await anyio.sleep(60)
        assert w.statistics("v").delivered == 25
    assert {n: times for (path, n), times in vendor.seen.items() if path == "send"} == dict.fromkeys(range(1, 26), 1)
    twice = [n for (path, n), times in vendor.seen.items() if path == "tell" and times > 1]
    assert len(twice) <= (10 if in_hand else 0)
    if not in_hand:
        largest = max(len(ids) for path, ids, status in vendor.requests if path == "send" and status == 200)
        assert largest == 10, "they go in batches, as on their first way"


async def until_sending(w: Any) -> None:
    while not w.fleet.state_of("v").in_hand:
        await anyio.sleep(0.0005)


# The little book of what is left -------------------------------------------------------------------------------------


def test_what_an_event_counts_as_is_the_gravest_that_became_of_it() -> None:
    left = Left(["a", "b", "c"])
    assert not left.ended("filtered", "not_supported")
    assert not left.ended("dead", "http_400")
    assert left.ended("delivered")
    assert (left.end, left.reason) == ("dead", "http_400")


def test_each_action_that_fails_for_now_goes_to_the_end_of_the_line_once() -> None:
    left = Left(["a", "b", "c"])
    assert left.postponed()
    assert left.actions == ["b", "c", "a"]
    assert left.postponed()
    assert left.actions == ["c", "a", "b"]
    assert not left.postponed(), "the others have failed too: now it waits"
    assert not left.ended("delivered")
    assert left.actions == ["a", "b"]
    assert not left.postponed()
