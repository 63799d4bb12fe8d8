"""Posts prepared requests over many connections, each the next one once it has its answer, and notes what was answered and when.

    requests (bytes) -> Poster x connections -> Posted

Closed loop: as much as the server takes. What a request costs here is a few microseconds, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import cast

import msgspec
import uvloop

from .events import Mix

ANSWER_S = 30.0


class Posted(msgspec.Struct, frozen=True):
    """What came of it."""

    statuses: dict[int, int]
    seconds: float
    latencies_ms: list[float]

    @property
    def accepted(self) -> int:
        """Requests answered 200."""
        return self.statuses.get(200, 0)

    @property
    def per_s(self) -> float:
        """Of those."""
        return self.accepted / self.seconds


def batches(count: int, events: int, seed: int = 1) -> Iterator[bytes]:
    """Requests to `/v1/batch` as Segment's Python SDK forms them, `events` in each."""
    mix = Mix(seed)
    for number in range(count):
        body = b",".join(mix.event(number * events + i) for i in range(events))
        yield request("/v1/batch", b'{"batch":[' + body + b'],"sentAt":"2026-01-01T00:00:00.000Z"}')


def singles(count: int, seed: int = 2) -> Iterator[bytes]:
    """Requests of one event each."""
    mix = Mix(seed)
    for number in range(count):
        event = mix.event(number)
        yield request(f"/v1/{msgspec.json.decode(event)['type']}", event)


def request(path: str, body: bytes, *headers: str) -> bytes:
    """As an SDK writes it."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "authorization: Basic d2s6", *headers]
    lines += ["content-type: application/json", f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def post(host: str, port: int, requests: Iterator[bytes], connections: int) -> Posted:
    """All of them. Raises ConnectionError if the server breaks off."""
    first = next(requests)
    return uvloop.run(_post(host, port, chain([first], requests), connections))


async def _post(host: str, port: int, requests: Iterator[bytes], connections: int) -> Posted:
    loop = asyncio.get_running_loop()
    posters: list[Poster] = []
    for _ in range(connections):
        _, poster = await loop.create_connection(lambda: Poster(requests), host, port)
        posters.append(poster)
    started = time.perf_counter()
    for poster in posters:
        poster.begin()
    async with asyncio.timeout(120):
        await asyncio.gather(*(poster.done for poster in posters))
    seconds = time.perf_counter() - started
    statuses: Counter[int] = sum((poster.statuses for poster in posters), Counter())
    return Posted(dict(statuses), seconds, sorted(chain.from_iterable(poster.latencies_ms for poster in posters)))


class Poster(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies_ms: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._inbox = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def begin(self) -> None:
        """Sends the next request, if there is one."""
        wanted = next(self._requests, None)
        if wanted is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(wanted)

    def data_received(self, data: bytes) -> None:
        self._inbox += data
        head, end, body = self._inbox.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._inbox = b""
        self.statuses[int(head[9:12])] += 1
        self.latencies_ms.append((time.perf_counter() - self._sent) * 1000)
        self.begin()


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0
