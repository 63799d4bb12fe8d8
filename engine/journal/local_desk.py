"""The desk over the journal itself: questions go to the thread that reads, changes to the one that writes.

    LetterQuery, Replay, messageId -> slices of SQL (letters, replaying, explaining) -> values

Every question is cut into short transactions and every change into small ones, so neither ever makes an acknowledgement wait. Of an engine
that runs, `pause`, `resume` and `forget` are the engine's own to do: it holds in memory what is changed here in the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Literal, TypeVar

import apsw
import msgspec

from ..errors import JournalError
from ..model.envelope import Chunk, Envelope, Receipt
from . import explaining, replaying, standing
from . import letters as table
from .blob import Damaged
from .desk import BATCH, DestinationRow, LetterCount, LetterQuery, Life, Replay
from .explaining import Seen, Why
from .letters import Condition
from .opening import restorer
from .queries import Queries
from .records import DeadLetter, ParkedEvent
from .replaying import Candidate, Events
from .rows import SLICE_BYTES, first_row
from .storage import Worker
from .store import Commit, Store, translated

T = TypeVar("T")

Choose = Callable[[Chunk], Sequence[str | None] | None]
"""A reason for each event of a chunk that a destination should not get, or None if it gets all: as `RoutingTable.scan`."""


class Stepped(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a replay did."""

    replay: Replay | None
    """The job as it stands now; None if it is done."""
    parked: list[ParkedEvent]
    """Rows that are in the journal now, for a running engine to take up."""
    filtered: dict[str, int] = {}
    """Events that are not for the destination, by reason."""
    next_at: float = 0.0
    """When (UTC) the next step is due, so that the rate is kept."""


