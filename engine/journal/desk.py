"""What people ask of a journal, and do with it: dead letters, replays, the life of one event. Values and the contract.

`Desk` is kept by an engine that runs (`admin` serves it on a Unix socket), or, while none does, by a command that opened the journal for
itself. Whoever asks does not notice which. Times are UTC, seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from .records import Attempt, DeadLetter, Gap, ParkedEvent, Standing, Try

BATCH = 500
"""Rows in one answer, and in one transaction."""
SLOWEST = 1e-5
"""Events a second, for a replay: about one a day. What is less is a slip, and would never end."""


class LetterQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters; all conditions must hold."""

    destination: str | None = None
    reason: str | None = None
    since: float | None = None
    """When they were given up."""
    until: float | None = None
    where: str | None = None
    """FQL, asked of the event."""
    ids: tuple[int, ...] | None = None


class LetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one destination and reason."""

    destination: str
    reason: str
    count: int
    first_at: float
    last_at: float


class Unfit(msgspec.Struct, frozen=True):
    """A dead letter that was not brought in, since what is in it is no event."""

    position: int
    """In what was given, from 0."""
    why: str


class Added(msgspec.Struct, frozen=True):
    """What came of dead letters that were brought in. The rest were there already."""

    count: int
    """Those that were new."""
    refused: list[Unfit] = []


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are sent again; it goes on after a restart. One of dead letters takes these out of the dead letters."""

    id: int = 0
    """Given by the store."""
    destination: str
    kind: Literal["dead", "journal"]
    query: LetterQuery = LetterQuery()
    """Of dead letters; of the journal, `since` and `until` are when events were received, and `where` holds."""
    rate: float | None = None
    """Events a second, at least `SLOWEST`; None is as fast as the destination takes them."""
    mapping: str = ""
    """Of dead letters: a mapping, as JSON, that makes each event what is sent in its place. Where it makes no event, the letter stays."""
    position: int = 0
    """The next id or number to look at."""
    until: int = 0
    """One past the last: what comes later is not part of it."""
    moved: int = 0
    """Events so far."""


def expect_sense(replay: Replay) -> None:
    """Raises ValueError for conditions that its kind does not know: passed over, they would mean every event."""
    if replay.kind == "dead":
        return
    query = replay.query
    if query.ids is not None or query.reason is not None or query.destination not in (None, replay.destination):
        raise ValueError(
            "`ids`, `reason` and `destination` are for dead letters; of the journal, ask by `since`, `until` and `where`"
        )


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event at one destination."""

    destination: str
    state: Literal["delivered", "filtered", "parked", "dead", "pending", "expired", "damaged", "not_offered", "unknown"]
    """`not_offered`: the destination began later, or was removed before; `unknown`: settled, and what says how is gone:
    older than `retention`, a dead letter that was purged, a parked event that was lost."""
    reason: str = ""
    version: str = ""
    """Of the plan that held for it."""
    attempts: list[Attempt] = []
    tries: list[Try] = []
    """Of a parked event or a dead letter: its own history."""
    due: float | None = None
    """When a parked one is tried again."""
    letter_ids: list[int] = []
    """Its dead letters, the newest last: one for each action that gave it up."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One event that was accepted."""

    number: int
    message_id: str | None
    source: str
    received: float
    line: bytes
    stories: list[Story]


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is in the journal."""

    number: int
    source: str
    received: float
    line: bytes


class DestinationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A destination in a journal."""

    name: str
    watermark: int
    unsettled: int
    parked: int
    dead: int
    standing: Standing
    gaps: list[Gap] = []


class Desk(Protocol):
    """Raises LookupError for what is not there, FqlError for a bad condition, JournalError if the journal cannot be used."""

    async def count(self, query: LetterQuery) -> list[LetterCount]:
        """Dead letters by destination and reason."""
        ...

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        """In order of id, from the one after `after`."""
        ...

    async def letter(self, id: int) -> DeadLetter: ...

    async def patch(self, id: int, line: bytes) -> DeadLetter:
        """Puts another event in place of a dead one, to be sent instead. Raises ValueError for what is no event."""
        ...

    async def add(self, letters: Sequence[DeadLetter]) -> Added:
        """Brings in exported ones; those that are there already are passed over, those that hold no event are refused."""
        ...

    async def purge(self, query: LetterQuery) -> int:
        """Deletes them for good. How many."""
        ...

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        """Begins it: its id (0 for a dry run), and how many events it would send as far as is known now.

        Raises ValueError for what no replay can be, such as a rate of nothing.
        """
        ...

    async def replays(self) -> list[Replay]:
        """Those that are not done."""
        ...

    async def explain(self, message_id: str) -> list[Life]:
        """Every event of that `messageId` that the journal knows, the newest first.

        Empty: it was never accepted, or is older than what is kept.
        """
        ...

    async def latest(self, limit: int = BATCH) -> list[StoredEvent]:
        """What was accepted last, the newest first, as far as it is kept."""
        ...

    async def parked(self, destination: str, *, after: int = 0, limit: int = BATCH) -> list[ParkedEvent]:
        """What waits, in order of number, from the one after `after`."""
        ...

    async def destinations(self) -> list[DestinationRow]: ...

    async def pause(self, destination: str) -> None: ...

    async def resume(self, destination: str) -> None: ...

    async def forget(self, destination: str) -> None:
        """Deletes what is known of a destination that is not configured any more; its dead letters stay.

        Raises ValueError if it is running.
        """
        ...
