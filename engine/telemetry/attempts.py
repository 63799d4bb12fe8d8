"""What is looked at once an attempt: sizes, latencies, rates, and an entry in the delivery log. 0.02 us for each event of a batch of 500.

    sender -> sent -> (in hand) -> settling -> ended -> histograms, recent counts, Deliveries

The times of events are looked at for one of a batch only: the others are of the same moment, more or less. Where a request takes one
event, all this is a twentieth of it: nothing is made here that is of use only to somebody who looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import inf

import msgspec

from ..errors import Fault
from ..model.batch import Batch
from ..model.exchange import Request
from ..model.outcome import Delivered, Failure, Outcome, Rejected, Reported, Retry
from ..policy.recent import RecentCount
from .counters import ACTIONS, OTHER
from .deliveries import Deliveries, Entry, Exchange, Result
from .histogram import Distribution, Histogram
from .masking import Mask

LATENCY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Those of Prometheus clients, and on to an hour: what waited for an outage to end."""
BATCH_BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
RATE_OVER_S = 10.0
SUCCESS_OVER_S = 60.0
SAMPLE_EVERY_S = 0.02
"""How often, at most, an event's own time is read; the latest one's also when somebody asks."""


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts of one action were like, or those of all."""

    resent: int = 0
    """Events in attempts that repeated an earlier one: so many may have arrived twice, at most."""
    sent: int = 0
    """What was in requests whose answer says how much of it was taken, in the receiver's own unit ..."""
    taken: int = 0
    """... and how much that was."""
    batch_events: Distribution = Distribution()
    queue_s: Distribution = Distribution()
    """From accepted to the beginning of the attempt."""
    attempt_s: Distribution = Distribution()
    """How long the receiver took."""


class AttemptStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen copy of what was looked at."""

    per_second: float = 0.0
    """Events delivered a second, over the last ten."""
    lately_good: int = 0
    """Events delivered in the last minute ..."""
    lately_bad: int = 0
    """... events that an attempt failed for, each time, through the destination's fault, or were given up ..."""
    lately_attempts: int = 0
    """... and in how many attempts."""
    measures: Measures = Measures()
    """Of all attempts ..."""
    actions: Mapping[str, Measures] = {}
    """... and by action, "" at a destination that has none."""
    to_received_s: Distribution = Distribution()
    """From the event's own time to when it was received here: of a sample of events."""
    to_delivered_s: Distribution = Distribution()
    """From the event's own time to its delivery: of the same sample."""
    newest_at: float | None = None
    """The own time of the newest event known to be delivered: how fresh the receiver's data are. UTC."""

    @property
    def success(self) -> float | None:
        """The share of `lately_good`; None for nothing tried."""
        tried = self.lately_good + self.lately_bad
        return self.lately_good / tried if tried else None


class _Measured:
    """Of one action."""

    __slots__ = ("attempt_s", "batch_events", "queue_s", "resent", "sent", "taken")

    def __init__(self) -> None:
        self.resent = self.sent = self.taken = 0
        self.batch_events, self.queue_s, self.attempt_s = Histogram(), Histogram(), Histogram()

    @classmethod
    def of_all(cls, several: Iterable[_Measured]) -> _Measured:
        """What they come to together."""
        total = cls()
        for one in several:
            total.resent += one.resent
            total.sent += one.sent
            total.taken += one.taken
            total.batch_events.add(one.batch_events)
            total.queue_s.add(one.queue_s)
            total.attempt_s.add(one.attempt_s)
        return total

    def measures(self) -> Measures:
        """A frozen copy."""
        return Measures(
            resent=self.resent,
            sent=self.sent,
            taken=self.taken,
            batch_events=self.batch_events.distribution(BATCH_BOUNDS),
            queue_s=self.queue_s.distribution(LATENCY_BOUNDS_S),
            attempt_s=self.attempt_s.distribution(LATENCY_BOUNDS_S),
        )


