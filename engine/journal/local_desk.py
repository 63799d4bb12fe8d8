"""The desk over the journal itself: questions go to the thread that reads, changes to the one that writes.

    LetterQuery, Replay, messageId -> slices of SQL (letters, replaying, explaining) -> values

Every question is cut into short transactions and every change into small ones, so neither ever makes an acknowledgement wait. Of an engine
that runs, `pause`, `resume` and `forget` are the engine's own to do: it holds in memory what is changed here in the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Literal, TypeVar

import msgspec

from ..errors import FqlError
from ..model.decode import LineDecoder
from ..model.event import AnyEvent, Event
from . import explaining, replaying, standing
from . import letters as table
from .desk import (
    BATCH,
    SLOWEST,
    Added,
    DestinationRow,
    LetterCount,
    LetterQuery,
    Life,
    Replay,
    StoredEvent,
    Unfit,
    expect_sense,
)
from .explaining import Seen
from .hands import Hands
from .latest import latest
from .letters import Condition
from .opening import ANY_SIZE, restorer
from .queries import Queries
from .records import DeadLetter, ParkedEvent
from .remapping import mapping_of
from .rows import SLICE_BYTES
from .stepping import Choose, Stepped, Stepper, envelope_of
from .storage import Worker
from .store import Store

T = TypeVar("T")
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


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
        chooses: Callable[[str], Choose | None] | None = None,
    ) -> None:
        """`known`: destinations that are configured, which may be new to the journal. `chooses`: how each of them chooses its events."""
        self._hands = Hands(store, queries, writer, reader)
        self._restore = restorer(spec)
        self._known = known
        self._chooses = chooses
        self._damaged: set[int] = set()
        """Replays that cannot be read, and were said."""
        self._judge = LineDecoder(spec, ANY_SIZE).judge
        self._stepper = Stepper(self._hands, self._restore, self._judge, utc)

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
            key = await self._hands.read(partial(table.count_some, condition=condition, key=key, tally=tally))
        return tally.counts

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        """See `Desk`."""
        condition = Condition(query)
        found: list[DeadLetter] = []
        while len(found) < limit:
            page = await self._hands.read(
                partial(table.page, condition=condition, after=after, limit=min(BATCH, limit - len(found)))
            )
            found += page.letters
            after = page.after
            if page.done:
                break
        return found

    async def letter(self, id: int) -> DeadLetter:
        """See `Desk`."""
        return await self._hands.read(partial(table.letter, id_=id))

    async def add(self, letters: Sequence[DeadLetter]) -> Added:
        """See `Desk`."""
        fit: list[DeadLetter] = []
        refused: list[Unfit] = []
        for position, letter in enumerate(letters):
            try:
                _, line = self._judged(letter.line)
            except ValueError as error:
                refused.append(Unfit(position, str(error)))
            else:
                fit.append(msgspec.structs.replace(letter, line=line))
        added = 0
        for start in range(0, len(fit), BATCH):
            added += await self._hands.write(partial(table.add, letters=fit[start : start + BATCH]))
        return Added(added, refused)

    async def patch(self, id: int, line: bytes) -> DeadLetter:
        """See `Desk`. What is known of the event's death stays as it is."""
        event, line = self._judged(line)
        letter = msgspec.structs.replace(
            await self.letter(id), line=line, message_id=event.messageId, type=event.type, event=event.event
        )
        await self._hands.write(partial(table.patch, id_=id, patched=letter))
        return letter

    def _judged(self, line: bytes) -> tuple[Event | AnyEvent, bytes]:
        """An event and its line, which is one: a line end can only be between tokens. Raises ValueError for what is no event."""
        event = self._judge(line)
        if isinstance(event, tuple):
            raise ValueError(f"this is no event: {event[0]} {event[1]}".rstrip())
        return event, line.translate(_LINE_ENDS)

    async def purge(self, query: LetterQuery) -> int:
        """See `Desk`. What is given up meanwhile stays."""
        purged = 0
        async for page in self._pages(Condition(query), until=await self._hands.read(table.end_of)):
            purged += await self._hands.write(partial(table.delete, ids=[one.id for one in page]))
        return purged

    async def _pages(self, condition: Condition, until: int = 2**63 - 1) -> AsyncIterator[list[DeadLetter]]:
        after, done = 0, False
        while not done and after < until - 1:
            page = await self._hands.read(partial(table.page, condition=condition, after=after, limit=BATCH))
            after, done = page.after, page.done
            if found := [one for one in page.letters if one.id < until]:
                yield found

    # Replays -----------------------------------------------------------------------------------------------------

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """See `Desk`. Of the journal, a dry run reads and counts; a job only estimates, since it reads as it goes."""
        Condition(replay.query)
        expect_sense(replay)
        if replay.rate is not None and not SLOWEST <= replay.rate < inf:
            raise ValueError(f"a rate is at least {SLOWEST} events a second, not {replay.rate}")
        if replay.mapping:
            mapping_of(replay.mapping)
            if replay.kind != "dead":
                raise ValueError("a mapping is for dead letters; what is in the journal is sent as it came in")
        await self._expect(replay.destination)
        replay = await self._hands.read(partial(replaying.bounded, replay=replay))
        count = await self._count_of(replay, exactly=dry_run)
        return (0 if dry_run else await self._hands.write(partial(replaying.begin, replay=replay))), count

    async def replays(self) -> list[Replay]:
        """See `Desk`."""
        return await self._hands.read(partial(replaying.jobs, said=self._damaged))

    async def step(
        self, replay: Replay, *, max_events: int = BATCH, max_bytes: int = SLICE_BYTES, choose: Choose | None = None
    ) -> Stepped:
        """Moves the next events of a job: see `Stepper.step`."""
        return await self._stepper.step(replay, max_events=max_events, max_bytes=max_bytes, choose=choose)

    async def _count_of(self, replay: Replay, *, exactly: bool) -> int:
        if replay.kind == "dead":
            return sum(one.count for one in await self.count(replay.query))
        if exactly:
            choose = self._chooses(replay.destination) if self._chooses else None
            return await self._stepper.count(replay, choose)
        return await self._hands.read(partial(replaying.events_at_most, job=replay))

    # One event ---------------------------------------------------------------------------------------------------

    async def explain(self, message_id: str) -> list[Life]:
        """See `Desk`. An event without `messageId` goes by its key, journal id and number."""
        seen = [
            *await self._hashed(message_id, thorough=False),
            *await self._keyed(message_id),
            *await self._copies(message_id),
        ] or await self._hashed(message_id, thorough=True)  # before we say "never seen"
        found = {one.number: one for one in reversed(seen)}
        return [await self._life(found[number], message_id) for number in sorted(found, reverse=True)]

    async def _hashed(self, message_id: str, *, thorough: bool) -> list[Seen]:
        found: list[Seen] = []
        before: int | None = 2**63 - 1
        while before is not None:
            numbers, before = await self._hands.read(
                partial(explaining.hashed_like, message_id=message_id, before=before, thorough=thorough)
            )
            for number in numbers:
                seen = await self._hands.read(partial(explaining.held, number=number))
                if seen and (not seen.line or explaining.message_id_of(seen.line) == message_id):
                    found.append(seen)
        return found

    async def _keyed(self, key: str) -> list[Seen]:
        journal, _, number = key.rpartition("-")
        if journal != await self._hands.journal_id() or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return []
        seen = await self._hands.read(partial(explaining.held, number=int(number)))
        return [seen] if seen and explaining.message_id_of(seen.line) is None else []

    async def _copies(self, message_id: str) -> list[Seen]:
        found: list[Seen] = []
        key: tuple[str, int] | None = ("", 0)
        while key is not None:
            some, key = await self._hands.read(partial(explaining.parked_copies, message_id=message_id, after=key))
            found += some
        after: int | None = 0
        while after is not None:
            some, after = await self._hands.read(partial(explaining.copies, message_id=message_id, after=after))
            found += some
        return found

    async def _life(self, seen: Seen, asked: str) -> Life:
        traces = await self._hands.read(partial(explaining.traces_of, number=seen.number))
        message_id = explaining.message_id_of(seen.line) if seen.line else asked

        plans = await self._hands.read(partial(explaining.plans_of, versions=[one.version for one in traces]))
        journal_id = await self._hands.journal_id()

        def why(destination: str, version: str) -> str | None:
            if version not in plans or not seen.line:
                return None
            with suppress(FqlError):
                return plans[version].why_not(destination, envelope_of(seen, self._restore, journal_id))
            return None

        return explaining.life_of(seen, message_id, traces, why)

    async def latest(self, limit: int = BATCH) -> list[StoredEvent]:
        """See `Desk`."""
        found: list[Seen] = []
        before: int | None = 2**63 - 1
        while before is not None and len(found) < limit:
            some, before = await self._hands.read(partial(latest, before=before, limit=limit - len(found)))
            found += some
        return [
            StoredEvent(number=one.number, source=one.source, received=one.received, line=one.line) for one in found
        ]

    # Destinations ------------------------------------------------------------------------------------------------

    async def parked(self, destination: str, *, after: int = 0, limit: int = BATCH) -> list[ParkedEvent]:
        """See `Desk`."""
        await self._expect(destination)
        found: list[ParkedEvent] = []
        place: int | None = after
        while place is not None and len(found) < limit:
            some, place = await self._hands.read(
                partial(standing.parked, destination=destination, after=place, limit=limit - len(found))
            )
            found += some
        return found

    async def destinations(self) -> list[DestinationRow]:
        """See `Desk`. By name."""
        dead: dict[str, int] = {}
        for one in await self.count(LetterQuery()):
            dead[one.destination] = dead.get(one.destination, 0) + one.count
        return await self._hands.read(partial(standing.destinations, dead=dead))

    async def pause(self, destination: str) -> None:
        """See `Desk`."""
        await self._hands.write(partial(standing.stand, destination=destination, paused=True))

    async def resume(self, destination: str) -> None:
        """See `Desk`."""
        await self._hands.write(partial(standing.stand, destination=destination, paused=False))

    async def forget(self, destination: str) -> None:
        """See `Desk`. Raises ValueError if it is configured."""
        if destination in self._known:
            raise ValueError(f"{destination} is configured: take it out of the configuration first")
        await self._expect(destination)
        await self._hands.write(partial(standing.forget, destination=destination))

    async def _expect(self, destination: str) -> None:
        known = {*await self._hands.read(standing.names), *self._known}
        if destination not in known:
            raise standing.unknown(destination, known)

    def __repr__(self) -> str:
        return f"<LocalDesk {self._hands.store.folder}>"
