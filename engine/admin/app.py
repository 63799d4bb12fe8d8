"""The application: one table of resources, each of them one call of a `Desk`, of a `Bench`, or a look. Nothing is changed by a GET.

    Resource -> route (who may, what is asked, what is answered) -> handler -> Desk
             -> OpenAPI document, at /admin/v1/openapi.json

Here are those of the journal's desk; what only looks is in `looking.py`, what tries and configures in `trying.py`, the console's files in
`pages.py`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from ..journal.desk import BATCH, Added, Desk, DestinationRow, LetterQuery, Replay
from ..journal.records import DeadLetter
from ..telemetry import Observation
from ..telemetry.report import destination_as_json
from .answering import body_as, endpoint_of, http_refusal, parameters_as
from .audit import AuditLog
from .bench import Bench
from .looking import Looks, looking_resources
from .messages import (
    PREFIX,
    Begin,
    Begun,
    Counted,
    Counts,
    Edited,
    LatestQuery,
    Letters,
    Lives,
    Page,
    Parked,
    ParkedPage,
    Replays,
    StoredEvents,
    Strict,
)
from .openapi import openapi
from .pages import page_resources
from .resource import Resource
from .trying import trying_resources

Asked = TypeVar("Asked", Page, ParkedPage)


def admin_app(
    desk: Desk,
    looks: Looks,
    bench: Bench | None = None,
    audit: AuditLog | None = None,
    utc: Callable[[], float] = time.time,
) -> Starlette:
    """The ASGI application. `looks` is how the engine stands; without a `bench` nothing can be tried or configured."""
    resources = resources_of(desk, looks, bench)
    audit = audit or AuditLog(None)
    routes = []
    for one in resources:
        route = Route(one.path, endpoint_of(one, audit, utc), methods=[one.method])
        route.path_regex = re.compile(
            route.path_regex.pattern, re.DOTALL
        )  # a messageId is any text, with line ends too
        routes.append(route)
    return Starlette(routes=routes, exception_handlers={HTTPException: http_refusal})


def resources_of(desk: Desk, looks: Looks, bench: Bench | None) -> list[Resource]:
    """The table."""
    resources = [
        *looking_resources(looks),
        *(trying_resources(desk, bench) if bench else []),
        *_desk_resources(desk, looks),
    ]
    described = Resource(
        method="GET",
        path=f"{PREFIX}/openapi.json",
        handler=_Description(resources).answer,
        summary="This document.",
        answer=dict[str, Any],
    )
    return [*resources, described, *page_resources()]


def public_paths() -> frozenset[str]:
    """What anybody may ask for: the console's files, and whether the engine lives."""
    return frozenset({"/livez", "/readyz", *(page.path for page in page_resources())})


class _Description:
    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources

    async def answer(self, request: Request) -> Mapping[str, Any]:
        return openapi(self._resources)


def _desk_resources(desk: Desk, looks: Looks) -> list[Resource]:
    this = _Resources(desk, looks)
    one = f"{PREFIX}/destinations/{{name}}"
    return [
        Resource(
            method="GET",
            path=f"{PREFIX}/letters",
            handler=this.letters,
            summary="Some dead letters, in order of id, after the one of id `after`.",
            query=Page,
            answer=Letters,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/letters",
            handler=this.add,
            summary="Brings in dead letters that were exported. Those that hold no event are `refused`.",
            role="owner",
            body=Letters,
            answer=Added,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/letters/count",
            handler=this.count,
            summary="How many dead letters there are, by destination and reason.",
            query=Strict,
            answer=Counts,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/letters/purge",
            handler=this.purge,
            summary="Deletes the dead letters that all conditions hold for. An empty query is every one.",
            role="owner",
            body=Strict,
            answer=Counted,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/letters/{{id:int}}",
            handler=this.letter,
            summary="One dead letter.",
            answer=DeadLetter,
        ),
        Resource(
            method="PUT",
            path=f"{PREFIX}/letters/{{id:int}}",
            handler=this.patch,
            summary="Puts another event in place of a dead one, to be sent instead when it is replayed.",
            role="source_admin",
            body=Edited,
            answer=DeadLetter,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/replays",
            handler=this.replays,
            summary="Replays that are not done.",
            answer=Replays,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/replays",
            handler=this.replay,
            summary="Sends events again: dead letters, or what is in the journal. `dry_run` only counts.",
            role="source_admin",
            body=Begin,
            answer=Begun,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/events",
            handler=this.latest,
            summary="The latest events accepted, the newest first.",
            query=LatestQuery,
            answer=StoredEvents,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/events/{{message_id:path}}",
            handler=this.explain,
            summary="The life of the events of that messageId.",
            answer=Lives,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/destinations",
            handler=this.destinations,
            summary="All destinations: as the journal knows them, and how they do (`live`).",
            answer=dict[str, Any],
        ),
        Resource(
            method="GET",
            path=one,
            handler=this.destination,
            summary="One destination: the same, and its last ten minutes (`trend`).",
            answer=dict[str, Any],
        ),
        Resource(
            method="GET",
            path=f"{one}/parked",
            handler=this.parked,
            summary="Some of what waits there for a try of its own.",
            query=ParkedPage,
            answer=Parked,
        ),
        Resource(
            method="POST",
            path=f"{one}/pause",
            handler=this.pause,
            summary="Sends nothing more there until it is resumed.",
            role="source_admin",
        ),
        Resource(
            method="POST",
            path=f"{one}/resume",
            handler=this.resume,
            summary="Goes on.",
            role="source_admin",
        ),
        Resource(
            method="POST",
            path=f"{one}/forget",
            handler=this.forget,
            summary="Deletes what is known of a destination that is not configured any more.",
            role="owner",
        ),
    ]


