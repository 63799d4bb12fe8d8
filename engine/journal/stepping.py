"""Replays, step by step: which events come next, whether the destination wants them, when each is due; then one transaction.

Replay -> next ones (reader) -> choose -> due times at the rate -> moved (writer) -> Stepped, for a running engine to take up
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import anyio
import apsw
import msgspec

from ..model.envelope import Chunk, Envelope, Receipt
from ..model.event import AnyEvent, Event
from . import replaying
from .desk import BATCH, Replay
from .explaining import Seen
from .hands import Hands
from .letters import Condition
from .records import ParkedEvent
from .remapping import Judge, mapping_of, remapped
from .replaying import Candidate, Events, Letters, Moved
from .rows import SLICE_BYTES

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


class Stepper:
    """Of one journal. It remembers, for this life, when each replay was stepped last, and up to when its events are due."""

    def __init__(
        self,
        hands: Hands,
        restore: Callable[[Sequence[bytes]], Sequence[Event | AnyEvent]],
        judge: Judge,
        utc: Callable[[], float],
    ) -> None:
        self._hands, self._restore, self._judge, self._utc = hands, restore, judge, utc
        self._paced: dict[int, tuple[float, float]] = {}

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
        filtered: dict[str, int] = {}
        move: Callable[[apsw.Connection], Moved]
        if replay.kind == "dead":
            letters, filtered = self._changed(await self._next_letters(replay, max_events, max_bytes), replay)
            dues, next_at = self._spaced(replay, len(letters.letters))
            move = partial(replaying.move_letters, job=replay, letters=letters, dues=dues)
        else:
            events, filtered = await self._chosen(await self._next_events(replay, max_events, max_bytes), choose)
            dues, next_at = self._spaced(replay, len(events.events))
            move = partial(replaying.park_events, job=replay, events=events, dues=dues)
        with anyio.CancelScope(shield=True):  # or nobody would take up what was moved before the next start
            moved = await self._hands.write(move)
        return Stepped(replay=moved.replay, parked=moved.parked, filtered=filtered, next_at=next_at)

    async def _next_letters(self, replay: Replay, max_events: int, max_bytes: int) -> Letters:
        condition = Condition(replay.query)
        return await self._hands.read(
            partial(replaying.next_letters, job=replay, condition=condition, max_events=max_events, max_bytes=max_bytes)
        )

    def _changed(self, letters: Letters, replay: Replay) -> tuple[Letters, dict[str, int]]:
        """With the replay's mapping applied. Nothing is written yet: cut off here, the step is done anew."""
        if not replay.mapping:
            return letters, {}
        mapping = mapping_of(replay.mapping)
        made = [remapped(letter, mapping, self._judge) for letter in letters.letters]
        kept = [letter for letter in made if letter is not None]
        lost = len(made) - len(kept)
        return msgspec.structs.replace(letters, letters=kept), {"unmappable": lost} if lost else {}

    async def _next_events(self, replay: Replay, max_events: int, max_bytes: int) -> Events:
        matches = Condition(replay.query).matches
        return await self._hands.read(
            partial(replaying.next_events, job=replay, matches=matches, max_events=max_events, max_bytes=max_bytes)
        )

    async def _chosen(self, events: Events, choose: Choose | None) -> tuple[Events, dict[str, int]]:
        if choose is None or not events.events:
            return events, {}
        journal_id = await self._hands.journal_id()
        envelopes = [envelope_of(event, self._restore, journal_id) for event in events.events]
        reasons = choose(Chunk(envelopes[0].number, envelopes, sum(len(one.line) for one in envelopes)))
        if reasons is None:
            return events, {}
        kept = [event for event, reason in zip(events.events, reasons, strict=True) if reason is None]
        given = [reason for reason in reasons if reason is not None]
        return msgspec.structs.replace(events, events=kept), {reason: given.count(reason) for reason in set(given)}

    def _spaced(self, replay: Replay, count: int) -> tuple[list[float], float]:
        """When each is due, one after the other at the rate; and when the next one may come. A clock that jumps back delays nothing.

        A rate of nothing, which earlier versions took, is none: a journal that holds one starts all the same.
        """
        now = self._utc()
        if replay.rate is None or replay.rate <= 0:
            return [now] * count, now
        step_s = 1 / replay.rate
        stepped_at, next_at = self._paced.get(replay.id, (now, now))
        start = max(now, next_at) if now >= stepped_at else now
        next_at = start + count * step_s
        self._paced[replay.id] = now, next_at
        return [start + index * step_s for index in range(count)], next_at

    async def count(self, replay: Replay, choose: Choose | None) -> int:
        """How many events of the journal a job would send; reads all there is."""
        count, done = 0, False
        while not done:
            events = await self._next_events(replay, BATCH, SLICE_BYTES)
            chosen, _ = await self._chosen(events, choose)
            count += len(chosen.events)
            replay, done = msgspec.structs.replace(replay, position=events.position), events.done
        return count


def envelope_of(
    event: Seen | Candidate,
    restore: Callable[[Sequence[bytes]], Sequence[Event | AnyEvent]],
    journal_id: str,
) -> Envelope:
    """An event from the file, for whoever asks whom it is for; when it was accepted, this run does not know."""
    receipt = Receipt(event.source, event.received, 0.0, journal_id)
    return Envelope(event.number, event.line, restore([event.line])[0], receipt)
