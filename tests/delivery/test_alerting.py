"""Alerts on their way, in virtual time: whatever goes wrong, its receiver hears of it once, within a minute, and once when it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
import msgspec
import pytest
from doorstep.engine.delivery.alerting import Alerting
from doorstep.engine.delivery.fleet import Fleet
from doorstep.engine.errors import JournalError
from doorstep.engine.model import Lines, Request, Response
from doorstep.engine.policy.alerts import ALERTS, AlertSettings, rule_of
from doorstep.engine.policy.breaker import BreakerSettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.settings import Duration

pytestmark = pytest.mark.anyio

ON = ("held", "crashed", "dead_letter", "lag > 10m", "success < 95%")
SINGLE = BatchSettings(max_events=1)


class Ops:
    """Whoever is to be told: keeps the alerts it gets, with the time; refuses them while `status` is no 200."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.heard: list[tuple[float, dict[str, Any]]] = []

    async def open(self) -> Self:
        return self

    async def send(self, request: Request, timeout_s: float) -> Response:
        if self.status == 200:
            self.heard += [(anyio.current_time(), event) for event in msgspec.json.decode(request.body)]
        return Response(self.status)

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.fixture
def alerted(world: Callable[..., Any]) -> Callable[..., Any]:
    """`async with alerted(receiver, ...) as (world, ops, begin)`: `hook` is looked at, `ops` is told. Keywords are those of hook's plan."""

    @asynccontextmanager
    async def make(receiver: Any, ops: Ops | None = None, **plan: Any) -> AsyncIterator[tuple[Any, Ops]]:
        ops = ops or Ops()
        async with world() as w:
            plan.setdefault("owner", "growth-data")
            w.plan("hook", receiver, **plan)
            w.plan("ops", ops)
            w.reconcile()

            async def tell(line: bytes) -> None:
                await w.log.take(w.decoder.decode(Lines([line], range(1, 2))), ALERTS, always=True)

            alerting = Alerting(w.fleet, tell, w.clock)
            alerting.change([rule_of(AlertSettings(on=ON, to="ops"))])
            w.alerting = alerting
            w.fleet.attend(alerting.run)
            yield w, ops

    return make


async def feed(w: Any, seconds: float, per_second: int = 10) -> None:
    """Steadily."""
    for _ in range(round(seconds)):
        await w.feed(per_second)
        await anyio.sleep(1)


class Told:
    """What of `ops.heard` is an alert: it is offered everything, as any destination."""

    def __init__(self, ops: Ops) -> None:
        self._alerts = [(at, event) for at, event in ops.heard if event["event"] == "Doorstep Alert"]
        self.news = [(event["properties"]["news"], event["properties"]["condition"]) for _, event in self._alerts]

    def __getitem__(self, index: int) -> tuple[float, dict[str, Any]]:
        return self._alerts[index]

    def of(self, destination: str) -> list[tuple[str, str]]:
        pairs = zip(self._alerts, self.news, strict=True)
        return [news for (_, event), news in pairs if event["properties"]["destination"] == destination]


async def test_an_outage_is_told_once_within_a_minute_and_once_when_it_is_over(alerted, receiver) -> None:
    hook = receiver(lambda ids, now: 503 if 120 <= now < 720 else 200)
    async with alerted(hook) as (w, ops):
        await feed(w, 900)
        await anyio.sleep(300)
        told = Told(ops)
        assert w.statistics("hook").delivered == 9000
    assert told.news == [("began", "success < 95%"), ("ended", "success < 95%")]
    assert 120 < told[0][0] <= 180
    assert 720 < told[1][0] <= 960


async def test_a_held_destination_is_told_once_within_a_minute_and_once_when_it_is_over(alerted, receiver) -> None:
    hook = receiver(lambda ids, now: 401 if 120 <= now < 480 else 200)
    async with alerted(hook) as (w, ops):
        await feed(w, 600)
        await anyio.sleep(300)
        told = Told(ops)
    assert told.news == [("began", "held"), ("ended", "held")]
    assert 120 < told[0][0] <= 180


async def test_a_success_rate_under_its_bound_is_told_once_within_a_minute_and_once_when_it_is_over(
    alerted, receiver
) -> None:
    attempts = 0

    def script(ids: list[int], now: float) -> int:
        nonlocal attempts
        attempts += 1
        return 500 if 120 <= now < 600 and attempts % 5 == 0 else 200

    async with alerted(receiver(script), batch=SINGLE) as (w, ops):
        await feed(w, 900, per_second=3)
        await anyio.sleep(300)
        told = Told(ops)
    assert told.news == [("began", "success < 95%"), ("ended", "success < 95%")]
    assert 120 < told[0][0] <= 180


