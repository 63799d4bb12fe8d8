"""The in-memory twin of the journal: a bounded run of chunks, each held until every destination has released it.

A chunk is freed on its own, not from the front: a destination that is stuck on one old chunk but lets the later ones go (`overflow =
"drop_newest"`) pins that one only. Nothing is written, so an account here notes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count, repeat

import msgspec

from ..clock import Clock
from ..model.decode import Decoded
from ..model.envelope import Chunk, Envelope, Receipt
from ..model.outcome import Failure
from ..telemetry import IntakeCounters
from .log import OnStored
from .plans import PlanRecord
from .records import Gap, ParkedEvent, Position, Result, Standing, Try
from .room import Room

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
    accounts: set[MemoryAccount]


class StoredTicket(msgspec.Struct, frozen=True):
    """Of events that are stored already."""

    first: int | None
    duplicates: int = 0

    async def stored(self) -> int | None:
        """See `Ticket`."""
        return self.first


NOTHING = StoredTicket(None)
"""For nothing at all: it is stored already."""


class MemoryAccount:
    """A place in a `MemoryLog`."""

    def __init__(self, log: MemoryLog, name: str, start: int) -> None:
        self.name = name
        self.position = Position(start)
        self.is_new = True
        self.standing = Standing()
        self.parked: list[ParkedEvent] = []
        self._log = log
        self._taken = start

    async def read(self, number: int) -> Chunk | Gap | None:
        """See `Account`. Never waits."""
        held = self._log._held.get(number)
        return held.chunk if held else None

    def release(self, chunk: Chunk) -> None:
        """See `Account`."""
        self._log._release(self, [chunk.first])

    def close(self) -> None:
        """See `Account`."""
        self._log._close_account(self)

    def took(self, chunk: Chunk) -> None:
        """See `Account`."""
        self._taken = chunk.end

    @property
    def backlog_bytes(self) -> int:
        """See `Account`."""
        return sum(h.chunk.size_bytes for h in self._log._held.values() if h.chunk.first >= self._taken)

    async def backlog_since(self) -> float | None:
        """See `Account`."""
        held = self._log._held.get(self._taken)
        return held.chunk.envelopes[0].receipt.received if held else None

    async def expiry(self, size_bytes: int, before: float) -> tuple[int, int]:
        """See `Account`. What is held in memory never expires."""
        return self._taken, 0

    def aged(self, envelopes: Iterable[Envelope], before: float) -> list[Envelope]:
        """See `Account`. What is held in memory never expires."""
        return []

    def skipped(self, size_bytes: int) -> None:
        """See `Account`."""

    async def write_down(self) -> None:
        """See `Account`."""

    def envelope(self, parked: ParkedEvent) -> Envelope:
        """See `Account`. There never is one."""
        raise NotImplementedError

    def follow(self, position: Callable[[], Position]) -> None:
        """See `Account`."""

    def moved(self) -> None:
        """See `Account`."""

    def park(
        self,
        envelope: Envelope,
        *,
        due: float,
        waited_s: float,
        attempts: int,
        tries: list[Try],
        replay: int | None,
        actions: Sequence[str] = (),
    ) -> None:
        """See `Account`."""

    def adopted(self, rows: Sequence[ParkedEvent]) -> None:
        """See `Account`."""

    def unpark(self, number: int) -> None:
        """See `Account`."""

    def bury(
        self,
        envelope: Envelope,
        failure: Failure,
        tries: list[Try],
        version: str,
        *,
        action: str = "",
        mapping: str = "",
    ) -> None:
        """See `Account`."""

    def tried(
        self,
        result: Result,
        envelopes: Sequence[Envelope],
        *,
        began: float,
        reason: str = "",
        status: int | None = None,
        tries: int = 1,
        action: str = "",
        mapping: str = "",
    ) -> None:
        """See `Account`."""

    def missed(self, gap: Gap) -> None:
        """See `Account`."""

    def uses(self, version: str, plan: PlanRecord) -> None:
        """See `Account`."""

    def stand(self, standing: Standing) -> None:
        """See `Account`."""
        self.standing = standing


class MemoryLog:
    """At most `max_bytes` of events (one chunk is always admitted). `on_stored` is told of every chunk, in order."""

    keeps = False

    def __init__(
        self, max_bytes: int, on_stored: OnStored, clock: Clock, log_id: str, counters: IntakeCounters | None = None
    ) -> None:
        self._room = Room(max_bytes)
        self._on_stored = on_stored
        self._clock = clock
        self._id = log_id
        self._counters = counters or IntakeCounters()
        self._held: dict[int, _Held] = {}
        self._accounts: set[MemoryAccount] = set()
        self.end = 1

    def account(self, name: str, *, oldest: bool = False) -> MemoryAccount:
        """See `Log`. The oldest event is the one from which on nothing is missing."""
        first = self.end
        if oldest:
            for held in reversed(self._held.values()):
                if held.chunk.end != first:
                    break
                first = held.chunk.first
        account = MemoryAccount(self, name, first)
        self._accounts.add(account)
        for held in self._held.values():
            if held.chunk.first >= first:
                held.accounts.add(account)
        return account

    async def take(self, decoded: Decoded, source: str, *, always: bool = False) -> StoredTicket:
        """Waits until there is room, then numbers, holds and announces the events in one step."""
        cost = sum(map(len, decoded.lines)) + EVENT_OVERHEAD_BYTES * len(decoded.lines)
        received = self._clock.utc()
        if always:
            self._room.squeeze_in(cost)
        else:
            await self._room.enter(cost)
        receipt = Receipt(source, received, self._clock.monotonic(), self._id)
        envelopes = list(map(Envelope, count(self.end), decoded.lines, decoded.events, repeat(receipt)))
        chunk = Chunk(self.end, envelopes, cost, decoded.integrations)
        self.end = chunk.end
        self._counters.accepted += len(envelopes)
        if self._accounts:
            self._held[chunk.first] = _Held(chunk, set(self._accounts))
        else:
            self._room.leave(cost)
        self._on_stored(chunk)
        return StoredTicket(chunk.first)

    @property
    def has_room(self) -> bool:
        """See `Log`. Room comes and goes: whoever wants some waits for it."""
        return True

    def hold(self, held: bool) -> None:
        """See `Log`."""
        self._room.hold(held)

    @property
    def is_settled(self) -> bool:
        """See `Log`. Always."""
        return True

    async def settled(self) -> None:
        """See `Log`. At once."""

    def close(self) -> None:
        """Refuses what comes, and what waits."""
        self._room.close()

    def statistics(self) -> LogStatistics:
        """What is held right now."""
        return LogStatistics(len(self._held), self._room.used_bytes, self.end, self._room.waiting)

    def __repr__(self) -> str:
        return f"<MemoryLog {self._room.used_bytes} of {self._room.max_bytes} bytes, next {self.end}>"

    def _release(self, account: MemoryAccount, firsts: Iterable[int]) -> None:
        for first in firsts:
            held = self._held.get(first)
            if held is None or account not in held.accounts:
                continue
            held.accounts.remove(account)
            if not held.accounts:
                del self._held[first]
                self._room.leave(held.chunk.size_bytes)

    def _close_account(self, account: MemoryAccount) -> None:
        self._accounts.discard(account)
        self._release(account, [first for first, held in self._held.items() if account in held.accounts])