class _Resources:
    def __init__(self, desk: Desk, looks: Looks) -> None:
        self._desk, self._looks = desk, looks

    # Dead letters ------------------------------------------------------------------------------------------------

    async def letters(self, request: Request) -> Letters:
        page = _bounded(parameters_as(request, Page))
        return Letters(await self._desk.letters(_plain(page), after=page.after, limit=page.limit))

    async def letter(self, request: Request) -> DeadLetter:
        return await self._desk.letter(request.path_params["id"])

    async def count(self, request: Request) -> Counts:
        return Counts(await self._desk.count(_plain(parameters_as(request, Strict))))

    async def patch(self, request: Request) -> DeadLetter:
        edited = await body_as(request, Edited)
        return await self._desk.patch(request.path_params["id"], bytes(edited.event))

    async def add(self, request: Request) -> Added:
        return await self._desk.add((await body_as(request, Letters)).letters)

    async def purge(self, request: Request) -> Counted:
        return Counted(await self._desk.purge(_plain(await body_as(request, Strict))))

    # Replays and events ------------------------------------------------------------------------------------------

    async def replays(self, request: Request) -> Replays:
        return Replays(await self._desk.replays())

    async def replay(self, request: Request) -> Begun:
        begin = await body_as(request, Begin)
        fields = msgspec.structs.asdict(begin.replay) | {"query": _plain(begin.replay.query)}
        return Begun(*await self._desk.replay(Replay(**fields), dry_run=begin.dry_run))

    async def latest(self, request: Request) -> StoredEvents:
        return StoredEvents(await self._desk.latest(parameters_as(request, LatestQuery).limit))

    async def explain(self, request: Request) -> Lives:
        return Lives(await self._desk.explain(request.path_params["message_id"]))

    # Destinations ------------------------------------------------------------------------------------------------

    async def destinations(self, request: Request) -> Mapping[str, Any]:
        live = (await self._looks.report()).destinations
        return {"destinations": [_row(row, live.get(row.name)) for row in await self._desk.destinations()]}

    async def destination(self, request: Request) -> Mapping[str, Any]:
        name = request.path_params["name"]
        for row in await self._desk.destinations():
            if row.name == name:
                shown = _row(row, await self._looks.observation(name))
                return {**shown, "trend": self._looks.trend(name)}
        raise LookupError(f"no destination {name}")

    async def parked(self, request: Request) -> Parked:
        page = _bounded(parameters_as(request, ParkedPage))
        return Parked(await self._desk.parked(request.path_params["name"], after=page.after, limit=page.limit))

    async def pause(self, request: Request) -> None:
        await self._desk.pause(request.path_params["name"])

    async def resume(self, request: Request) -> None:
        await self._desk.resume(request.path_params["name"])

    async def forget(self, request: Request) -> None:
        await self._desk.forget(request.path_params["name"])


def _bounded(page: Asked) -> Asked:
    if not 1 <= page.limit <= BATCH:
        raise msgspec.ValidationError(f"Expected 1 to {BATCH} - at `$.limit`")
    return page


def _row(row: DestinationRow, live: Observation | None) -> dict[str, Any]:
    return {**msgspec.to_builtins(row), "live": destination_as_json(live) if live else None}


def _plain(query: LetterQuery) -> LetterQuery:
    """Without what is only for reading it, so that it equals what was sent."""
    return LetterQuery(**{name: getattr(query, name) for name in LetterQuery.__struct_fields__})
