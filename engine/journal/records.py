"""What the log keeps beside the events, as values: where each destination stands, what waits, what was given up, what was tried.

Times are UTC, seconds since the epoch. Everything here is written by `store.py`, sealed with a checksum each, and never changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec

Ranges: TypeAlias = list[tuple[int, int]]
"""Runs of sequence numbers, first and last, ascending."""

Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""Of what somebody brings: a number that SQLite and all who read JSON have exactly."""
Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=253_402_300_800)]
"""Up to the year 9999, the last that can be told: milliseconds taken for seconds are beyond it."""

TRIES_KEPT = 30
"""Of an event's history, the first and the latest; the longest preset has 14."""


class OpenChunk(msgspec.Struct, frozen=True, array_like=True):
    """A chunk that was taken for delivery, some of whose events are settled."""

    first: int
    count: int
    bits: bytes
    """Bit i, counted from the lowest of the first byte on, is set if event `first + i` is settled."""

    @property
    def flags(self) -> bytearray:
        """A byte per event, 1 for settled."""
        bits = int.from_bytes(self.bits, "little")
        return bytearray(f"{bits:0{self.count}b}"[::-1].encode().translate(_TO_FLAGS))

    @property
    def unsettled(self) -> int:
        """How many are not."""
        return self.count - int.from_bytes(self.bits, "little").bit_count()


def open_chunk(first: int, flags: bytearray) -> OpenChunk:
    """From a byte per event."""
    bits = int(flags.translate(_TO_DIGITS)[::-1], 2)
    return OpenChunk(first, len(flags), bits.to_bytes((len(flags) + 7) // 8, "little"))


_TO_DIGITS = bytes([48, 49, *range(2, 256)])
_TO_FLAGS = bytes([*range(48), 0, 1, *range(50, 256)])


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A destination's cursor: chunks before `scan` are settled but for those in `open`."""

    scan: int
    """The first number of the next chunk to take."""
    open: tuple[OpenChunk, ...] = ()

    @property
    def watermark(self) -> int:
        """Every event with a lower number is settled."""
        for chunk in self.open:
            unsettled = chunk.flags.find(0)
            if unsettled >= 0:
                return chunk.first + unsettled
        return self.scan

    def unsettled(self, end: int) -> int:
        """How many of the events before `end` are not settled."""
        return end - self.scan + sum(chunk.unsettled for chunk in self.open)

    def is_settled(self, number: int) -> bool:
        """Whether event `number` is done with here."""
        if number >= self.scan:
            return False
        return all(chunk.flags[number - chunk.first] for chunk in self.open if 0 <= number - chunk.first < chunk.count)


class Try(msgspec.Struct, frozen=True, array_like=True):
    """One attempt in the history of one event."""

    at: Moment
    reason: str
    status: Natural | None = None


class ParkedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that left its chunk and waits for a try of its own. It is settled in the cursor: this row is its only place."""

    number: int
    line: bytes
    source: str
    received: float
    due: float
    waited_s: float = 0.0
    """How long it had waited when this was written, the time not counted that the destination was down."""
    attempts: int = 0
    """Tries that counted against it."""
    tries: list[Try] = []
    replay: int | None = None
    """The replay that it is sent for; None for an event on its first way."""
    actions: list[str] = []
    """Those that it has still to go through; empty: all that want it when it is sent."""
    origin: str = ""
    """Of one that another journal numbered: `DeadLetter.origin`."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up, with all that is needed to understand it and to send it again."""

    id: int = 0
    """Given by the store."""
    destination: str
    number: Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)]
    """Below 0: it came from another journal, where its number was what `origin` says."""
    message_id: str | None
    type: str | None
    event: str | None
    """The name of a track event."""
    line: bytes
    source: str
    received: Moment
    reason: str
    status: Natural | None
    excerpt: str
    """What the receiver or the error said, shortened, personal data masked."""
    tries: list[Try]
    version: str
    """Of the settings (and, with actions, of the mapping) that the last attempt was made under."""
    action: str | None = None
    """The one that failed; None at a destination that has none."""
    mapping: str = ""
    """The version of its mapping."""
    first_at: Moment
    """Of the first failure."""
    last_at: Moment
    origin: str = ""
    """The id of the journal that accepted the event, and its number there."""


