"""What the sink does with a request, and counts of it: the behaviours, the tallies, the statistics. No socket here.

A path is made on first use, by the target of the request, so that a request costs one look-up and a few additions.
"""

from __future__ import annotations

import random
import re
import time
from array import array
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from .figures import percentile
from .http1 import Request
from .stamp import STAMPS

BIN_NS = 10**8
"""How finely the times of arrival are kept where they are asked for."""
_ID = re.compile(rb'"messageId": ?"([^"]+)"')


class PathStats(msgspec.Struct, frozen=True, kw_only=True):
    """What came on one path. Bytes are of bodies; times are monotonic nanoseconds, of whole requests."""

    requests: int
    bytes: int
    first_ns: int
    last_ns: int
    first_bytes: int
    """The bytes of the first request: what had come when the clock started."""
    events: int = 0
    unique: int = 0
    repeated: int = 0
    stamped: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    bins: dict[int, int] = {}
    """Bytes by the number of the `BIN_NS` in which they had come."""


class SinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """The whole sink's."""

    cpu_s: float
    paths: dict[str, PathStats]


class Answer(NamedTuple):
    """What a path does with a request. `status` 0 means nothing at all."""

    status: int = 200
    after_s: float = 0.0
    trickles: bool = False


Behaviour = Callable[[Callable[[], float]], Answer]
"""Takes `random`, says what to do."""


def behaviour(path: str, query: dict[str, str]) -> Behaviour:
    """The behaviour of `path`, by its first part. Raises KeyError, IndexError or ValueError for one that makes no sense."""
    kind, *rest = path.strip("/").split("/")
    rate, answer = float(query.get("rate", "0.5")), _KINDS[kind](query, rest)
    if kind == "flaky":
        return lambda random: answer if random() < rate else Answer()
    return lambda random: answer


_KINDS: dict[str, Callable[[dict[str, str], list[str]], Answer]] = {
    "ok": lambda query, rest: Answer(),
    "slow": lambda query, rest: Answer(after_s=float(query.get("ms", "100")) / 1000),
    "hang": lambda query, rest: Answer(status=0),
    "trickle": lambda query, rest: Answer(trickles=True),
    "status": lambda query, rest: Answer(status=HTTPStatus(int(rest[0])).value),
    "flaky": lambda query, rest: Answer(status=503),
}


class Path:
    """The tally of one path, and its behaviour."""

    def __init__(self, target: str) -> None:
        split = urlsplit(target)
        query = dict(parse_qsl(split.query))
        self.name = split.path
        self.behave = behaviour(split.path, query)
        self._readers = [
            getattr(self, f"_{flag}") for flag in ("count", "ids", "latency", "pace") if query.get(flag) == "1"
        ]
        self.forget()

    def forget(self) -> None:
        """Starts anew."""
        self.requests = self.size_bytes = self.first_ns = self.last_ns = self.first_bytes = self.events = (
            self.repeated
        ) = 0
        self._seen: set[bytes] = set()
        self._waits_ns = array("q")
        self._bins: dict[int, int] = {}

    def take(self, request: Request) -> None:
        """Counts a request."""
        self.last_ns = time.monotonic_ns()
        size = request.end - request.start
        if not self.requests:
            self.first_ns, self.first_bytes = self.last_ns, size
        self.requests += 1
        self.size_bytes += size
        for read in self._readers:
            read(request)

    def _count(self, request: Request) -> None:
        self.events += request.buffer.count(b'"messageId"', request.start, request.end)

    def _ids(self, request: Request) -> None:
        ids = [bytes(found) for found in _ID.findall(request.buffer, request.start, request.end)]
        before = len(self._seen)
        self._seen.update(ids)
        self.repeated += len(ids) - (len(self._seen) - before)

    def _latency(self, request: Request) -> None:
        stamps = STAMPS.findall(request.buffer, request.start, request.end)
        self._waits_ns.extend([self.last_ns - int(stamp) for stamp in stamps])

    def _pace(self, request: Request) -> None:
        number = self.last_ns // BIN_NS
        self._bins[number] = self._bins.get(number, 0) + request.end - request.start

    def statistics(self) -> PathStats:
        """A copy of the counts."""
        waits = sorted(self._waits_ns)
        return PathStats(
            requests=self.requests,
            bytes=self.size_bytes,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            first_bytes=self.first_bytes,
            events=self.events,
            unique=len(self._seen),
            repeated=self.repeated,
            stamped=len(waits),
            p50_ms=percentile(waits, 0.5) / 1e6,
            p99_ms=percentile(waits, 0.99) / 1e6,
            max_ms=percentile(waits, 1.0) / 1e6,
            bins=dict(self._bins),
        )


class Tally:
    """All paths of a sink."""

    def __init__(self, random: Callable[[], float] = random.random) -> None:
        self._random = random
        self._paths: dict[str, Path] = {}
        self._cpu_s = time.process_time()

    def handle(self, request: Request) -> tuple[Answer, bytes]:
        """What to do about a request, and the body of the answer."""
        if request.target == "/stats":
            return Answer(), msgspec.json.encode(self.statistics())
        if request.target == "/reset":
            self.forget()
            return Answer(), b"{}"
        path = self._paths.get(request.target)
        if path is None:
            try:
                path = self._paths[request.target] = Path(request.target)
            except (KeyError, IndexError, ValueError):
                return Answer(404), b"{}"
        path.take(request)
        return path.behave(self._random), b"{}"

    def statistics(self) -> SinkStats:
        """What came since the last reset."""
        paths = {path.name: path.statistics() for path in self._paths.values() if path.requests}
        return SinkStats(cpu_s=time.process_time() - self._cpu_s, paths=paths)

    def forget(self) -> None:
        """Starts anew."""
        self._cpu_s = time.process_time()
        for path in self._paths.values():
            path.forget()
