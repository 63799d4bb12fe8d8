"""The delivery log: the latest attempts of each destination, as people look at them, and those to come as they happen.

    Attempts -> add (once an attempt) -> a ring per destination -> recent            -> admin API, alerts
                                      -> followers              -> follow            -> `doorstep tail`

What is kept is small, and made readable and masked only when somebody looks. It can hold what is personal: it is for the admin socket
alone.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from heapq import merge
from itertools import islice
from typing import Literal, TypeAlias

import anyio
import msgspec

from ..model.exchange import Request, Response
from .masking import Mask

KEPT = 30
"""Attempts per destination ..."""
KEPT_FAILED = 20
"""... and failed ones beside them, which would be pushed out by those that succeed."""
EXCERPT_BYTES = 1024
"""Of a body. With 200 destinations all rings together are 20 MiB at most."""
FOLLOWER_ENTRIES = 1000
"""So far may a follower be behind; then it misses the oldest, and is told how many."""

Result: TypeAlias = Literal["delivered", "partial", "failed"]


class Sent(msgspec.Struct, frozen=True):
    """An excerpt of a request."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    size_bytes: int


class Answered(msgspec.Struct, frozen=True):
    """An excerpt of a response."""

    status: int
    headers: dict[str, str]
    body: str
    size_bytes: int


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, secrets masked."""

    id: int
    """Grows by one with each attempt of the engine."""
    destination: str
    action: str = ""
    at: float
    """When it began: UTC, seconds since the epoch."""
    took_ms: float
    first: int
    """The sequence number of its first event, and that one's `messageId`."""
    message_id: str | None
    events: int
    delivered: int
    tries: int
    """The number of the attempt, from 1."""
    result: Result
    """`partial`: the receiver took some of its events, and named those that it did not take."""
    reason: str = ""
    status: int | None = None
    request: Sent | None = None
    response: Answered | None = None


class Missed(msgspec.Struct, frozen=True):
    """In place of deliveries that a follower was too slow for."""

    missed: int


class Exchange:
    """What went out and came back in an attempt; of a long body only a copy of its beginning, so that nothing big is held."""

    __slots__ = ("answered_bytes", "request", "response", "sent_bytes")

    def __init__(self, request: Request) -> None:
        self.sent_bytes = size = len(request.body)
        if size > EXCERPT_BYTES:
            request = Request(request.method, request.url, request.headers, request.body[:EXCERPT_BYTES])
        self.request = request
        self.response: Response | None = None
        self.answered_bytes = 0

    def answered(self, response: Response) -> None:
        """What came back."""
        self.answered_bytes = size = len(response.body)
        if size > EXCERPT_BYTES:
            response = Response(response.status, response.headers, response.body[:EXCERPT_BYTES])
        self.response = response

    def shown(self, mask: Mask) -> tuple[Sent, Answered | None]:
        """As people may see it."""
        request, response = self.request, self.response
        mask = mask.beside(request.headers)
        body = mask.text(_readable(request.body, self.sent_bytes, request.headers))
        sent = Sent(request.method, mask.url(request.url), mask.headers(request.headers), body, self.sent_bytes)
        if response is None:
            return sent, None
        body = mask.text(_readable(response.body, self.answered_bytes, {}))
        return sent, Answered(response.status, mask.headers(response.headers), body, self.answered_bytes)


class Entry(msgspec.Struct, frozen=True):
    """An attempt as it is kept: see `Delivery`, which is made of it when somebody looks."""

    id: int
    destination: str
    action: str
    at: float
    took_s: float
    first: int
    message_id: str | None
    events: int
    delivered: int
    tries: int
    result: Result
    reason: str
    status: int | None
    exchange: Exchange | None
    mask: Mask

    def shown(self) -> Delivery:
        """As people may see it."""
        request, response = self.exchange.shown(self.mask) if self.exchange else (None, None)
        return Delivery(
            id=self.id,
            destination=self.destination,
            action=self.action,
            at=self.at,
            took_ms=round(self.took_s * 1000, 3),
            first=self.first,
            message_id=self.message_id,
            events=self.events,
            delivered=self.delivered,
            tries=self.tries,
            result=self.result,
            reason=self.reason,
            status=response.status if response else self.status,
            request=request,
            response=response,
        )


