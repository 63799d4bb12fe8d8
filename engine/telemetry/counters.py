"""The mutable side of the numbers: one object per destination, one for the intake, each with a single writer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .histogram import Histogram
from .statistics import ActionStatistics, DestinationStatistics, Latency, summed

REASONS = 100
"""Different ones of a kind, each with a count of its own. Reasons are codes of a bounded set, but a destination's code may make up more."""
ACTIONS = 100
"""Different ones, each with a tally of its own. There are as many as were ever configured since the start."""
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


class Tally:
    """What was counted of one action; of all there is, where a destination has none."""

    __slots__ = ("attempts", "dead", "delivered", "done", "failed", "filtered", "retried")

    def __init__(self) -> None:
        self.delivered = 0
        self.filtered: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self.done: dict[str, int] = {}
        """Events that the action is done with, by what it came to. An event that several actions want is in `done` of each, and in
        the counts above of one alone: the one that decided."""
        self.attempts = 0
        self.retried = 0
        self.failed: dict[str, int] = {}
        """Failed attempts by reason."""


class Counters:
    """What became of a destination's events. Each event offered is in exactly one of the final counts, or pending.

    What is counted by action is counted nowhere else: a destination's own numbers are the sums, and so never differ.
    """

    def __init__(self) -> None:
        self.offered = 0
        self.pending_before = 0
        """Left over from earlier lives of the process."""
        self.replayed = 0
        """Sent again, because somebody said so."""
        self.settled = 0
        """Events with a final outcome. Moves exactly when there is progress."""
        self._tallies: dict[str, Tally] = {"": Tally()}
        """By action; "" is what no action has decided."""
        self._reasons: dict[str, set[str]] = {"filtered": set(), "dead": set(), "failed": set()}
        self._faults: dict[str, str] = {}
        self.dead_alerts = 0
        """Dead letters that were alerts: nobody is alerted of these."""
        self.dropped = 0
        self.expired = 0
        self.latency_s = Histogram()

    @property
    def pending(self) -> int:
        """Offered, and nothing final has become of it: parked events are among these."""
        return self.pending_before + self.offered + self.replayed - self.settled

    @property
    def delivered(self) -> int:
        """Of all actions."""
        return sum(tally.delivered for tally in self._tallies.values())

    @property
    def attempts(self) -> int:
        """Of all actions."""
        return sum(tally.attempts for tally in self._tallies.values())

    @property
    def failed(self) -> Mapping[str, int]:
        """Failed attempts of all actions, by reason."""
        return summed(tally.failed for tally in self._tallies.values())

    def count_delivered(self, count: int, action: str = "") -> None:
        """`count` events have arrived."""
        (self._tallies.get(action) or self._of(action)).delivered += count
        self.settled += count

    def count_filtered(self, reason: str, count: int = 1, action: str = "") -> None:
        """`count` events are not for this destination."""
        self._count("filtered", self._of(action).filtered, reason, count)
        self.settled += count

    def count_dead(self, reason: str, count: int = 1, action: str = "") -> None:
        """`count` events were given up."""
        self._count("dead", self._of(action).dead, reason, count)
        self.settled += count

    def count_done(self, action: str, how: str, count: int) -> None:
        """An action is done with `count` events: what became of them by it alone."""
        done = self._of(action).done
        done[how] = done.get(how, 0) + count

    def count_attempt(self, action: str = "", *, again: bool = False) -> None:
        """A request went out, or a sink wrote; `again`: it repeated an earlier one."""
        tally = self._tallies.get(action) or self._of(action)
        tally.attempts += 1
        tally.retried += again

    def dead_of(self, reason: str) -> int:
        """How many were given up for this reason, or for one that is counted with it."""
        return self._sum_of("dead", reason) or 1

    def classify(self, reason: str, fault: str) -> None:
        """What is given up for `reason` is the `fault` of somebody."""
        if len(self._faults) < REASONS:
            self._faults[reason] = fault

    def count_dropped(self, count: int) -> None:
        """`count` events were not kept, as the user wished."""
        self.dropped += count
        self.settled += count

    def count_expired(self, count: int) -> None:
        """`count` events are not there any more: too old, or damaged."""
        self.expired += count
        self.settled += count

    def count_failed(self, reason: str, action: str = "") -> int:
        """One attempt failed. Returns how many of this reason there are."""
        self._count("failed", self._of(action).failed, reason)
        return self._sum_of("failed", reason)

    def statistics(self, *, state: str, parked: Mapping[str, int] = MappingProxyType({})) -> DestinationStatistics:
        """A frozen copy. `parked` is how many of the pending events wait for a later try, by action; `state` one word."""
        by_action = summed({self._name(action): count} for action, count in parked.items())
        actions = {name: self._action(name, by_action.get(name, 0)) for name in {**self._tallies, **by_action}}
        waiting = sum(parked.values())
        dead = summed(tally.dead for tally in self._tallies.values())
        return DestinationStatistics(
            state=state,
            offered=self.offered,
            pending_before=self.pending_before,
            replayed=self.replayed,
            delivered=self.delivered,
            filtered=summed(tally.filtered for tally in self._tallies.values()),
            dead_lettered=sum(dead.values()),
            dead_reasons=dead,
            parked=waiting,
            pending=self.pending - waiting,
            dropped=self.dropped,
            expired=self.expired,
            attempts=self.attempts,
            retried=sum(tally.retried for tally in self._tallies.values()),
            failed=self.failed,
            latency_ms=Latency(*map(self._latency_ms, (0.5, 0.99))),
            actions=MappingProxyType(actions),
        )

    def _action(self, name: str, parked: int) -> ActionStatistics:
        tally = self._tallies.get(name) or Tally()
        return ActionStatistics(
            delivered=tally.delivered,
            filtered=MappingProxyType(dict(tally.filtered)),
            dead=self._classes(tally.dead),
            parked=parked,
            attempts=tally.attempts,
            retried=tally.retried,
            failed=MappingProxyType(dict(tally.failed)),
            done=MappingProxyType(dict(tally.done)),
        )

    def _classes(self, dead: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        classes: dict[str, dict[str, int]] = {}
        for reason, count in dead.items():
            classes.setdefault(self._faults.get(reason, "event"), {})[reason] = count
        return MappingProxyType({fault: MappingProxyType(reasons) for fault, reasons in classes.items()})

    def _latency_ms(self, share: float) -> float | None:
        seconds = self.latency_s.quantile(share)
        return None if seconds is None else round(seconds * 1000, 2)

    def _of(self, action: str) -> Tally:
        """A new one, the first time. What is counted for each request looks for it in place, and saves a call."""
        return self._tallies.setdefault(self._name(action), Tally())

    def _name(self, action: str) -> str:
        return action if action in self._tallies or len(self._tallies) <= ACTIONS else OTHER

    def _count(self, kind: str, counts: dict[str, int], reason: str, count: int = 1) -> None:
        """Reasons are bounded for all actions together."""
        known = self._reasons[kind]
        if reason not in known:
            if len(known) < REASONS:
                known.add(reason)
            else:
                reason = OTHER
        counts[reason] = counts.get(reason, 0) + count

    def _sum_of(self, kind: str, reason: str) -> int:
        reason = reason if reason in self._reasons[kind] else OTHER
        counts: Iterable[dict[str, int]] = (getattr(tally, kind) for tally in self._tallies.values())
        return sum(one.get(reason, 0) for one in counts)
