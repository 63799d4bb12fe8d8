"""The mutable side of the numbers: one object per destination, one for the intake, each with a single writer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .histogram import Histogram
from .statistics import DestinationStatistics, Latency

REASONS = 100
"""Different ones of a kind, each with a count of its own. Reasons are codes of a bounded set, but a destination's code may make up more."""
OTHER = "other"


class IntakeCounters:
    """What came in. `received = accepted + rejected + duplicates`, always."""

    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.rejected: dict[str, int] = {}

    @property
    def received(self) -> int:
        """Everything that looked like a line."""
        return self.accepted + self.duplicates + sum(self.rejected.values())


class Counters:
    """What became of a destination's events. Each event offered is in exactly one of the final counts, or pending."""

    def __init__(self) -> None:
        self.offered = 0
        self.pending_before = 0
        """Left over from earlier lives of the process."""
        self.replayed = 0
        """Sent again, because somebody said so."""
        self.settled = 0
        """Events with a final outcome. Moves exactly when there is progress."""
        self.delivered = 0
        self.filtered: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self.dead_alerts = 0
        """Those of them that were alerts: nobody is alerted of these."""
        self.dropped = 0
        self.expired = 0
        self.attempts = 0
        self.retried = 0
        self.failed: dict[str, int] = {}
        """Failed attempts by reason."""
        self.latency_s = Histogram()

    @property
    def pending(self) -> int:
        """Offered, and nothing final has become of it: parked events are among these."""
        return self.pending_before + self.offered + self.replayed - self.settled

    def count_delivered(self, count: int) -> None:
        """`count` events have arrived."""
        self.delivered += count
        self.settled += count

    def count_filtered(self, reason: str, count: int = 1) -> None:
        """`count` events are not for this destination."""
        _count(self.filtered, reason, count)
        self.settled += count

    def count_dead(self, reason: str, count: int = 1) -> None:
        """`count` events were given up."""
        _count(self.dead, reason, count)
        self.settled += count

    def dead_of(self, reason: str) -> int:
        """How many were given up for this reason, or for one that is counted with it."""
        return self.dead.get(reason) or self.dead.get(OTHER, 1)

    def classify(self, reason: str, fault: str) -> None:
        """What is given up for `reason` is the `fault` of somebody."""
        if len(self._faults) < REASONS:
            self._faults[reason] = fault

    def dead_classes(self) -> Mapping[str, Mapping[str, int]]:
        """The dead by whose fault they were, and reason."""
        classes: dict[str, dict[str, int]] = {}
        for reason, count in self.dead.items():
            classes.setdefault(self._faults.get(reason, "event"), {})[reason] = count
        return classes

    def count_dropped(self, count: int) -> None:
        """`count` events were not kept, as the user wished."""
        self.dropped += count
        self.settled += count

    def count_expired(self, count: int) -> None:
        """`count` events are not there any more: too old, or damaged."""
        self.expired += count
        self.settled += count

    def count_failed(self, reason: str) -> int:
        """One attempt failed. Returns how many of this reason there are."""
        return _count(self.failed, reason)

    def statistics(self, *, parked: int, state: str) -> DestinationStatistics:
        """A frozen copy. `parked` is how many of the pending events wait for a later try; `state` one word."""
        return DestinationStatistics(
            state=state,
            offered=self.offered,
            pending_before=self.pending_before,
            replayed=self.replayed,
            delivered=self.delivered,
            filtered=MappingProxyType(dict(self.filtered)),
            dead_lettered=sum(self.dead.values()),
            dead_reasons=MappingProxyType(dict(self.dead)),
            parked=parked,
            pending=self.pending - parked,
            dropped=self.dropped,
            expired=self.expired,
            attempts=self.attempts,
            retried=self.retried,
            failed=MappingProxyType(dict(self.failed)),
            latency_ms=Latency(*map(self._latency_ms, (0.5, 0.99))),
        )

    def _latency_ms(self, share: float) -> float | None:
        seconds = self.latency_s.quantile(share)
        return None if seconds is None else round(seconds * 1000, 2)


def _count(counts: dict[str, int], reason: str, count: int = 1) -> int:
    if reason not in counts and len(counts) >= REASONS:
        reason = OTHER
    counts[reason] = counts.get(reason, 0) + count
    return counts[reason]
