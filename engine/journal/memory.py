"""The in-memory twin of the journal: a bounded run of chunks, each held until every reader has released it.

A chunk is freed on its own, not from the front: a reader that is stuck on one old chunk but lets the later ones go (`overflow =
"drop_newest"`) pins that one only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import count, repeat

import anyio
import msgspec

from ..clock import Clock
from ..errors import Closed
from ..model.decode import Decoded
from ..model.envelope import Chunk, Envelope, Receipt
from .log import OnStored

EVENT_OVERHEAD_BYTES = 740
"""What an event costs beside its line: envelope, decoded fields, list slots. Measured on 830-byte events, CPython 3.11."""


class LogStatistics(msgspec.Struct, frozen=True):
    """What a log holds right now."""

    chunks: int
    size_bytes: int
    """Lines and overhead."""
    end: int
    waiting: int
    """Callers that wait for room."""


class _Held(msgspec.Struct):
    chunk: Chunk
    readers: set[MemoryReader]


class MemoryReader:
    """A place in a `MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def read(self, number: int) -> Chunk | None:
        """The chunk that begins at `number`, or None at the end. Never waits."""
        held = self._log._held.get(number)
        return held.chunk if held else None

    def release(self, chunk: Chunk) -> None:
        """This reader is done with `chunk`; to say so again changes nothing."""
        self._log._release(self, [chunk.first])

    def close(self) -> None:
        """This reader is done with everything."""
        self._log._close_reader(self)


class MemoryLog:
    """At most `max_bytes` of events (one chunk is always admitted). `on_stored` is told of every chunk, in order."""

    def __init__(self, max_bytes: int, on_stored: OnStored, clock: Clock, log_id: str) -> None:
        self._max_bytes = max_bytes
        self._on_stored = on_stored
        self._clock = clock
        self._id = log_id
        self._held: dict[int, _Held] = {}
        self._readers: set[MemoryReader] = set()
        self._size_bytes = 0
        self._waiting: deque[anyio.Event] = deque()
        self._closed = False
        self.end = 1

    def subscribe(self, *, oldest: bool = False) -> tuple[MemoryReader, int]:
        """A new reader, from the end or from the oldest chunk from which on nothing is missing."""
        reader = MemoryReader(self)
        self._readers.add(reader)
        start = self.end
        if oldest:
            for held in reversed(self._held.values()):
                if held.chunk.end != start:
                    break
                held.readers.add(reader)
                start = held.chunk.first
        return reader, start

    async def append(self, decoded: Decoded, source: str) -> Chunk:
        """Waits until there is room, then numbers, holds and announces the events in one step."""
        cost = sum(map(len, decoded.lines)) + EVENT_OVERHEAD_BYTES * len(decoded.lines)
        received = self._clock.utc()
        await self._room(cost)
        receipt = Receipt(source, received, self._clock.monotonic(), self._id)
        envelopes = list(map(Envelope, count(self.end), decoded.lines, decoded.events, repeat(receipt)))
        chunk = Chunk(self.end, envelopes, cost)
        self.end = chunk.end
        if self._readers:
            self._held[chunk.first] = _Held(chunk, set(self._readers))
            self._size_bytes += cost
        self._on_stored(chunk)
        return chunk

    def close(self) -> None:
        """Refuses what comes, and what waits."""
        self._closed = True
        for waiter in self._waiting:
            waiter.set()

    def statistics(self) -> LogStatistics:
        """What is held right now."""
        return LogStatistics(len(self._held), self._size_bytes, self.end, len(self._waiting))

    def __repr__(self) -> str:
        return f"<MemoryLog {self._size_bytes} of {self._max_bytes} bytes, next {self.end}>"

    def _fits(self, cost: int) -> bool:
        return not self._size_bytes or self._size_bytes + cost <= self._max_bytes

    async def _room(self, cost: int) -> None:
        """First come, first served: whoever is not at the head of the queue waits, room or not."""
        self._expect_open()
        if self._fits(cost) and not self._waiting:
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            while self._waiting[0] is not turn or not self._fits(cost):
                await turn.wait()
                self._expect_open()
                self._waiting[self._waiting.index(turn)] = turn = anyio.Event()
        finally:
            self._waiting.remove(turn)
            self._wake_next()

    def _expect_open(self) -> None:
        if self._closed:
            raise Closed("the engine is shutting down")

    def _wake_next(self) -> None:
        if self._waiting:
            self._waiting[0].set()

    def _release(self, reader: MemoryReader, firsts: Iterable[int]) -> None:
        for first in firsts:
            held = self._held.get(first)
            if held is None or reader not in held.readers:
                continue
            held.readers.remove(reader)
            if not held.readers:
                del self._held[first]
                self._size_bytes -= held.chunk.size_bytes
        self._wake_next()

    def _close_reader(self, reader: MemoryReader) -> None:
        self._readers.discard(reader)
        self._release(reader, [first for first, held in self._held.items() if reader in held.readers])