async def test_dead_letters_are_told_once_within_a_minute_and_once_when_they_are_over(alerted, receiver) -> None:
    def script(ids: list[int], now: float) -> int:
        return 400 if 120 <= now < 600 and any(number % 100 == 0 for number in ids) else 200

    async with alerted(receiver(script)) as (w, ops):
        await feed(w, 900)
        await anyio.sleep(300)
        told = Told(ops)
        assert w.statistics("hook").dead_lettered == 48
    assert told.news == [("began", "dead_letter"), ("ended", "dead_letter")]
    assert 120 < told[0][0] <= 180


async def test_an_alert_says_whose_it_is_what_failed_and_how(alerted, receiver) -> None:
    async with alerted(receiver(lambda ids, now: 401)) as (w, ops):
        await w.feed(2)
        await anyio.sleep(1)
        await w.feed(1)
        await anyio.sleep(60)
        _, event = Told(ops)[0]
    properties = event["properties"]
    assert event["integrations"] == {"All": False, "ops": True}
    assert event["messageId"].startswith("alert-ops-hook-")
    assert properties["text"] == "hook (owner: growth-data): held: it needs attention, its events are kept, http_401"
    assert (properties["destination"], properties["owner"], properties["state"]) == ("hook", "growth-data", "held")
    assert properties["messageId"] == f"m-{properties['number']}"
    assert (properties["reason"], properties["status"]) == ("http_401", 401)
    assert properties["request"].startswith('POST http://receiver/\n[{"type":"track","userId":"u","event":"E"')
    assert properties["response"] == "401\n"


async def test_an_alert_goes_to_its_receiver_and_to_nobody_else(alerted, receiver) -> None:
    hook, lake = receiver(lambda ids, now: 401), receiver()
    async with alerted(hook) as (w, ops):
        w.plan("lake", lake)
        w.reconcile()
        await w.feed(3)
        await anyio.sleep(1)
        await w.feed(1)
        await anyio.sleep(60)
        assert w.statistics("lake").filtered == {"integrations": 1}
        assert Told(ops).news == [("began", "held")]
    assert lake.seen.total() == 4


async def test_alerts_that_are_refused_make_no_more_alerts(alerted, receiver) -> None:
    ops = Ops(400)
    hook = receiver(lambda ids, now: 401 if now < 1200 else 200)
    async with alerted(hook, ops=ops) as (w, _):
        w.plan("pager", pager := Ops())
        w.reconcile()
        w.alerting.change([rule_of(AlertSettings(on=ON, to=to)) for to in ("ops", "pager")])
        await w.feed(3)
        await anyio.sleep(1)
        await w.feed(1)
        await anyio.sleep(2400)
        assert w.statistics("ops").dead_lettered == 4 + 2  # the events, and what was to be told of hook
        told = Told(pager)
    assert told.of("hook") == [("began", "held"), ("ended", "held")]
    assert told.of("ops") == [("began", "dead_letter"), ("ended", "dead_letter")]  # of the four: no alert counts


async def test_an_alert_is_taken_though_the_log_is_held_and_closed(alerted, receiver) -> None:
    async with alerted(receiver(lambda ids, now: 401)) as (w, ops):
        await w.feed(3)
        await anyio.sleep(1)
        await w.feed(1)
        w.log.hold(True)
        w.log.close()
        await anyio.sleep(60)
        assert Told(ops).news == [("began", "held")]


async def test_a_breaker_that_opens_for_a_moment_is_no_incident(alerted, receiver) -> None:
    hook = receiver(lambda ids, now: 503 if 120 <= now < 121 else 200)
    plan = {"breaker": BreakerSettings(open=Duration("1s"))}
    async with alerted(hook, **plan) as (w, ops):
        await feed(w, 600, per_second=50)
        assert Told(ops).news == []


async def test_a_look_that_the_disk_fails_is_taken_again(alerted, receiver, monkeypatch) -> None:
    real, fails = Fleet.observe, [True, True]

    async def observe(fleet: Fleet) -> Any:
        if fails and fails.pop():
            raise JournalError("the journal's disk failed: disk I/O error")
        return await real(fleet)

    monkeypatch.setattr(Fleet, "observe", observe)
    async with alerted(receiver(lambda ids, now: 401)) as (w, ops):
        await feed(w, 60)
        assert (fails, Told(ops).news) == ([], [("began", "held")])