class Ring:
    """Of one destination."""

    def __init__(self) -> None:
        self.latest: deque[Entry] = deque(maxlen=KEPT)
        self.failed: deque[Entry] = deque(maxlen=KEPT_FAILED)

    def add(self, entry: Entry) -> None:
        """The oldest goes."""
        if len(self.latest) == KEPT and self.latest[0].result in _BAD:
            self.failed.append(self.latest[0])
        self.latest.append(entry)

    def entries(self) -> list[Entry]:
        """In order."""
        return [*self.failed, *self.latest]

    def last_failed(self) -> Entry | None:
        """The newest that was no success."""
        return next((entry for entry in reversed(self.entries()) if entry.result in _BAD), None)


class Deliveries:
    """Of one engine."""

    def __init__(self) -> None:
        self._rings: dict[str, Ring] = {}
        self._followers: set[_Follower] = set()
        self._count = 0
        self._closed = False

    def next_id(self) -> int:
        """For the attempt that is about to be added."""
        self._count += 1
        return self._count

    def add(self, entry: Entry) -> None:
        """An attempt ended."""
        name = entry.destination
        ring = self._rings.get(name)
        if ring is None:
            ring = self._rings[name] = Ring()
        ring.add(entry)
        for follower in self._followers:
            follower.hear(entry)

    def recent(self, destination: str | None = None, *, limit: int = 50, failed: bool = False) -> list[Delivery]:
        """The newest first: of one destination, or of all; the failed ones only, if wanted."""
        return [entry.shown() for entry in self._newest(destination, limit, failed=failed)]

    def find(self, id: int) -> Delivery | None:
        """An attempt, as long as it is known."""
        entries = (entry for ring in self._rings.values() for entry in ring.entries())
        return next((entry.shown() for entry in entries if entry.id == id), None)

    def last_failed(self, destination: str) -> Delivery | None:
        """The newest attempt there that was no success, as far as it is still known."""
        entry = self._rings[destination].last_failed() if destination in self._rings else None
        return entry.shown() if entry else None

    def forget(self, destination: str) -> None:
        """The destination was removed."""
        self._rings.pop(destination, None)

    async def follow(self, destination: str | None = None, *, last: int = 0) -> AsyncGenerator[Delivery | Missed, None]:
        """The `last` attempts and those to come, in order, until `close`. One who is too slow misses some."""
        follower = _Follower(destination, reversed(self._newest(destination, last)))
        self._followers.add(follower)
        try:
            while not self._closed or follower.has_news:
                for heard in follower.take():
                    yield heard.shown() if isinstance(heard, Entry) else heard
                if not self._closed:
                    await follower.wait()
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """Ends what followers wait for."""
        self._closed = True
        for follower in self._followers:
            follower.bell.set()

    def _newest(self, destination: str | None, limit: int, *, failed: bool = False) -> list[Entry]:
        rings = self._rings.values() if destination is None else [self._rings.get(destination, Ring())]
        newest = merge(*(reversed(ring.entries()) for ring in rings), key=_age)
        return list(islice((one for one in newest if not failed or one.result in _BAD), limit))

    def __repr__(self) -> str:
        return f"<Deliveries: {self._count} attempts, {len(self._followers)} followers>"


class _Follower:
    def __init__(self, destination: str | None, last: Iterable[Entry]) -> None:
        self._destination = destination
        self._heard = deque(last, maxlen=FOLLOWER_ENTRIES)
        self._missed = 0
        self.bell = anyio.Event()

    @property
    def has_news(self) -> bool:
        return bool(self._heard)

    def hear(self, entry: Entry) -> None:
        if self._destination not in (None, entry.destination):
            return
        self._missed += len(self._heard) == FOLLOWER_ENTRIES
        self._heard.append(entry)
        self.bell.set()

    def take(self) -> Iterable[Entry | Missed]:
        missed, self._missed = self._missed, 0
        heard = list(self._heard)
        self._heard.clear()
        return [Missed(missed), *heard] if missed else heard

    async def wait(self) -> None:
        if not self._heard:
            self.bell = anyio.Event()
            await self.bell.wait()


_BAD = ("failed", "partial")


def _age(entry: Entry) -> int:
    return -entry.id


def _readable(body: bytes, size_bytes: int, headers: Mapping[str, str]) -> str:
    """As text, of what was `size_bytes` long; what was compressed, as it was before."""
    encoding = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    if encoding == "gzip":
        with suppress(zlib.error):
            body = zlib.decompressobj(wbits=31).decompress(body, EXCERPT_BYTES)
    text = body.decode(errors="replace")
    return f"{text}..." if size_bytes > EXCERPT_BYTES else text
