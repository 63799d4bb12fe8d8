"""What came on one path of the receiver, kept in 5 bytes an event; and the same as it is handed to the harness. No socket here.

Only events that were answered with 2xx have *arrived*: what is refused or never answered has to come again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from .facts import Seen

SAMPLES = 5


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one path. Times are monotonic nanoseconds."""

    requests: int
    """Answered with 2xx."""
    refused: int
    """Requests answered otherwise, or not at all."""
    events: int
    unique: int
    altered: int
    invented: int
    last_id: int
    """Of the last event that arrived; -1 before the first."""
    last_ns: int


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one path, as arrays in bytes."""

    counts: Counts
    ids: bytes
    """`I`: in the order of arrival."""
    ends: bytes
    """`I`: for each request that was answered with 2xx, how many events had arrived with it."""
    times_ns: bytes
    """`q`: when each of those came, whole."""
    refused_ns: bytes
    """`q`: when the others came."""
    samples: list[bytes]
    """The first few bodies that were not what they must be."""
    said: list[str]
    """The first few values of the Authorization header, each when it changed."""

    def requests(self) -> Iterator[tuple[int, array[int]]]:
        """(when it came, ids) of each request, in order."""
        ids, start = unpacked("I", self.ids), 0
        for end, at_ns in zip(unpacked("I", self.ends), unpacked("q", self.times_ns), strict=True):
            yield at_ns, ids[start:end]
            start = end

    def events_between(self, since_ns: int, until_ns: int) -> int:
        """How many events arrived from `since_ns` on and before `until_ns`."""
        times, ends = unpacked("q", self.times_ns), unpacked("I", self.ends)
        first, last = bisect_left(times, since_ns), bisect_left(times, until_ns)
        return (ends[last - 1] if last else 0) - (ends[first - 1] if first else 0)


class Arrivals:
    """The record of one path, growing."""

    def __init__(self) -> None:
        self._ids = array("I")
        self._ends = array("I")
        self._times_ns = array("q")
        self._refused_ns = array("q")
        self._seen = bytearray()
        self._samples: list[bytes] = []
        self._said: list[str] = []
        self._unique = self._altered = self._invented = 0

    def take(self, seen: Seen, body: bytes, at_ns: int) -> None:
        """A request that is answered with 2xx."""
        self._ids.extend(seen.ids)
        self._ends.append(len(self._ids))
        self._times_ns.append(at_ns)
        self._mark(seen.ids)
        if seen.altered or seen.invented:
            self._altered += seen.altered
            self._invented += seen.invented
            self._samples = [*self._samples, body][:SAMPLES]

    def refuse(self, at_ns: int) -> None:
        """A request that is not."""
        self._refused_ns.append(at_ns)

    def hear(self, authorization: str) -> None:
        """What a request said about who sends it."""
        if self._said[-1:] != [authorization] and len(self._said) < 100:
            self._said.append(authorization)

    def counts(self) -> Counts:
        """The numbers so far."""
        return Counts(
            requests=len(self._ends),
            refused=len(self._refused_ns),
            events=len(self._ids),
            unique=self._unique,
            altered=self._altered,
            invented=self._invented,
            last_id=self._ids[-1] if self._ids else -1,
            last_ns=self._times_ns[-1] if self._times_ns else 0,
        )

    def arrived(self) -> Arrived:
        """All of it."""
        return Arrived(
            counts=self.counts(),
            ids=self._ids.tobytes(),
            ends=self._ends.tobytes(),
            times_ns=self._times_ns.tobytes(),
            refused_ns=self._refused_ns.tobytes(),
            samples=self._samples,
            said=self._said,
        )

    def _mark(self, ids: list[int]) -> None:
        if ids and (missing := max(ids) + 1 - len(self._seen)) > 0:
            self._seen.extend(bytes(max(missing, len(self._seen) // 2)))
        seen = self._seen
        for i in ids:
            if not seen[i]:
                seen[i] = 1
                self._unique += 1


def unpacked(code: str, data: bytes) -> array[int]:
    """The array that `data` was made of."""
    values: array[int] = array(code)
    values.frombytes(data)
    return values
