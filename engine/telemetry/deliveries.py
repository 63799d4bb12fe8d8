"""The delivery log: the latest attempts of each destination, as people look at them, and those to come as they happen.

    Attempts -> add (once an attempt) -> a ring per destination -> recent            -> admin API, alerts
                                      -> followers              -> follow            -> `doorstep tail`

What is kept of a request is copied small, and masked only when somebody looks. It can hold what is personal: it is for the admin
socket alone.
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


class Excerpt(msgspec.Struct, frozen=True):
    """A body's beginning, and how long it was."""

    head: bytes
    size_bytes: int


def excerpt(body: bytes) -> Excerpt:
    """Holds nothing of `body` but a copy of its beginning."""
    return Excerpt(bytes(body[:EXCERPT_BYTES]), len(body))


class Exchange(msgspec.Struct):
    """What went out and came back in an attempt, as little of it as is kept."""

    request: Request
    """Without its body."""
    sent: Excerpt
    response: Response | None = None
    answered: Excerpt | None = None


class Entry(msgspec.Struct, frozen=True):
    """An attempt as it is kept."""

    delivery: Delivery
    exchange: Exchange | None
    mask: Mask

    def shown(self) -> Delivery:
        """As people may see it."""
        exchange = self.exchange
        if exchange is None:
            return self.delivery
        request, response = exchange.request, exchange.response
        mask = self.mask.beside(request.headers)
        sent = Sent(
            request.method,
            mask.url(request.url),
            mask.headers(request.headers),
            mask.text(_readable(exchange.sent, request.headers)),
            exchange.sent.size_bytes,
        )
        answered = None
        if response is not None and exchange.answered is not None:
            answered = Answered(
                response.status,
                mask.headers(response.headers),
                mask.text(_readable(exchange.answered, {})),
                exchange.answered.size_bytes,
            )
        return msgspec.structs.replace(self.delivery, request=sent, response=answered)


class Ring:
    """Of one destination."""

    def __init__(self) -> None:
        self.latest: deque[Entry] = deque(maxlen=KEPT)
        self.failed: deque[Entry] = deque(maxlen=KEPT_FAILED)

    def add(self, entry: Entry) -> None:
        """The oldest goes."""
        if len(self.latest) == KEPT and self.latest[0].delivery.result in _BAD:
            self.failed.append(self.latest[0])
        self.latest.append(entry)

    def entries(self) -> list[Entry]:
        """In order."""
        return [*self.failed, *self.latest]

    def last_failed(self) -> Entry | None:
        """The newest that was no success."""
        return next((entry for entry in reversed(self.entries()) if entry.delivery.result in _BAD), None)


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
        name = entry.delivery.destination
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
        return next((entry.shown() for entry in entries if entry.delivery.id == id), None)

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
        return list(islice((one for one in newest if not failed or one.delivery.result in _BAD), limit))

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
        if self._destination not in (None, entry.delivery.destination):
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
    return -entry.delivery.id


def _readable(kept: Excerpt, headers: Mapping[str, str]) -> str:
    """As text; what was compressed, as it was before."""
    encoding = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    body = kept.head
    if encoding == "gzip":
        with suppress(zlib.error):
            body = zlib.decompressobj(wbits=31).decompress(body, EXCERPT_BYTES)
    text = body.decode(errors="replace")
    return f"{text}..." if kept.size_bytes > len(kept.head) else text