class LocalDesk:
    """See `Desk`. Opens and closes nothing: store, queries and workers are the caller's."""

    def __init__(
        self,
        store: Store,
        queries: Queries,
        writer: Worker,
        reader: Worker,
        *,
        utc: Callable[[], float],
        spec: Literal["segment", "any"] = "segment",
        known: Collection[str] = (),
        why: Why | None = None,
        chooses: Callable[[str], Choose | None] | None = None,
    ) -> None:
        """`known`: destinations that are configured, which may be new to the journal. `chooses`: how each of them chooses its events."""
        self._store, self._queries = store, queries
        self._writer, self._reader = writer, reader
        self._utc = utc
        self._restore = restorer(spec)
        self._known = known
        self._why = why
        self._chooses = chooses
        self._id = ""
        self._paced: dict[int, float] = {}

    # Dead letters ------------------------------------------------------------------------------------------------

    async def count(self, query: LetterQuery) -> list[LetterCount]:
        """See `Desk`."""
        condition, tally = Condition(query), table.Tally()
        if condition.reads_lines:
            async for page in self._pages(condition):
                for one in page:
                    tally.add(one.destination, one.reason, one.last_at)
            return tally.counts
        key: table.Key | None = table.BEGINNING
        while key is not None:
            key = await self._read(partial(table.count_some, condition=condition, key=key, tally=tally))
        return tally.counts

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        """See `Desk`."""
        condition = Condition(query)
        found: list[DeadLetter] = []
        while len(found) < limit:
            page = await self._read(
                partial(table.page, condition=condition, after=after, limit=min(BATCH, limit - len(found)))
            )
            found += page.letters
            after = page.after
            if page.done:
                break
        return found

    async def letter(self, id: int) -> DeadLetter:
        """See `Desk`."""
        return await self._read(partial(table.letter, id_=id))

    async def add(self, letters: Sequence[DeadLetter]) -> int:
        """See `Desk`."""
        added = 0
        for start in range(0, len(letters), BATCH):
            added += await self._write(partial(table.add, letters=letters[start : start + BATCH]))
        return added

    async def purge(self, query: LetterQuery) -> int:
        """See `Desk`. What is given up meanwhile stays."""
        purged = 0
        async for page in self._pages(Condition(query), until=await self._read(table.end_of)):
            purged += await self._write(partial(table.delete, ids=[one.id for one in page]))
        return purged

    async def _pages(self, condition: Condition, until: int = 2**63 - 1) -> AsyncIterator[list[DeadLetter]]:
        after, done = 0, False
        while not done and after < until - 1:
            page = await self._read(partial(table.page, condition=condition, after=after, limit=BATCH))
            after, done = page.after, page.done
            if found := [one for one in page.letters if one.id < until]:
                yield found

    # Replays -----------------------------------------------------------------------------------------------------

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """See `Desk`. Of the journal, a dry run reads and counts; a job only estimates, since it reads as it goes."""
        Condition(replay.query)
        await self._expect(replay.destination)
        replay = await self._read(partial(replaying.bounded, replay=replay))
        count = await self._count_of(replay, exactly=dry_run)
        return (0 if dry_run else await self._write(partial(replaying.begin, replay=replay))), count

    async def replays(self) -> list[Replay]:
        """See `Desk`."""
        return await self._read(replaying.jobs)

    async def step(
        self,
        replay: Replay,
        *,
        max_events: int = BATCH,
        max_bytes: int = SLICE_BYTES,
        choose: Choose | None = None,
    ) -> Stepped:
        """Moves the next events of a job, in one transaction; maybe none, although more follow, since what is read at once is bounded.

        `replay` is the job as `replays` or the last step gave it. `choose` says which events of the journal are for the destination;
        dead letters were once. At most `BATCH` events at a time.
        """
        max_events = min(max_events, BATCH)
        if replay.kind == "dead":
            condition = Condition(replay.query)
            next_letters = partial(
                replaying.next_letters, job=replay, condition=condition, max_events=max_events, max_bytes=max_bytes
            )
            found = await self._read(next_letters)
            dues, next_at = self._spaced(replay, len(found.letters))
            moved = await self._write(partial(replaying.move_letters, job=replay, letters=found, dues=dues))
            return Stepped(replay=moved.replay, parked=moved.parked, next_at=next_at)
        events = await self._next_events(replay, max_events, max_bytes)
        events, filtered = await self._chosen(events, choose)
        dues, next_at = self._spaced(replay, len(events.events))
        moved = await self._write(partial(replaying.park_events, job=replay, events=events, dues=dues))
        return Stepped(replay=moved.replay, parked=moved.parked, filtered=filtered, next_at=next_at)

    async def _next_events(self, replay: Replay, max_events: int, max_bytes: int) -> Events:
        matches = Condition(replay.query).matches
        return await self._read(
            partial(replaying.next_events, job=replay, matches=matches, max_events=max_events, max_bytes=max_bytes)
        )

    async def _chosen(self, events: Events, choose: Choose | None) -> tuple[Events, dict[str, int]]:
        if choose is None or not events.events:
            return events, {}
        await self._learn_id()
        envelopes = [self._envelope(event) for event in events.events]
        reasons = choose(Chunk(envelopes[0].number, envelopes, sum(len(one.line) for one in envelopes)))
        if reasons is None:
            return events, {}
        kept = [event for event, reason in zip(events.events, reasons, strict=True) if reason is None]
        given = [reason for reason in reasons if reason is not None]
        return msgspec.structs.replace(events, events=kept), {reason: given.count(reason) for reason in set(given)}

    def _spaced(self, replay: Replay, count: int) -> tuple[list[float], float]:
        """When each is due, one after the other at the rate; and when the next one may come. A clock that jumps back delays nothing."""
        now = self._utc()
        if replay.rate is None:
            return [now] * count, now
        step_s = 1 / replay.rate
        start = min(max(now, self._paced.get(replay.id, now)), now + BATCH * step_s)
        self._paced[replay.id] = start + count * step_s
        return [start + index * step_s for index in range(count)], self._paced[replay.id]

    async def _count_of(self, replay: Replay, *, exactly: bool) -> int:
        if replay.kind == "dead":
            return sum(one.count for one in await self.count(replay.query))
        if not exactly:
            return await self._read(partial(replaying.events_at_most, job=replay))
        count, done = 0, False
        while not done:
            events = await self._next_events(replay, BATCH, SLICE_BYTES)
            chosen, _ = await self._chosen(events, self._chooses(replay.destination) if self._chooses else None)
            count += len(chosen.events)
            replay, done = msgspec.structs.replace(replay, position=events.position), events.done
        return count

    # One event ---------------------------------------------------------------------------------------------------

    async def explain(self, message_id: str) -> list[Life]:
        """See `Desk`. An event without `messageId` goes by its key, journal id and number."""
        await self._learn_id()
        found: dict[int, Seen] = {}
        before: int | None = 2**63 - 1
        while before is not None:
            numbers, before = await self._read(partial(explaining.hashed_like, message_id=message_id, before=before))
            for number in numbers:
                seen = await self._read(partial(explaining.held, number=number))
                if seen and (not seen.line or explaining.message_id_of(seen.line) == message_id):
                    found[number] = seen
        for seen in [*await self._keyed(message_id), *await self._copies(message_id)]:
            found.setdefault(seen.number, seen)
        return [await self._life(found[number], message_id) for number in sorted(found, reverse=True)]

    async def _keyed(self, key: str) -> list[Seen]:
        journal, _, number = key.rpartition("-")
        if journal != self._id or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return []
        seen = await self._read(partial(explaining.held, number=int(number)))
        return [seen] if seen and explaining.message_id_of(seen.line) is None else []

    async def _copies(self, message_id: str) -> list[Seen]:
        found = await self._read(partial(explaining.parked_copies, message_id=message_id))
        after: int | None = 0
        while after is not None:
            some, after = await self._read(partial(explaining.copies, message_id=message_id, after=after))
            found += some
        return found

    async def _life(self, seen: Seen, asked: str) -> Life:
        traces = await self._read(partial(explaining.traces_of, number=seen.number))
        message_id = explaining.message_id_of(seen.line) if seen.line else asked

        def why(destination: str, version: str) -> str | None:
            return self._why(destination, version, self._envelope(seen)) if self._why else None

        return explaining.life_of(seen, message_id, traces, why)

    def _envelope(self, event: Seen | Candidate) -> Envelope:
        receipt = Receipt(event.source, event.received, 0.0, self._id)
        return Envelope(event.number, event.line, self._restore([event.line])[0], receipt)

    # Destinations ------------------------------------------------------------------------------------------------

    async def parked(self, destination: str) -> list[ParkedEvent]:
        """See `Desk`. By number."""
        await self._expect(destination)
        return await self._read(partial(standing.parked, destination=destination))

    async def destinations(self) -> list[DestinationRow]:
        """See `Desk`. By name."""
        return await self._read(standing.destinations)

    async def pause(self, destination: str) -> None:
        """See `Desk`."""
        await self._write(partial(standing.stand, destination=destination, paused=True))

    async def resume(self, destination: str) -> None:
        """See `Desk`."""
        await self._write(partial(standing.stand, destination=destination, paused=False))

    async def forget(self, destination: str) -> None:
        """See `Desk`. Raises ValueError if it is configured."""
        if destination in self._known:
            raise ValueError(f"{destination} is configured: take it out of the configuration first")
        await self._expect(destination)
        await self._run(self._writer, lambda: self._store.commit(Commit(forgotten=[destination])))

    async def _expect(self, destination: str) -> None:
        known = {*await self._read(standing.names), *self._known}
        if destination not in known:
            raise standing.unknown(destination, known)

    # The threads -------------------------------------------------------------------------------------------------

    async def _learn_id(self) -> None:
        if not self._id:
            self._id = await self._read(lambda connection: str(first_row(connection, "SELECT id FROM journal")[0]))

    async def _read(self, question: Callable[[apsw.Connection], T]) -> T:
        return await self._run(self._reader, lambda: question(self._queries.connection))

    async def _write(self, job: Callable[[apsw.Connection], T]) -> T:
        return await self._run(self._writer, lambda: self._work(job))

    def _work(self, job: Callable[[apsw.Connection], T]) -> T:
        result = self._store.work(job)
        if self._store.wants_checkpoint:
            self._store.checkpoint()
        return result

    async def _run(self, worker: Worker, work: Callable[[], T]) -> T:
        def run() -> T:
            with translated():
                return work()

        try:
            return await worker.run(run)
        except Damaged as error:
            raise JournalError(f"the journal is damaged: {error}; `doorstep journal verify` says where") from error

    def __repr__(self) -> str:
        return f"<LocalDesk {self._store.folder}>"
