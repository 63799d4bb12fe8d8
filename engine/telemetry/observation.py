"""One destination, as closely as it can be looked at: made when somebody asks, for status, metrics, the console and alerts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .attempts import AttemptStatistics, Measures
from .histogram import Distribution
from .statistics import ActionStatistics, DestinationStatistics


class Lag(msgspec.Struct, frozen=True):
    """What is to be delivered and is not, the parked events not counted: they wait on purpose."""

    events: int = 0
    seconds: float = 0.0
    """How long ago the oldest of them was received."""


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """See `policy.breaker`."""

    state: str = "closed"
    down_s: float = 0.0
    """Since when it is not closed."""
    trips: int = 0
    probes: int = 0


class LimiterState(msgspec.Struct, frozen=True, kw_only=True):
    """See `policy.limiter`."""

    per_second: float | None = None
    """As configured; None is unlimited."""
    effective: float | None = None
    """Less than that after a 429."""
    waits_s: float = 0.0
    """How long whoever comes next waits."""
    slowdowns: int = 0


class ActionObservation(msgspec.Struct, frozen=True):
    """One action of a destination, now."""

    statistics: ActionStatistics = ActionStatistics()
    measures: Measures = Measures()


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One destination, now."""

    statistics: DestinationStatistics
    """The numbers of the summary, and none beside them that could differ."""
    type: str = ""
    """The public label of its type."""
    owner: str | None = None
    reason: str | None = None
    """Why it is held; None if it is not."""
    lag: Lag = Lag()
    dead_alerts: int = 0
    """Dead letters of this run that were alerts."""
    breaker: BreakerState = BreakerState()
    limiter: LimiterState = LimiterState()
    crashes: int = 0
    """How often its actor was restarted."""
    attempts: AttemptStatistics = AttemptStatistics()
    latency_s: Distribution = Distribution()
    """From accepted to outcome: what the summary's quantiles are of."""

    @property
    def actions(self) -> Mapping[str, ActionObservation]:
        """By name; "" is what no action has decided, and all there is of a destination that has none."""
        return {
            name: ActionObservation(statistics, self.attempts.actions.get(name, Measures()))
            for name, statistics in self.statistics.actions.items()
        }
