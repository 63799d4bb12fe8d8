"""The resources of the admin API: each request is one call of a `Desk`. Nothing is changed by a GET.

| resource under `/admin/v1` | GET | POST |
|---|---|---|
| `letters` | some dead letters: the fields of `LetterQuery`, `after` and `limit` as parameters | adds `{"letters": [...]}` |
| `letters/count` | how many, by destination and reason | |
| `letters/purge` | | deletes those of the `LetterQuery` that is the body |
| `letters/{id}` | one | |
| `replays` | those that are not done | begins `{"replay": {...}, "dry_run": false}` |
| `events/{messageId}` | the life of the events of that id | |
| `destinations`, `destinations/{name}` | all, one: as the journal knows it, and how it does (`live`) | |
| `destinations/{name}/parked` | some of what waits: `after` and `limit` as parameters | |
| `destinations/{name}/pause`, `resume`, `forget` | | does it |

What only looks is in `looking.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from ..journal.desk import BATCH, Desk, DestinationRow, LetterQuery, Replay
from ..journal.records import DeadLetter
from ..telemetry import Observation
from ..telemetry.report import destination_as_json
from .answering import Handler, answering, body_as, http_refusal, parameters_as
from .looking import Looks, looking_routes
from .messages import (
    PREFIX,
    Begin,
    Begun,
    Counted,
    Counts,
    Letters,
    Lives,
    Page,
    Parked,
    ParkedPage,
    Replays,
    Strict,
)

Asked = TypeVar("Asked", Page, ParkedPage)


def admin_app(desk: Desk, looks: Looks) -> Starlette:
    """The ASGI application. `looks` is how the engine stands."""
    resources = _Resources(desk, looks)
    routes = [
        *looking_routes(looks),
        _route("GET", "/letters", resources.letters),
        _route("POST", "/letters", resources.add),
        _route("GET", "/letters/count", resources.count),
        _route("POST", "/letters/purge", resources.purge),
        _route("GET", "/letters/{id:int}", resources.letter),
        _route("GET", "/replays", resources.replays),
        _route("POST", "/replays", resources.replay),
        _route("GET", "/events/{message_id:path}", resources.explain),
        _route("GET", "/destinations", resources.destinations),
        _route("GET", "/destinations/{name}", resources.destination),
        _route("GET", "/destinations/{name}/parked", resources.parked),
        _route("POST", "/destinations/{name}/pause", resources.pause),
        _route("POST", "/destinations/{name}/resume", resources.resume),
        _route("POST", "/destinations/{name}/forget", resources.forget),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: http_refusal})


def _route(method: str, path: str, handler: Handler) -> Route:
    route = Route(PREFIX + path, answering(handler), methods=[method])
    route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)  # a messageId is any text, with line ends too
    return route


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

    async def add(self, request: Request) -> Counted:
        return Counted(await self._desk.add((await body_as(request, Letters)).letters))

    async def purge(self, request: Request) -> Counted:
        return Counted(await self._desk.purge(_plain(await body_as(request, Strict))))

    # Replays and events ------------------------------------------------------------------------------------------

    async def replays(self, request: Request) -> Replays:
        return Replays(await self._desk.replays())

    async def replay(self, request: Request) -> Begun:
        begin = await body_as(request, Begin)
        fields = msgspec.structs.asdict(begin.replay) | {"query": _plain(begin.replay.query)}
        return Begun(*await self._desk.replay(Replay(**fields), dry_run=begin.dry_run))

    async def explain(self, request: Request) -> Lives:
        return Lives(await self._desk.explain(request.path_params["message_id"]))

    # Destinations ------------------------------------------------------------------------------------------------

    async def destinations(self, request: Request) -> Mapping[str, Any]:
        return {"destinations": await self._rows()}

    async def destination(self, request: Request) -> Mapping[str, Any]:
        name = request.path_params["name"]
        for row in await self._rows():
            if row["name"] == name:
                return row
        raise LookupError(f"no destination {name}")

    async def _rows(self) -> list[dict[str, Any]]:
        """As the journal knows them, and how those do that are served."""
        live = (await self._looks.report()).destinations
        return [_row(row, live.get(row.name)) for row in await self._desk.destinations()]

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
