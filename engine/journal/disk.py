"""The journal as the loop sees it: events in by `take`, chunks out by `read`, and an account for each destination.

    take -> room -> committing (durable) -> numbered, cached, announced        read -> cache, or the reading thread

Knows how to come from the file's bytes back to envelopes; when and how things are written is `committing.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count, repeat, takewhile
from types import TracebackType

import anyio
import msgspec
from anyio.abc import TaskGroup

from ..clock import Clock
from ..model.decode import Decoded
from ..model.envelope import Chunk, Envelope, Receipt
from ..model.event import AnyEvent, Event
from ..telemetry import IntakeCounters
from .account import DiskAccount, stored_bytes
from .cache import ChunkCache
from .commits import Committed, Found, Opened
from .committing import DEFAULT_LIMITS, Committer, Limits
from .dedup import Dedup
from .frames import Frames, Shift
from .log import OnStored
from .memory import EVENT_OVERHEAD_BYTES
from .queries import Queries, StoredPieces
from .records import Gap, Position
from .room import Room
from .storage import Worker
from .store import Store
from .taken import Taken

TAKEN_BYTES = 16 * 2**20
"""Of events that wait for their commit; then whoever brings more waits."""
CACHE_BYTES = 48 * 2**20
ROOM_S = 1.0
"""How long it is waited for room that does not come, before it counts as wanting."""

Restore = Callable[[Sequence[bytes]], Sequence[Event | AnyEvent]]


class DiskLogStatistics(msgspec.Struct, frozen=True):
    """What the journal holds right now."""

    end: int
    oldest: int
    """The first number that is still held."""
    used_bytes: int
    waiting_bytes: int
    """Of events taken and not durable yet, with overhead."""
    commits: int
    is_full: bool
    """Whether nothing is accepted for want of room."""
    undeletable: int
    """Chunks that are due to go and stay, because they are damaged."""


class DiskLog:
    """See `Log`. An async context manager: leaving it writes what is left. A disk that fails for good ends the block with JournalError."""

    keeps = True
    _tasks: TaskGroup

    def __init__(
        self,
        store: Store,
        queries: Queries,
        opened: Opened,
        *,
        writer: Worker,
        reader: Worker,
        on_stored: OnStored,
        restore: Restore,
        clock: Clock,
        counters: IntakeCounters,
        limits: Limits = DEFAULT_LIMITS,
        dedup: Dedup | None = None,
    ) -> None:
        self.id = opened.id
        self.end = opened.end
        self._oldest = opened.oldest
        self._store, self._queries = store, queries
        self._writer, self._reader = writer, reader
        self._on_stored, self._restore = on_stored, restore
        self._clock, self._counters = clock, counters
        self._found = dict(opened.accounts)
        if not opened.was_clean:
            self._found = {name: _after_death(found) for name, found in opened.accounts.items()}
        self._accounts: dict[str, DiskAccount] = {}
        self._removed: dict[str, DiskAccount] = {}
        """Of destinations that are not back: what was under way when they went ends late, and is theirs should they come back."""
        self._stored_bytes = 0
        """Of all that was stored in this life ..."""
        self._counted: dict[str, int] = {}
        """... and how much of it is in the `backlog_bytes` of a destination that was removed."""
        self._frames = Frames(clock.utc() - clock.monotonic())
        self._dedup = dedup or Dedup({})
        self._room = Room(TAKEN_BYTES)
        self._cache = ChunkCache(CACHE_BYTES)
        self._reading: dict[int, anyio.Event] = {}
        self.committer = Committer(
            store,
            writer,
            clock,
            limits,
            used_bytes=opened.used_bytes,
            stored=self._announce,
        )

    # Life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> DiskLog:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._live)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        self.committer.end()
        try:
            await self._tasks.__aexit__(None, None, None)
        except BaseExceptionGroup as group:  # of one: `_live` is the only task
            raise group.exceptions[0] from None
        finally:
            with anyio.CancelScope(shield=True):
                await self._close_threads()

    async def _live(self) -> None:
        """Whoever cancels the engine does not keep what was decided from being written."""
        with anyio.CancelScope(shield=True):
            await self.committer.run()
        if self.committer.abandoned:
            self._counters.rejected["not_stored"] = self.committer.abandoned

    async def _close_threads(self) -> None:
        try:
            await self._reader.run(self._queries.close)
            await self._writer.run(partial(self._store.close, clean=self.committer.is_saved))
        finally:
            await self._reader.aclose()
            await self._writer.aclose()

    # In ----------------------------------------------------------------------------------------------------------

    async def take(self, decoded: Decoded, source: str, *, always: bool = False) -> Taken:
        """See `Log`."""
        cost = sum(map(len, decoded.lines)) + EVENT_OVERHEAD_BYTES * len(decoded.lines)
        received = self._clock.utc()
        offset_s = received - self._clock.monotonic()
        if always:
            self._room.squeeze_in(cost)
        else:
            await self._room.enter(cost)
        taken = Taken(self._dedup.sift(decoded, source, received), source, received, cost, offset_s)
        self._counters.duplicates += taken.duplicates
        self.committer.put(taken)
        return taken

    def close(self) -> None:
        """See `Log`."""
        self._room.close()

    @property
    def has_room(self) -> bool:
        """See `Log`. While nothing waits, the next event is what finds out."""
        return not (self.committer.waiting and (self.committer.is_full or self.committer.is_over_quota))

    def hold(self, held: bool) -> None:
        """See `Log`."""
        self._room.hold(held)

    @property
    def is_settled(self) -> bool:
        """See `Log`."""
        return self.committer.waiting is None

    async def settled(self) -> None:
        """See `Log`. At the quota there is no room for a moment now and then, however well destinations do."""
        since, end = self._clock.monotonic(), self.end
        while last := self.committer.waiting:
            if self.has_room or self.end != end:
                since, end = self._clock.monotonic(), self.end
            elif self._clock.monotonic() - since >= ROOM_S:
                return
            with anyio.move_on_after(ROOM_S / 4):
                await last.done.wait()

    def _announce(self, committed: Committed, taken: Sequence[Taken]) -> None:
        """What is durable is numbered, and everybody hears of it."""
        arrived = [one for one in taken if one.decoded.lines]
        for stored in committed.chunks:
            chunk = self._numbered(stored.first, arrived[stored.start : stored.stop])
            self.end = chunk.end
            self._frames.note(chunk.first, arrived[stored.start].offset_s)
            self._cache.put(chunk, len(self._accounts))
            self._counters.accepted += len(chunk.envelopes)
            self._stored_bytes += (size_bytes := stored_bytes(chunk))
            for account in self._accounts.values():
                account.backlog_bytes += size_bytes
            self._on_stored(chunk)
        for one in taken:
            self._room.leave(one.cost)
            one.done.set()
        if committed.deleted:
            self._oldest = committed.oldest
            self._frames.forget(committed.oldest)

    def _numbered(self, first: int, taken: Sequence[Taken]) -> Chunk:
        envelopes: list[Envelope] = []
        integrations: frozenset[bytes] | None = frozenset()
        accepted = self._clock.monotonic()
        for one in taken:
            one.first = first + len(envelopes)
            receipt = Receipt(one.source, one.received, accepted, self.id)
            envelopes += map(Envelope, count(one.first), one.decoded.lines, one.decoded.events, repeat(receipt))
            said = one.decoded.integrations
            integrations = None if integrations is None or said is None else integrations | said
        return Chunk(first, envelopes, sum(one.cost for one in taken), integrations)

    # Out ---------------------------------------------------------------------------------------------------------

    def account(self, name: str, *, oldest: bool = False) -> DiskAccount:
        """See `Log`."""
        before = self._removed.pop(name, None)
        if before is not None:
            self.committer.remove(before)
        found = before.found() if before else self._found.pop(name, None)
        if found is not None:  # what came while it was away is backlog, as far as it is still there
            backlog_bytes = found.backlog_bytes + self._stored_bytes - self._counted.pop(name, 0)
            found = msgspec.structs.replace(found, backlog_bytes=min(backlog_bytes, self.committer.used_bytes))
        else:
            start = self._oldest if oldest else self.end
            backlog_bytes = self.committer.used_bytes if oldest else 0
            found = Found(name=name, position=Position(start), backlog_bytes=backlog_bytes, is_new=True)
        account = self._accounts[name] = DiskAccount(self, found)
        self.committer.adopt(account)
        self.committer.may_dispose()
        return account

    def took(self, chunk: Chunk) -> None:
        """A destination has `chunk` in hand."""
        self._cache.took(chunk.first)

    def note(self, account: DiskAccount) -> None:
        """There is something to write of `account`."""
        if self._is_current(account):
            self.committer.note(account)

    async def write_down(self, account: DiskAccount) -> None:
        """See `Account.write_down`."""
        if self._is_current(account):
            await self.committer.write_down(account)

    def _is_current(self, account: DiskAccount) -> bool:
        """Not once its destination is back, or was forgotten: all that had not ended is the other account's, which begins with it anew."""
        return account is self._accounts.get(account.name) or account is self._removed.get(account.name)

    def remove(self, account: DiskAccount) -> None:
        """See `Account.close`."""
        self.committer.remove(account)
        self._accounts.pop(account.name, None)
        self._removed[account.name] = account
        self._counted[account.name] = self._stored_bytes

    def forget(self, name: str) -> None:
        """A destination that has no account open was forgotten in the file: should it come back, it is new."""
        self._found.pop(name, None)
        self._removed.pop(name, None)
        self._counted.pop(name, None)

    async def read(self, number: int) -> Chunk | Gap | None:
        """See `Account`. Several who want the same chunk wait for one reading."""
        while number < self.end:
            chunk = self._cache.get(number)
            if chunk is not None:
                return chunk
            under_way = self._reading.get(number)
            if under_way is None:
                return await self._fetch(number)
            await under_way.wait()
        return None

    async def _fetch(self, number: int) -> Chunk | Gap | None:
        self._reading[number] = done = anyio.Event()
        try:
            stored = await self._reader.run(partial(self._queries.chunks, number))
        finally:
            del self._reading[number]
            done.set()
        if isinstance(stored, list):
            for one in reversed(stored):  # what is wanted first is let go of last
                if self._cache.get(one.first) is None:
                    self._cache.put(self._chunk(one))
            return self._cache.get(number)
        last = stored.last if stored else self.end - 1
        return Gap(number, last, "expired" if last < self._oldest else "damaged", self._clock.utc())

    def _chunk(self, stored: StoredPieces) -> Chunk:
        envelopes: list[Envelope] = []
        for piece in stored.pieces:
            receipt = self.receipt(piece.source, piece.received)
            envelopes += self.restored(stored.first + len(envelopes), piece.lines, receipt)
        cost = sum(len(envelope.line) for envelope in envelopes) + EVENT_OVERHEAD_BYTES * len(envelopes)
        return Chunk(stored.first, envelopes, cost)

    def restored(self, first: int, lines: Sequence[bytes], receipt: Receipt) -> list[Envelope]:
        """Envelopes of lines from the file."""
        return list(map(Envelope, count(first), lines, self._restore(lines), repeat(receipt)))

    def receipt(self, source: str, received: float) -> Receipt:
        """The receipt of events from the file: how long ago they were accepted is known by the wall clock only."""
        ago = max(0.0, self._clock.utc() - received)
        return Receipt(source, received, self._clock.monotonic() - ago, self.id)

    async def received_at(self, number: int) -> float | None:
        """When the chunk at `number` was received, as the wall clock stands now."""
        if number >= self.end:
            return None
        shift = self._shift()  # before anybody waits: whoever asks compares it with the clock of this moment
        received = await self._reader.run(partial(self._queries.received_at, number))
        return None if received is None else received + shift(number)

    async def expiry(self, number: int, size_bytes: int, before: float) -> tuple[int, int]:
        """See `Account.expiry`."""
        return await self._reader.run(partial(self._queries.expiry, number, size_bytes, before, self._shift()))

    def aged(self, envelopes: Iterable[Envelope], before: float) -> list[Envelope]:
        """See `Account.aged`."""
        shift = self._shift()
        return list(takewhile(lambda one: one.receipt.received + shift(one.number) < before, envelopes))

    def _shift(self) -> Shift:
        return self._frames.now(self._clock.utc() - self._clock.monotonic())

    @property
    def parts(self) -> tuple[Store, Queries, Worker, Worker]:
        """What a desk works with: the file, and the threads that write and read it."""
        return self._store, self._queries, self._writer, self._reader

    # How it stands -----------------------------------------------------------------------------------------------

    def utc_of(self, monotonic: float | None) -> float:
        """A moment of this run on the wall clock, as that stands now; None is now."""
        now = self._clock.utc()
        return now if monotonic is None else now + monotonic - self._clock.monotonic()

    def statistics(self) -> DiskLogStatistics:
        """What is held right now."""
        return DiskLogStatistics(
            end=self.end,
            oldest=self._oldest,
            used_bytes=self.committer.used_bytes,
            waiting_bytes=self._room.used_bytes,
            commits=self.committer.commits,
            is_full=self.committer.is_full or self.committer.is_over_quota,
            undeletable=self._store.undeletable,
        )

    def __repr__(self) -> str:
        return f"<DiskLog {self._store.folder}, next {self.end}, {self.committer.used_bytes} bytes>"


def _after_death(found: Found) -> Found:
    standing = found.standing.after_death(found.position.watermark)
    return msgspec.structs.replace(found, standing=standing)