class Attempts:
    """Of one destination."""

    def __init__(self, name: str, deliveries: Deliveries) -> None:
        self._name = name
        self._deliveries = deliveries
        self.mask = Mask()
        self._under_way: dict[int, Exchange] = {}
        self._good = RecentCount(SUCCESS_OVER_S, 60)
        self._bad = RecentCount(SUCCESS_OVER_S, 12)
        self._ended = RecentCount(SUCCESS_OVER_S, 12)
        self._measured: dict[str, _Measured] = {}
        """By action."""
        self._to_received_s, self._to_delivered_s = Histogram(), Histogram()
        self._newest_at: float | None = None
        self._latest: tuple[str | None, float, float] | None = None
        """Of an event that is not in the sample yet: its own time, received when, delivered when (UTC). Not the event, which would hold
        its whole chunk."""
        self._sample_at = -inf

    # The sender's side -------------------------------------------------------------------------------------------

    def sent(self, batch: Batch, request: Request) -> Exchange:
        """`request` goes out for `batch`: what comes back is told to what this returns."""
        self._under_way[batch.first] = exchange = Exchange(request)
        return exchange

    def reported(self, batch: Batch, report: Reported) -> None:
        """How much the receiver says it took."""
        measured = self._of(batch.action)
        measured.sent += report.sent
        measured.taken += report.taken

    # Settling's side ---------------------------------------------------------------------------------------------

    def ended(
        self,
        batch: Batch,
        verdict: Delivered | Failure | Sequence[Outcome],
        *,
        began: float,
        now: float,
        utc: float,
        tries: int,
        again: bool = False,
    ) -> int | None:
        """The attempt at `batch` that began at `began` (monotonic, as `now`) came to this. `again`: it repeated an earlier one.

        Returns the status that the receiver answered with last.
        """
        exchange = self._exchange_of(batch)
        result, reason, status, delivered, bad = _read(batch, verdict)
        entry = Entry(
            self._deliveries.next_id(),
            self._name,
            batch.action,
            utc - (now - began),
            now - began,
            batch.first,
            batch.envelopes[0].event.messageId,
            len(batch),
            delivered,
            tries,
            result,
            reason,
            status,
            exchange,
            self.mask,
        )
        self._deliveries.add(entry)
        if not isinstance(verdict, Failure) or verdict.sent:
            self._measure(batch, began, now, again)
        self._ended.add(1, now)
        if bad:
            self._bad.add(bad, now)
        if delivered:
            self._good.add(delivered, now)
            last = batch.envelopes[-1]
            self._latest = getattr(last.event, "timestamp", None), last.receipt.received, utc
            if now >= self._sample_at:
                self._sample(now)
        return exchange.response.status if exchange and exchange.response else status

    def lost(self, batch: Batch) -> None:
        """It was no attempt, or was cut short, or the actor died of it."""
        self._exchange_of(batch)

    def _exchange_of(self, batch: Batch) -> Exchange | None:
        """Known by the first event that was sent; before it, others may have come to their end without a request."""
        exchange = self._under_way.pop(batch.first, None)
        if exchange is not None or not self._under_way:
            return exchange
        numbers = {envelope.number for envelope in batch.envelopes}
        found = next((number for number in self._under_way if number in numbers), None)
        return None if found is None else self._under_way.pop(found)

    def _measure(self, batch: Batch, began: float, now: float, again: bool) -> None:
        events = len(batch)
        measured = self._measured.get(batch.action) or self._of(batch.action)
        measured.batch_events.record(events)
        measured.queue_s.record(began - batch.envelopes[0].receipt.accepted, events)
        measured.attempt_s.record(now - began)
        if again:
            measured.resent += events

    def _of(self, action: str) -> _Measured:
        name = action if action in self._measured or len(self._measured) < ACTIONS else OTHER
        return self._measured.setdefault(name, _Measured())

    def _sample(self, now: float) -> None:
        if self._latest is None:
            return
        (text, received, utc), self._latest = self._latest, None
        self._sample_at = now + SAMPLE_EVERY_S
        at = event_time(text)
        if at is None:
            return
        self._to_received_s.record(max(0.0, received - at))
        self._to_delivered_s.record(max(0.0, utc - at))
        newest = min(at, utc)  # a clock that is ahead makes nothing fresher than now
        self._newest_at = newest if self._newest_at is None else max(self._newest_at, newest)

    # Reading -----------------------------------------------------------------------------------------------------

    def statistics(self, now: float) -> AttemptStatistics:
        """A frozen copy."""
        self._sample(now)
        return AttemptStatistics(
            per_second=round(self._good.total(now, RATE_OVER_S) / RATE_OVER_S, 1),
            lately_good=self._good.total(now),
            lately_bad=self._bad.total(now),
            lately_attempts=self._ended.total(now),
            measures=_Measured.of_all(self._measured.values()).measures(),
            actions={name: one.measures() for name, one in self._measured.items()},
            to_received_s=self._to_received_s.distribution(LATENCY_BOUNDS_S),
            to_delivered_s=self._to_delivered_s.distribution(LATENCY_BOUNDS_S),
            newest_at=self._newest_at,
        )

    def __repr__(self) -> str:
        ended = sum(one.attempt_s.count for one in self._measured.values())
        return f"<Attempts of {self._name}: {ended} ended, {len(self._under_way)} under way>"


def event_time(text: str | None) -> float | None:
    """An event's own time, UTC; None if it says none that can be read."""
    try:
        at = datetime.fromisoformat(text) if text else None
        return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _read(batch: Batch, verdict: Delivered | Failure | Sequence[Outcome]) -> tuple[Result, str, int | None, int, int]:
    """Result, reason, status, and for how many events it was good and bad."""
    if isinstance(verdict, Delivered):
        return "delivered", "", None, len(batch), 0
    if isinstance(verdict, Failure):
        # What is refused for its content is halved until the culprits are alone: only these are bad.
        is_bad = verdict.fault is not Fault.EVENT or len(batch) == 1
        return "failed", verdict.reason, verdict.status, 0, len(batch) if is_bad else 0
    bad = [outcome.reason for outcome in verdict if isinstance(outcome, Rejected | Retry)]
    delivered = sum(isinstance(outcome, Delivered) for outcome in verdict)
    return "partial" if bad else "delivered", bad[0] if bad else "", None, delivered, len(bad)
