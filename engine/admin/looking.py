"""Resources that only look: how the engine stands, what is delivered, whether it lives. None of them changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..telemetry import Deliveries, Delivery, Observation
from ..telemetry.history import Trend
from ..telemetry.masking import Mask
from ..telemetry.prometheus import exposition
from ..telemetry.report import Report
from ..version import VERSION
from .answering import CALLER, answer, parameters_as, shown
from .messages import PREFIX, DeliveryQuery, Glance, RecentDeliveries, Row, StreamQuery, Who
from .resource import Resource

EVENT_STREAM = "text/event-stream"
_FOREVER = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Readiness(Protocol):
    """Whether events can be taken in, and why not."""

    @property
    def ready(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class Looks(Protocol):
    """What there is to see of an engine."""

    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def names(self) -> Collection[str]: ...
    async def report(self) -> Report: ...
    async def observation(self, destination: str) -> Observation | None: ...
    def trend(self, destination: str) -> Trend: ...
    def utc(self) -> float: ...
    async def ready(self) -> Readiness: ...


def looking_resources(looks: Looks) -> list[Resource]:
    """For the table."""
    this = _Looking(looks)
    return [
        Resource(
            method="GET",
            path=f"{PREFIX}/whoami",
            handler=this.who,
            summary="Who asks, and in which role.",
            answer=Who,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/overview",
            handler=this.glance,
            summary="The engine at a glance, with the last ten minutes of each destination.",
            answer=Glance,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/status",
            handler=this.status,
            summary="The summary so far, and more of each destination, the process and the journal.",
            answer=dict[str, Any],
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/deliveries",
            handler=this.deliveries,
            summary="Recent attempts, the newest first.",
            query=DeliveryQuery,
            answer=RecentDeliveries,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/deliveries/stream",
            handler=this.stream,
            summary="The `last` attempts and those to come: NDJSON, or server-sent events if that is what is accepted.",
            query=StreamQuery,
            media=EVENT_STREAM,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/deliveries/{{id:int}}",
            handler=this.delivery,
            summary="One attempt, as long as it is remembered.",
            answer=Delivery,
        ),
        Resource(
            method="GET",
            path="/metrics",
            handler=this.metrics,
            summary="All numbers, for Prometheus.",
            media="text/plain",
        ),
        Resource(
            method="GET",
            path="/livez",
            handler=this.live,
            summary="The event loop goes round.",
            role=None,
            answer=dict[str, Any],
        ),
        Resource(
            method="GET",
            path="/readyz",
            handler=this.ready,
            summary="Whether events can be taken in: 200, or 503 with the reason.",
            role=None,
            answer=dict[str, Any],
        ),
    ]


class _Looking:
    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    async def who(self, request: Request) -> Who:
        caller = request.scope[CALLER]
        return Who(caller.name, caller.role)

    async def glance(self, request: Request) -> Glance:
        report = await self._looks.report()
        statistics = report.statistics
        return Glance(
            version=VERSION,
            at=self._looks.utc(),
            uptime_s=statistics.duration_s,
            received=statistics.received,
            accepted=statistics.accepted,
            duplicates=statistics.duplicates,
            rejected=sum(statistics.rejected.values()),
            journal=report.journal,
            process=report.process,
            destinations=[_row(name, one, self._looks.trend(name)) for name, one in report.destinations.items()],
        )

    async def delivery(self, request: Request) -> Delivery:
        wanted = request.path_params["id"]
        found = self._looks.deliveries.find(wanted)
        if found is None:
            raise LookupError(f"delivery {wanted} is not remembered")
        return found

    async def status(self, request: Request) -> Mapping[str, Any]:
        return (await self._looks.report()).as_json()

    async def deliveries(self, request: Request) -> RecentDeliveries:
        query = parameters_as(request, DeliveryQuery)
        self._expect(query.destination)
        return RecentDeliveries(
            self._looks.deliveries.recent(query.destination, limit=query.limit, failed=query.failed)
        )

    async def stream(self, request: Request) -> Response:
        query = parameters_as(request, StreamQuery)
        self._expect(query.destination)
        as_events = EVENT_STREAM in request.headers.get("accept", "")
        return StreamingResponse(
            self._lines(query, request.scope[CALLER].mask, b"data: %s\n\n" if as_events else b"%s\n"),
            headers=_FOREVER,
            media_type=EVENT_STREAM if as_events else "application/x-ndjson",
        )

    async def _lines(self, query: StreamQuery, mask: Mask | None, form: bytes) -> AsyncIterator[bytes]:
        async with aclosing(self._looks.deliveries.follow(query.destination, last=query.last)) as deliveries:
            async for delivery in deliveries:
                yield form % msgspec.json.encode(shown(delivery, mask) if mask else delivery)

    def _expect(self, destination: str | None) -> None:
        if destination is not None and destination not in self._looks.names:
            raise LookupError(f"no destination {destination}")

    async def metrics(self, request: Request) -> Response:
        text, content_type = exposition(await self._looks.report(), request.headers.get("accept", ""))
        return Response(text, media_type=content_type)

    async def live(self, request: Request) -> Mapping[str, Any]:
        return {"live": True}

    async def ready(self, request: Request) -> Response:
        found = await self._looks.ready()
        return answer({"ready": found.ready, "reason": found.reason}, 200 if found.ready else 503)


def _row(name: str, one: Observation, trend: Trend) -> Row:
    """A destination at a glance; also one that a reload took away, whose numbers still count."""
    numbers = one.statistics
    return Row(
        name=name,
        type=one.type,
        owner=one.owner,
        state=numbers.state,
        reason=one.reason,
        down_s=round(one.breaker.down_s, 1),
        per_second=one.attempts.per_second,
        success=one.attempts.success,
        delivered=numbers.delivered,
        filtered=sum(numbers.filtered.values()),
        dead=numbers.dead_lettered,
        parked=numbers.parked,
        lag_events=one.lag.events,
        lag_s=round(one.lag.seconds, 1),
        p50_ms=numbers.latency_ms.p50,
        p99_ms=numbers.latency_ms.p99,
        trend=trend,
    )
