"""Alerts on their way: looks at every destination every few seconds, and makes an event of what somebody is to be told.

    fleet -> Sight -> policy.alerts -> Alert -> event `Doorstep Alert` -> the log -> the one destination that it is for

It is an event like any other: stored, mapped, retried, explained. Its `integrations` object keeps it from all others. What it says of the
request that failed is without secrets and without what is personal, as it leaves for wherever the user wants.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec

from ..clock import Clock
from ..policy.alerts import Alert, Rule, Sight, Watch
from ..privacy import redacted
from ..telemetry import Delivery, Observation
from .fleet import Fleet
from .looking import Looks

_log = logging.getLogger("doorstep.alerts")

LOOK_EVERY_S = 2.0
EXCERPT_CHARS = 500
EVENT = "Doorstep Alert"

Tell = Callable[[bytes], Awaitable[None]]
"""Takes an event in, as one line."""


class Alerting:
    """Of one engine. Without rules it only remembers what it sees."""

    def __init__(self, fleet: Fleet, tell: Tell, clock: Clock) -> None:
        self._fleet, self._tell, self._clock = fleet, tell, clock
        self._watch = Watch()
        self._rules: tuple[Rule, ...] = ()
        self._looks = Looks("alerts")

    def change(self, rules: Sequence[Rule]) -> None:
        """From here on these hold."""
        self._rules = tuple(rules)
        self._watch.change(rules)

    async def run(self) -> None:
        """For ever."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            if self._rules:
                await self.look()

    async def look(self, *, last: bool = False) -> int:
        """Tells what there is to tell (`last`: now or never). How much that was."""
        with self._looks:
            return await self._look(last)
        return 0

    async def _look(self, last: bool) -> int:
        seen = await self._fleet.observe()
        now = self._clock.monotonic()
        alerts = self._watch.look({name: _sight(one) for name, one in seen.items()}, now, last=last)
        for alert in alerts:
            failed = self._fleet.deliveries.last_failed(alert.destination)
            event = self._event(alert, seen.get(alert.destination), failed)
            facts = {key: getattr(alert, key) for key in ("destination", "condition", "news", "to", "detail")}
            _log.warning("alert", extra={"facts": facts})
            await self._tell(msgspec.json.encode(event))
        return len(alerts)

    def _event(self, alert: Alert, one: Observation | None, failed: Delivery | None) -> dict[str, Any]:
        utc = self._clock.utc()
        since = utc - (self._clock.monotonic() - alert.since)
        return {
            "type": "track",
            "event": EVENT,
            "messageId": f"alert-{alert.to}-{alert.destination}-{round(since * 1000)}-{alert.news}-{alert.kind}",
            "anonymousId": "doorstep",
            "timestamp": _moment(utc),
            "integrations": {"All": False, alert.to: True},
            "properties": {
                "text": _sentence(alert, one),
                "destination": alert.destination,
                "owner": one.owner if one else None,
                "condition": alert.condition,
                "news": alert.news,
                "detail": alert.detail,
                "since": _moment(since),
                "until": _moment(utc) if alert.news == "ended" else None,
                "state": one.statistics.state if one else "removed",
                **_numbers(one),
                **(_failed(failed) if failed and alert.news != "ended" else {}),
            },
        }

    def __repr__(self) -> str:
        return f"<Alerting: {self._watch!r}>"


def _sight(one: Observation) -> Sight:
    return Sight(
        is_held=one.statistics.state == "held",
        is_crashed=one.statistics.state == "crashed",
        down_s=one.breaker.down_s,
        lag_s=one.lag.seconds,
        dead=one.statistics.dead_lettered - one.dead_alerts,
        good=one.attempts.lately_good,
        bad=one.attempts.lately_bad,
        attempts=one.attempts.lately_attempts,
    )


def _sentence(alert: Alert, one: Observation | None) -> str:
    """For people, where a mapping shows one text."""
    owner = f" (owner: {one.owner})" if one and one.owner else ""
    if alert.news == "ended":
        return f"{alert.destination}{owner} is well again: {alert.condition}, {alert.detail}"
    reason = f", {one.reason}" if one and one.reason else ""
    return f"{alert.destination}{owner}: {alert.condition}: {alert.detail}{reason}"


def _numbers(one: Observation | None) -> dict[str, Any]:
    if one is None:
        return {}
    return {
        "lag_events": one.lag.events,
        "lag_s": round(one.lag.seconds, 1),
        "parked": one.statistics.parked,
        "dead_letters": one.statistics.dead_lettered,
    }


def _failed(failed: Delivery) -> dict[str, Any]:
    """The newest attempt that failed, and the first event in it: `doorstep explain` takes its `messageId`."""
    request, response = failed.request, failed.response
    found: dict[str, Any] = {
        "messageId": failed.message_id,
        "number": failed.first,
        "failed_at": _moment(failed.at),
        "reason": failed.reason,
        "status": failed.status,
    }
    if request is not None:
        found["request"] = f"{request.method} {request.url}\n{_unpersonal(request.body)}"
    if response is not None:
        found["response"] = f"{response.status}\n{_unpersonal(response.body)}"
    return found


def _unpersonal(text: str) -> str:
    return redacted(text, EXCERPT_CHARS)


def _moment(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
