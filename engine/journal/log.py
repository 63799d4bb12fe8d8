"""What the engine asks of a log, whatever it is made of: to take events in, and to keep an account of each destination.

Two logs there are: `DiskLog`, and `MemoryLog`, its twin without a disk. Everything that is written of a destination goes through its
`Account`, whose methods only note it: they never wait, and what was noted in one synchronous step is written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ..model.decode import Decoded
from ..model.envelope import Chunk, Envelope
from ..model.outcome import Failure
from .plans import PlanRecord
from .records import Gap, ParkedEvent, Position, Result, Standing, Try

OnStored = Callable[[Chunk], None]


class Ticket(Protocol):
    """For events that the log has taken."""

    @property
    def duplicates(self) -> int:
        """How many it did not take, because it had them already."""
        ...

    async def stored(self) -> int | None:
        """Returns once they are as durable as this log makes them: the number of the first, the rest follow without a gap.

        None if all of them were repeats. Raises `Closed` if the log ended before it could store them.
        """
        ...


class Account(Protocol):
    """One destination's page in the log's books, from where it stood when the log was opened."""

    name: str
    position: Position
    is_new: bool
    """Whether the log did not know it."""
    standing: Standing
    parked: list[ParkedEvent]

    async def read(self, number: int) -> Chunk | Gap | None:
        """The chunk that begins at `number`, or the gap that is there; None at the end of the log."""
        ...

    def aged(self, envelopes: Iterable[Envelope], before: float) -> list[Envelope]:
        """Those of them, from the first on, that were received before then, by the wall clock as it stands now."""
        ...

    def envelope(self, parked: ParkedEvent) -> Envelope:
        """The event of a row as it was found."""
        ...

    def follow(self, position: Callable[[], Position]) -> None:
        """Where to ask for the cursor when something is written."""
        ...

    def took(self, chunk: Chunk) -> None:
        """`chunk` was taken for delivery: it is not backlog any more."""
        ...

    def moved(self) -> None:
        """The cursor moved."""
        ...

    def release(self, chunk: Chunk) -> None:
        """All of `chunk` is settled, or held elsewhere. To say so again changes nothing."""
        ...

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
        """The event waits until `due` (monotonic). Said again, the newest holds."""
        ...

    def adopted(self, rows: Sequence[ParkedEvent]) -> None:
        """These rows were written by somebody else (a replay)."""
        ...

    def unpark(self, number: int) -> None:
        """The event is parked no more: something final became of it."""
        ...

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
        """A dead letter."""
        ...

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
        """What an attempt that began at `began` (monotonic) came to for these events, in ascending order."""
        ...

    def missed(self, gap: Gap) -> None:
        """Events that this destination will not get."""
        ...

    def uses(self, version: str, plan: PlanRecord) -> None:
        """From the cursor on, the plan of this version holds."""
        ...

    def stand(self, standing: Standing) -> None:
        """What is to be known after a restart."""
        ...

    async def write_down(self) -> None:
        """Returns once all that was noted so far is durable."""
        ...

    @property
    def backlog_bytes(self) -> int:
        """Of events that are stored and not taken yet."""
        ...

    async def backlog_since(self) -> float | None:
        """When (UTC) the oldest event was received that is not taken yet; None if there is none."""
        ...

    async def expiry(self, size_bytes: int, before: float) -> tuple[int, int]:
        """Up to which number the backlog has to go to be smaller by `size_bytes`, and to hold nothing received before `before` (UTC).

        With it, how many bytes that is.
        """
        ...

    def skipped(self, size_bytes: int) -> None:
        """So much of the backlog is given up."""
        ...

    def close(self) -> None:
        """The destination was removed: nothing is held for it any more."""
        ...


class Log(Protocol):
    """Numbers events, stores them, hands them out."""

    keeps: bool
    """Whether what is in it outlives the process."""

    @property
    def end(self) -> int:
        """One past the last number given."""
        ...

    def account(self, name: str, *, oldest: bool = False) -> Account:
        """A destination's, from where it stood; a new one starts at the end, or at the oldest event still held."""
        ...

    async def take(self, decoded: Decoded, source: str, *, always: bool = False) -> Ticket:
        """Waits for room, then sees to it that the events are stored. Raises `Closed` after `close`.

        `always`: neither waits nor refuses, as long as anything is written: for the few events of the engine itself, which are
        about why there is no room. Once they are stored, all destinations are told (`on_stored`), in the order of numbers. A
        cancelled call took nothing.
        """
        ...

    @property
    def has_room(self) -> bool:
        """False while events that were taken cannot be stored for want of room: others need not even try."""
        ...

    def hold(self, held: bool) -> None:
        """Takes no events, or does so again: a destination has all the backlog that it may have."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether all that was taken is stored."""
        ...

    async def settled(self) -> None:
        """Returns when all that was taken is stored, or there has been no room for it for a while: what destinations give up makes some."""
        ...

    def close(self) -> None:
        """Takes no more events; callers that wait for room get `Closed`. What was taken is still stored."""
        ...
