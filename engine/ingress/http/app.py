"""One request, from its head to its answer: plain ASGI, so that it can be served here or mounted into another program.

What it costs is per request: events are gone through once, in `normalise` and in the decoder, and nothing waits, counts or logs for each.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias

import anyio
import msgspec

from ...clock import LoopTime
from ...errors import Closed, JournalError
from ...model.lines import Lines
from ...net.serving import BODY_IS_HERE
from ..intake import Intake, Outcome
from ..settings import WriteKey
from .answers import SUCCESS, Answer, Line, PlainAnswer, Refused, head_of, preflight, refusal
from .body import Bodies, Gone, Receive
from .browser import sdk_settings
from .keys import Keys, Source, key_in
from .normalise import BadBody, Parsed, Stamp, lines_of, parse_batch, parse_event
from .plain import lines_of_plain
from .routes import Route, route_of

_log = logging.getLogger("doorstep.http")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Scope = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

ANSWER_S = 5.0
"""How long a client waits until its events are stored; then it is told to come again. SDKs give up after 10 to 15 s."""
_SHOWN = 100
"""Rejected lines in one answer."""


class HttpStatistics(msgspec.Struct, frozen=True):
    """Counted since the start."""

    requests: int
    refused: Mapping[str, int]
    """By code: what was not taken as a whole. Rejected events of a request that was taken are the pipeline's to count."""
    size_bytes: int
    lines: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an app is to be."""

    name: str
    keys: tuple[WriteKey, ...] = ()
    max_body_bytes: int
    max_event_bytes: int
    body_timeout_s: float


class Clocks(Protocol):
    """As `engine.clock.Clock`."""

    @property
    def monotonic(self) -> Callable[[], float]: ...
    @property
    def utc(self) -> Callable[[], float]: ...


class _Clocks(msgspec.Struct, frozen=True):
    monotonic: Callable[[], float] = msgspec.field(default_factory=LoopTime)
    utc: Callable[[], float] = time.time


class TrackingApp:
    """An ASGI app that hands events on to `intake`."""

    def __init__(self, wanted: Wanted, intake: Intake, clocks: Clocks | None = None) -> None:
        self._intake = intake
        self._clocks: Clocks = clocks or _Clocks()
        self._keys = Keys(wanted.keys, wanted.name, self._clocks.monotonic)
        self._max_event_bytes = wanted.max_event_bytes
        max_body_bytes = max(wanted.max_body_bytes, wanted.max_event_bytes + 1024)
        self._bodies = Bodies(max_body_bytes, wanted.body_timeout_s)
        self._requests = self._size_bytes = self._lines = 0
        self._refused: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<TrackingApp {self._requests} requests, {self._lines} lines>"

    def statistics(self) -> HttpStatistics:
        """A snapshot."""
        return HttpStatistics(self._requests, dict(self._refused), self._size_bytes, self._lines)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        self._requests += 1
        request = _Request(scope)
        try:
            answer = await self._answer(request, receive)
        except Gone:
            return
        except Refused as refused:
            answer = self._refuse(refused)
        except Exception as error:  # whatever it is: the client has an answer, and comes again
            _log.error("a request failed", extra={"facts": {"type": type(error).__name__}}, exc_info=error)
            answer = self._refuse(Refused("internal"))
        origin = request.origin if request.may_read else None
        await send({"type": "http.response.start", "status": answer.status, "headers": head_of(answer, origin)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    def _refuse(self, refused: Refused) -> Answer:
        self._refused[refused.code] = self._refused.get(refused.code, 0) + 1
        return refusal(refused)

    async def _answer(self, request: _Request, receive: Receive) -> Answer:
        if request.origin is not None:
            request.may_read = self._keys.allows_any(request.origin)
        route = route_of(request.path)
        if route is None:
            raise Refused("no_resource")
        if request.method == "OPTIONS":
            return preflight()
        if request.method != route.method:
            raise Refused("no_method")
        if route.kind == "settings":
            self._source(request, route.write_key)
            return Answer(200, sdk_settings(route.write_key, request.scheme, request.host), [_NO_STORE])
        with self._bodies.room() as room:
            source = self._source_in_head(request, route)
            body = await room.read(request.headers, receive, is_here=request.body_is_here)
            self._size_bytes += len(body)
            return await self._take(request, route, source, body)

    def _source_in_head(self, request: _Request, route: Route) -> Source | None:
        """None: the body says whose it is. A Bearer token that is no key is one of OAuth: with that SDKs have their key in the body."""
        key = request.key
        if key is None or (request.is_bearer and route.kind != "plain" and not self._keys.knows(key)):
            return None
        return self._source(request, key)

    def _source(self, request: _Request, key: str | None) -> Source:
        try:
            return self._keys.find(key, request.origin)
        except Refused as refused:
            request.may_read &= refused.code != "origin_not_allowed"
            raise

    async def _take(self, request: _Request, route: Route, source: Source | None, body: bytes) -> Answer:
        if route.kind == "ignored":
            return SUCCESS
        try:
            if route.kind == "plain":
                source = source or self._source(request, None)
                return _plain_answer(await self._hand_on(lines_of_plain(body, self._max_event_bytes), source))
            parsed = parse_batch(body) if route.kind == "batch" else parse_event(body, route.type)
        except BadBody as bad:
            raise Refused(bad.code, bad.message) from None
        source = source or self._source(request, parsed.write_key)
        return _answer_to(parsed, await self._hand_on(self._normalised(parsed), source))

    def _normalised(self, parsed: Parsed) -> Lines:
        return lines_of(parsed, Stamp(self._clocks.utc(), _new_id), self._max_event_bytes)

    async def _hand_on(self, read: Lines, source: Source) -> Outcome | None:
        """Returns once it is durable; None if there is nothing. Raises Refused."""
        count = len(read.lines) + len(read.too_large)
        if not count:
            return None
        source.admit(count, self._clocks.monotonic())
        self._lines += count
        try:
            if not self._intake.has_room:
                raise Refused("no_room")
            with anyio.move_on_after(ANSWER_S):  # `fail_after` would cost 5 % of a small request
                return await self._intake.submit(read, source.name)
            raise Refused("no_room")
        except Closed:
            raise Refused("closing") from None
        except JournalError as error:
            _log.error("events could not be stored", extra={"facts": {"error": str(error)}})
            raise Refused("no_room") from None


class _Request:
    """The head of one."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._authorization = self.headers.get(b"authorization")
        self.key = key_in(self._authorization)
        self.origin = self.headers.get(b"origin")
        self.may_read = False
        """Whether a page of `origin` may read the answer."""
        self.body_is_here: bool = BODY_IS_HERE in scope.get("state", ())
        self._scheme: str = scope.get("scheme", "http")

    @property
    def is_bearer(self) -> bool:
        """Whether the key is the token of `Bearer`."""
        return (self._authorization or b"")[:7].lower() == b"bearer "

    @property
    def scheme(self) -> str:
        """As the client sees it: a proxy in front says so."""
        said = self.headers.get(b"x-forwarded-proto", b"").decode("latin-1").lower()
        return said if said in ("http", "https") else self._scheme

    @property
    def host(self) -> str:
        """Where the client found us."""
        return self.headers.get(b"host", b"").decode("latin-1")


_NO_STORE = (b"cache-control", b"no-store")


def _new_id() -> str:
    return f"api-{uuid.uuid4()}"


def _answer_to(parsed: Parsed, outcome: Outcome | None) -> Answer:
    """Success, though events may have been rejected, as with Segment: no client could do anything about it. Only size is said."""
    if outcome is not None and not parsed.is_batch and outcome.rejected and outcome.rejected[0].reason == "too_large":
        raise Refused("too_large")
    return SUCCESS


def _plain_answer(outcome: Outcome | None) -> Answer:
    """What became of each line; 400 if not one was an event."""
    if outcome is None:
        return Answer(200, msgspec.json.encode(PlainAnswer(0, 0, 0, [])))
    errors = [Line(one.number, one.reason, one.detail) for one in outcome.rejected[:_SHOWN]]
    answer = PlainAnswer(outcome.accepted, outcome.duplicates, len(outcome.rejected), errors)
    is_all_bad = outcome.rejected and not (outcome.accepted or outcome.duplicates)
    return Answer(400 if is_all_bad else 200, msgspec.json.encode(answer))
