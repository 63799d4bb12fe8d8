"""A batch on its way through attempts, and the shelf where batches wait for another one."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from math import inf

import msgspec

from ..journal.records import Try
from ..model.batch import Batch
from ..policy.due import seconds_left
from .parked import Parked

PATIENCE = 3
"""A batch keeps its slot for so many tries; then others may go, and what becomes of them tells whose fault it was."""


class Work(msgspec.Struct, eq=False):
    """A batch with its history. Two parts of a split batch are two works."""

    batch: Batch
    version: str
    """Of the plan that made it: under another one it is dissolved and batched anew."""
    rows: dict[int, Parked] = {}
    """The schedules of events that were parked and are due, by number: all of the batch, or none."""
    history: list[Try] = []
    """Its failed attempts."""
    began: float = 0.0
    """When the attempt under way, or the last one, began."""
    tries: int = 0
    """Failed attempts of this batch, whoever's fault they were."""
    counted: int = 0
    """Those of them that count against its events."""
    mark: int | None = None
    """Of `Blame`, when its tries began: a failure counts against the events if another request got through since."""
    attempted: bool = False
    """Whether a request with these events was sent before: the next one is a retry."""
    attempt: int = 0
    """Number of the attempt under way, or of the last one (`Blame.begin`)."""
    failing_since: float = inf
    """When the first attempt failed ..."""
    failed_at: float = 0.0
    """... and when the last one did."""
    answered: bool = True
    """Whether the receiver answered the last one, if only with an error."""
    passed: int = 0
    """How many tries it had when another batch last went before it, to see whose fault it is."""
    crashes: int = 0
    probes: int = 0
    due: float = 0.0
    known_as: int = 0
    """The `identity` that it keeps, if it is what was left of another batch, or its first half."""

    @classmethod
    def of(cls, batch: Batch, version: str, rows: Sequence[Parked] = ()) -> Work:
        """`batch`; `rows` are the schedules of its events, if they were parked."""
        if not rows:
            return cls(batch, version)
        return cls(
            batch,
            version,
            rows={parked.envelope.number: parked for parked in rows},
            mark=rows[0].mark if len(rows) == 1 else None,
            attempted=any(parked.attempts for parked in rows),
        )

    @property
    def identity(self) -> int:
        """Another one for every other batch of this destination. Of a split batch the first half goes on under that of the whole, so
        that one event refused in it does not look like two batches refused."""
        return self.known_as or self.batch.first << 32 | len(self.batch)

    @property
    def first(self) -> int:
        """The lowest number in it."""
        return self.batch.first

    def failed(self, now: float) -> None:
        """An attempt did."""
        self.failing_since = min(self.failing_since, now)
        self.failed_at = now
        self.tries += 1

    def rows_of(self, batch: Batch) -> list[Parked]:
        """Those of a part of it."""
        return [self.rows[envelope.number] for envelope in batch.envelopes] if self.rows else []

    def shrink(self, positions: Sequence[int]) -> None:
        """It goes on with the events at `positions` only: something became of the others."""
        self.known_as = self.identity
        self.batch = self.batch.take(positions)
        if self.rows:
            self.rows = {parked.envelope.number: parked for parked in self.rows_of(self.batch)}

    def parts(self) -> list[Work]:
        """Two works of half the batch each. They inherit what is known against the whole."""
        halves = [Work.of(half, self.version, self.rows_of(half)) for half in self.batch.split()]
        for half in halves:
            half.counted, half.mark, half.attempted = self.counted, self.mark, self.attempted
            half.history, half.failing_since = list(self.history), self.failing_since
        halves[0].known_as = self.identity
        return halves

    def __repr__(self) -> str:
        return f"<Work {self.first} +{len(self.batch)}, {self.tries} tries, {self.counted} counted>"


class Shelf:
    """Works that wait for another attempt, by number. Short: a slot's worth each, and the halves of what is being bisected."""

    def __init__(self) -> None:
        self._works: list[Work] = []

    def __len__(self) -> int:
        return len(self._works)

    def __iter__(self) -> Iterator[Work]:
        return iter(self._works)

    def put(self, work: Work, due: float) -> None:
        """Keeps `work` until `due`."""
        work.due = due
        insort(self._works, work, key=_first)

    @property
    def oldest(self) -> Work:
        """The one with the lowest number. There must be one."""
        return self._works[0]

    def take_due(self, now: float, *, in_order: bool) -> Work | None:
        """The due one with the lowest number; `in_order`, the oldest or none."""
        candidates = self._works[:1] if in_order else self._works
        return next((self._take(work) for work in candidates if not seconds_left(work.due, now)), None)

    def take_untried(self) -> Work | None:
        """The oldest of those that were never tried as they are, due or not."""
        return next((self._take(work) for work in self._works if not work.tries), None)

    def take_unprobed(self) -> Work | None:
        """The oldest of those that were never a probe, due or not."""
        return next((self._take(work) for work in self._works if not work.probes), None)

    def take_least_probed(self) -> Work | None:
        """The oldest of those probed least, due or not."""
        return self._take(min(self._works, key=lambda work: (work.probes, work.first))) if self._works else None

    def take_oldest(self) -> Work:
        """The one with the lowest number, due or not."""
        return self._works.pop(0)

    def kept(self, patience: int) -> int:
        """How many occupy a slot: those not yet tried `patience` times."""
        return sum(work.tries < patience for work in self._works)

    def next_due(self, *, in_order: bool) -> float | None:
        """When `take_due` has one; None if the shelf is empty."""
        return min((work.due for work in (self._works[:1] if in_order else self._works)), default=None)

    def take_all(self) -> list[Work]:
        """Empties it, in order of numbers."""
        works, self._works = self._works, []
        return works

    def proven(self) -> None:
        """The destination works again: everyone's turn as a probe starts anew."""
        for work in self._works:
            work.probes = 0

    def _take(self, work: Work) -> Work:
        self._works.remove(work)
        return work


def _first(work: Work) -> int:
    return work.first
