"""When the journal writes, and what it does when it cannot.

The next commit starts when the last one ends, with all that is waiting, so under load commits grow by themselves and a sync is shared by
all who wait for it. What destinations noted goes along every `FLUSH_S`, alone if no events come.

A full disk is back-pressure: the ballast is given up and the WAL played back, so cursors are still saved; events wait and are tried
again every second. Whoever fills the disk may take the ballast, too: cursors then wait for the first room there is, and are tried ten
times a second. What is only kept for replay makes room for events: `retention` is a wish, to take them in is the purpose.

A disk that fails is tried for `PATIENCE_S`; then the journal gives up, and says so by JournalError.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

import anyio
import msgspec

from ..clock import Clock
from ..errors import JournalError, JournalFull
from .account import DiskAccount
from .commits import Commit, Committed
from .disposing import Disposal
from .records import Changes, Position
from .storage import Handle, Worker
from .store import CHUNK_BYTES, Store
from .taken import Taken

_log = logging.getLogger("doorstep.journal")

FLUSH_S = 0.025
"""With the time of a commit that is well below the 100 ms of acks that a crash may repeat."""
COMMIT_BYTES = 4 * 2**20
"""Of events in one commit."""
HEADROOM_BYTES = 2 * COMMIT_BYTES
"""So much below `max_journal_bytes` old chunks begin to go, with the commits that bring new ones: so nobody waits for that at the limit."""
RETRY_S = 1.0
RETRY_CURSORS_S = 0.1
"""They are small, and each moment without them is one that a crash repeats."""
PATIENCE_S = 5.0
DISPOSE_EVERY_S = 1.0
"""How often, at most, it is looked for chunks that may go, when there were none. Near the quota it is also done whenever cursors moved."""
FULL = "the disk is full: nothing is accepted until there is room, delivery goes on"
IDLE_S = 30.0
"""How much later while nothing else is to be written."""


class Limits(msgspec.Struct, frozen=True):
    """What is kept of events that every destination has taken."""

    retention_s: float = 24 * 3600.0
    max_bytes: int = 10 * 2**30
    dedup_s: float = 0.0
    """How long digests are kept: the longest window of any ingress."""


DEFAULT_LIMITS = Limits()


class _Draft:
    """A commit on its way."""

    under_way: Handle[Committed]

    def __init__(
        self,
        now: float,
        taken: list[Taken],
        changes: list[Changes],
        written_down: list[anyio.Event],
        disposal: Disposal | None,
    ) -> None:
        self.now = now
        self.taken, self.changes = taken, changes
        self.written_down, self.disposal = written_down, disposal

    def begin(self, store: Store, writer: Worker) -> None:
        """Gives it to the thread that writes."""
        arrivals = [one.arrival for one in self.taken if one.decoded.lines]
        commit = Commit(arrivals=arrivals, changes=self.changes, disposal=self.disposal)
        self.under_way = writer.begin(partial(store.commit, commit))
        writer.begin(store.checkpoint_if_due)  # by itself: the loop has the next commit ready meanwhile


class Committer:
    """Of one journal. `run` is its life; everything else is synchronous. `stored` is told of what became durable, in order."""

    def __init__(
        self,
        store: Store,
        writer: Worker,
        clock: Clock,
        limits: Limits,
        *,
        used_bytes: int,
        stored: Callable[[Committed, Sequence[Taken]], None],
    ) -> None:
        self.used_bytes = used_bytes
        self.commits = 0
        self.abandoned = 0
        """Events that could not be stored before the end."""
        self.is_full = store.starts_full
        """The disk is: events wait."""
        self.limits = limits
        self._store, self._writer, self._clock = store, writer, clock
        self._stored = stored
        self._waiting: deque[Taken] = deque()
        self._under_way: list[Taken] = []
        self._noted: dict[DiskAccount, None] = {}
        self._positions: dict[DiskAccount, Position] = {}
        """Of every destination, as it is in the file, or will be with the next commit."""
        self._unsaved: list[Changes] = []
        self._writing_down: list[anyio.Event] = []
        self._flush_at = inf
        self._dispose_at = inf
        self._retry_at = -inf
        self._hopeless = False
        self._is_bare = False
        """Nobody needs what is held, and none of it can go."""
        self._gave_ballast = store.starts_full
        self._refill_at = -inf
        self._play_back_at = -inf
        self._bell = anyio.Event()
        self._ending = False

    # What is to be written ---------------------------------------------------------------------------------------

    def put(self, taken: Taken) -> None:
        """Events, for the next commit."""
        self._waiting.append(taken)
        self._bell.set()

    def note(self, account: DiskAccount) -> None:
        """There is something to write of `account`, before long."""
        if account not in self._noted:
            self._noted[account] = None
            if self._flush_at == inf:
                self._flush_at = self._clock.monotonic() + FLUSH_S
                self._bell.set()

    def adopt(self, account: DiskAccount) -> None:
        """It is in the file with the first events that it is to get: after a crash it would be new, and begin after them."""
        self._positions[account] = account.where()
        self._is_bare = False
        self.note(account)
        self._flush_now()

    def remove(self, account: DiskAccount) -> None:
        """What was noted of it is still written. It pins nothing any more."""
        self._unsaved.append(account.changes())
        self._noted.pop(account, None)
        self._positions.pop(account, None)
        self._flush_now()

    async def write_down(self, account: DiskAccount) -> None:
        """Writes what was noted of it, at once, and returns when that is durable."""
        self.note(account)
        await self._written_all()

    async def sync(self) -> None:
        """Writes something, and returns when it is durable: that shows whether anything can be."""
        for account in self._positions:
            self.note(account)
            break
        await self._written_all()

    async def _written_all(self) -> None:
        written = anyio.Event()
        self._writing_down.append(written)
        self._flush_now()
        await written.wait()

    def may_dispose(self) -> None:
        """Every destination there is has its account: chunks that none of them needs may go from here on."""
        self._dispose_at = min(self._dispose_at, self._clock.monotonic())

    def end(self) -> None:
        """No more will come: `run` returns when all is written, or cannot be."""
        self._ending = True
        self._bell.set()

    @property
    def waiting(self) -> Taken | None:
        """The last events that are not durable yet."""
        return next((taken[-1] for taken in (self._waiting, self._under_way) if taken), None)

    @property
    def is_over_quota(self) -> bool:
        """Events wait because `max_journal_bytes` is used up. Not for what stays for ever: then the next ones are taken, however big."""
        if not self._waiting or not self.used_bytes or self._is_bare:
            return False
        return self.used_bytes + self._waiting[0].size_bytes > self.limits.max_bytes

    @property
    def _wanted_bytes(self) -> int:
        """What is in use is to be no more than this, so that what comes next finds room."""
        headroom = min(HEADROOM_BYTES, self.limits.max_bytes // 4)
        return self.limits.max_bytes - max(headroom, self._waiting[0].size_bytes if self._waiting else 0)

    @property
    def is_saved(self) -> bool:
        """Whether nothing that was noted is unwritten."""
        return not (self._noted or self._unsaved)

    # The loop ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `end`. Raises JournalError when the disk fails for good."""
        draft: _Draft | None = None
        if self.is_full:
            self._say(FULL)
        while True:
            now = self._clock.monotonic()
            wait_s = self._wait_s(now)
            if draft or wait_s == 0:
                draft = await self._commit(draft or await self._first_draft(now))
            elif self._ending:
                break
            else:
                self._bell = anyio.Event()
                with anyio.move_on_after(None if wait_s == inf else wait_s):
                    await self._bell.wait()
        self._abandon()

    def _wait_s(self, now: float) -> float:
        """How long until there is something to commit."""
        if self._ending and not self.is_saved:
            return inf if self._hopeless else 0.0
        dispose_at = self._dispose_at if self._waiting else self._dispose_at + IDLE_S
        wait_s = max(0.0, min(self._flush_at, dispose_at) - now)
        if not self._waiting or self.is_over_quota or (self.is_full and self._ending):
            return inf if self._ending else wait_s
        return min(wait_s, max(0.0, self._retry_at - now)) if self.is_full else 0.0

    async def _first_draft(self, now: float) -> _Draft:
        if (
            self.is_full
            and now >= self._retry_at
            and not (await self._is_room_inside() or await self._is_ballast_back())
        ):
            self._retry_at = now + RETRY_S
        return self._draft(now)

    def _draft(self, now: float) -> _Draft:
        """All that is to be written now, on its way to the thread that writes."""
        written_down = self._collect_changes(now)
        tries_events = not (self.is_over_quota or (self.is_full and now < self._retry_at))
        self._under_way = self._collect_events() if tries_events else []
        if self._unsaved and self.used_bytes > self._wanted_bytes:
            self.may_dispose()
        draft = _Draft(now, self._under_way, self._unsaved, written_down, self._disposal(now))
        self._unsaved = []
        draft.begin(self._store, self._writer)
        return draft

    async def _commit(self, draft: _Draft) -> _Draft | None:
        """Sees a draft through. Returns the next one, if there is one already: it is written while this one is announced."""
        try:
            committed = await self._written(draft)
        except JournalFull:
            self._take_back(draft)
            await self._bear_full_disk(had_events=bool(draft.taken))
            return None
        self._hopeless = False
        self.commits += 1
        self.used_bytes = committed.used_bytes
        self._is_bare = committed.is_bare
        if self.is_full and committed.deleted:
            self._retry_at = draft.now
        if draft.disposal and (self.is_full or not committed.deleted):
            self._dispose_at = draft.now + DISPOSE_EVERY_S
        for written in draft.written_down:
            written.set()
        self._under_way = []
        is_busy = self._waiting and not (self.is_full or self.is_over_quota)
        following = self._draft(self._clock.monotonic()) if is_busy else None
        if draft.taken or committed.deleted:
            self._stored(committed, draft.taken)
        if draft.taken:
            await self._heal()
        return following

    def _take_back(self, draft: _Draft) -> None:
        """Nothing of it was written."""
        self._waiting.extendleft(reversed(draft.taken))
        self._under_way = []
        self._unsaved[:0] = draft.changes
        self._writing_down[:0] = draft.written_down
        self._dispose_at = draft.now if draft.taken else draft.now + DISPOSE_EVERY_S

    def _collect_changes(self, now: float) -> list[anyio.Event]:
        """All that was noted. But what did not fit goes alone: else a full disk would make it more with every try."""
        if now < self._flush_at and not self._ending:
            return []
        if self._unsaved:
            self._flush_at = now if self._noted or self._writing_down else inf
            return []
        for account in self._noted:
            changes = account.changes()
            if account in self._positions:  # else it was removed: what ends late is written, and pins nothing
                self._positions[account] = changes.position
            self._unsaved.append(changes)
        self._noted.clear()
        self._flush_at = inf
        written_down, self._writing_down = self._writing_down, []
        return written_down

    def _collect_events(self) -> list[Taken]:
        taken: list[Taken] = []
        size, most = 0, min(CHUNK_BYTES if self.is_full else COMMIT_BYTES, self.limits.max_bytes - self.used_bytes)
        while self._waiting and (not size or size + self._waiting[0].size_bytes <= most):
            size += self._waiting[0].size_bytes
            taken.append(self._waiting.popleft())
        return taken

    def _disposal(self, now: float) -> Disposal | None:
        """What a destination has come to since, and is not written yet, does not count: after a crash it would want its chunks again."""
        if now < self._dispose_at:
            return None
        positions = self._positions.values()
        return Disposal(
            floor=min((position.scan for position in positions), default=2**63 - 1),
            keep=frozenset(chunk.first for position in positions for chunk in position.open),
            before=self._clock.utc() - self.limits.retention_s,
            digests_before=self._clock.utc() - self.limits.dedup_s,
            max_bytes=0 if self.is_full else self._wanted_bytes,
        )

    # The disk ----------------------------------------------------------------------------------------------------

    async def _written(self, draft: _Draft) -> Committed:
        """A failing disk is tried again for a while, a full one at once with less: see `_commit`."""
        failing_since: float | None = None
        while True:
            try:
                return await draft.under_way.result()
            except JournalError as error:
                now = self._clock.monotonic()
                failing_since = now if failing_since is None else failing_since
                if now - failing_since >= PATIENCE_S:
                    raise
                self._say("the disk fails, trying again", error=str(error))
                await anyio.sleep(PATIENCE_S / 20)
                draft.begin(self._store, self._writer)

    async def _bear_full_disk(self, *, had_events: bool) -> None:
        """Cursors come first: what was put aside for them is used now."""
        now = self._clock.monotonic()
        if had_events or not self.is_full:
            self._retry_at = now + RETRY_S
        if not self.is_full:
            self.is_full = True
            self._say(FULL)
        self._gave_ballast |= await self._writer.run(self._store.release_ballast)
        if now >= self._play_back_at:
            fits = await self._writer.run(self._store.checkpoint)  # then the WAL begins anew, in the room that it has
            self._play_back_at = now if fits else now + RETRY_S
        if not self.is_saved:
            self._flush_at = now if had_events else now + RETRY_CURSORS_S
            self._hopeless = not had_events

    async def _is_room_inside(self) -> bool:
        """Chunks that were deleted left pages in the file: some events fit, though the disk is full."""
        return await self._writer.run(self._store.spare_bytes) >= 2 * CHUNK_BYTES

    async def _is_ballast_back(self) -> bool:
        """What was put aside for cursors is put aside again before the disk counts as well: else events would use it up."""
        now = self._clock.monotonic()
        if self._gave_ballast and now >= self._refill_at:
            self._refill_at = now + RETRY_S
            self._gave_ballast = not await self._writer.run(self._store.refill_ballast)
        return not self._gave_ballast

    async def _heal(self) -> None:
        """Events were stored, if only inside the file: then it is asked before each commit whether there is still room."""
        if not self.is_full:
            return
        if await self._is_ballast_back():
            self.is_full = False
            self._say("there is room again: events are accepted")
        else:
            self._retry_at = self._clock.monotonic()

    def _abandon(self) -> None:
        """The end: what could not be stored was never acknowledged, and its senders hear so."""
        self.abandoned = sum(len(taken.decoded.lines) for taken in self._waiting)
        for taken in self._waiting:
            taken.closed = True
            taken.done.set()
        for written in self._writing_down:
            written.set()
        if self.abandoned:
            self._say("events were not accepted: there was no room", events=self.abandoned)

    def _flush_now(self) -> None:
        self._flush_at = -inf
        self._bell.set()

    def _say(self, message: str, **facts: object) -> None:
        _log.warning(message, extra={"facts": {"journal": str(self._store.folder), **facts}})
