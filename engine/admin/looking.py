"""Resources that only look: how the engine stands, what is delivered, whether it lives. None of them changes anything.

| resource | GET |
|---|---|
| `/admin/v1/status` | the summary so far, and more of each destination, the process and the journal |
| `/admin/v1/deliveries` | recent attempts, the newest first: `destination`, `limit`, `failed` as parameters |
| `/admin/v1/deliveries/stream` | the `last` and those to come, as NDJSON; `{"missed": n}` for whoever reads too slowly |
| `/metrics` | all numbers, for Prometheus |
| `/livez` | the event loop goes round |
| `/readyz` | the journal can be written: 200, or 503 with the reason |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ..telemetry import Deliveries
from ..telemetry.prometheus import exposition
from ..telemetry.report import Report
from .answering import answer, answering, parameters_as
from .messages import PREFIX, DeliveryQuery, RecentDeliveries, StreamQuery


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
    async def report(self) -> Report: ...
    async def ready(self) -> Readiness: ...


def looking_routes(looks: Looks) -> list[Route]:
    """For the application."""
    resources = _Looking(looks)
    return [
        Route(f"{PREFIX}/status", answering(resources.status), methods=["GET"]),
        Route(f"{PREFIX}/deliveries", answering(resources.deliveries), methods=["GET"]),
        Route(f"{PREFIX}/deliveries/stream", answering(resources.stream), methods=["GET"]),
        Route("/metrics", answering(resources.metrics), methods=["GET"]),
        Route("/livez", answering(resources.live), methods=["GET"]),
        Route("/readyz", answering(resources.ready), methods=["GET"]),
    ]


class _Looking:
    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    async def status(self, request: Request) -> Mapping[str, Any]:
        return (await self._looks.report()).as_json()

    async def deliveries(self, request: Request) -> RecentDeliveries:
        query = parameters_as(request, DeliveryQuery)
        await self._expect(query.destination)
        return RecentDeliveries(
            self._looks.deliveries.recent(query.destination, limit=query.limit, failed=query.failed)
        )

    async def stream(self, request: Request) -> Response:
        query = parameters_as(request, StreamQuery)
        await self._expect(query.destination)
        return StreamingResponse(self._lines(query), media_type="application/x-ndjson")

    async def _lines(self, query: StreamQuery) -> AsyncIterator[bytes]:
        async with aclosing(self._looks.deliveries.follow(query.destination, last=query.last)) as deliveries:
            async for delivery in deliveries:
                yield msgspec.json.encode(delivery) + b"\n"

    async def _expect(self, destination: str | None) -> None:
        if destination is not None and destination not in (await self._looks.report()).destinations:
            raise LookupError(f"no destination {destination}")

    async def metrics(self, request: Request) -> Response:
        text, content_type = exposition(await self._looks.report(), request.headers.get("accept", ""))
        return Response(text, media_type=content_type)

    async def live(self, request: Request) -> Mapping[str, Any]:
        return {"live": True}

    async def ready(self, request: Request) -> Response:
        found = await self._looks.ready()
        return answer({"ready": found.ready, "reason": found.reason}, 200 if found.ready else 503)