Result: TypeAlias = Literal["delivered", "filtered", "retry", "rejected", "failed", "parked", "dead", "split"]


class Attempt(msgspec.Struct, array_like=True):
    """What became of some events of one destination in one attempt; successes of one commit that are equal are joined."""

    at: float
    took_ms: int
    """The longest of those joined."""
    result: Result
    reason: str
    status: int | None
    tries: int
    """The number of the attempt, from 1, as far as this process knows."""
    ranges: Ranges
    action: str = ""
    mapping: str = ""
    """The version of the action's mapping."""


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Events that a destination will not get: expired, or damaged on the disk. Kept for explain."""

    first: int
    last: int
    reason: Literal["expired", "damaged"]
    at: float = 0.0

    @property
    def count(self) -> int:
        """How many."""
        return self.last - self.first + 1


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """Parked events, in short: enough to tell that some are missing, and which, if it is one."""

    count: int
    total: int
    """The sum of their numbers."""

    def missing(self, found: Sequence[int]) -> tuple[int, int | None]:
        """How many of them are not among `found`, and the number of the one, if it is one. Others may have come."""
        count = self.count - len(found)
        return max(0, count), self.total - sum(found) if count == 1 else None


DEATHS = 3
"""So often must the process die of what is sent at one watermark before events go one by one."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a destination across restarts, beside its cursor."""

    paused: bool = False
    died_at: int | None = None
    """The watermark at which the process died last: while it stays there, what is sent first is written down first."""
    trying: int | None = None
    """The first event of the attempt that was written down, and is not known to have been outlived."""
    died_of: int | None = None
    """The first event of the attempt in which the process died last."""
    deaths: int = 0
    """How often in a row it died in the same attempt, at the same watermark."""
    culprit: int | None = None
    """The event that was being tried, alone, when the process died, twice."""
    waiting: Waiting | None = None
    """What was parked when this was written: so that a row that vanishes is missed."""

    @property
    def is_careful(self) -> bool:
        """Whether events are to go one by one."""
        return self.deaths >= DEATHS

    def after_death(self, watermark: int) -> Standing:
        """What is to be thought of it when the process has died, for whatever reason."""
        deaths, culprit = 0, self.culprit
        if self.trying is not None:
            is_again = (self.died_at, self.died_of) == (watermark, self.trying)
            deaths = self.deaths + 1 if is_again or self.is_careful else 1
            culprit = self.trying if is_again and self.is_careful else culprit
        return Standing(paused=self.paused, died_at=watermark, died_of=self.trying, deaths=deaths, culprit=culprit)


class Changes(msgspec.Struct, kw_only=True):
    """What is to be written of one destination, in one transaction."""

    name: str
    position: Position
    standing: Standing
    parked: dict[int, ParkedEvent | None]
    """None: it is parked no more."""
    dead: list[DeadLetter]
    attempts: list[Attempt]
    gaps: list[Gap]
    version: str = ""
    """The plan in use, if that is news ..."""
    plan: bytes = b""
    """... what it says: a `PlanRecord` as JSON ..."""
    used_from: int = 0
    """... and the number of the first event that was chosen by it."""


def ranges_of(numbers: Sequence[int]) -> Ranges:
    """Ascending numbers as runs."""
    if not numbers:
        return []
    if numbers[-1] - numbers[0] + 1 == len(numbers):
        return [(numbers[0], numbers[-1])]
    ranges: Ranges = []
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            ranges.append((first, last))
            first = number
        last = number
    return [*ranges, (first, last)]


def joined(tries: list[Try], one: Try) -> list[Try]:
    """The history with one more; too long, it loses the ones after the first."""
    return [*tries, one] if len(tries) < TRIES_KEPT else [tries[0], *tries[2:], one]
