"""A closer look at one destination: what its policies think, and how far it is behind."""

from __future__ import annotations

from ..telemetry import BreakerState, Counters, Lag, LimiterState, Observation
from ..telemetry.attempts import LATENCY_BOUNDS_S
from ..telemetry.history import Totals
from .state import DestinationState


def observe(state: DestinationState, waiting_since: float | None = None) -> Observation:
    """Now. `waiting_since` (UTC) is when the oldest event was received, if nothing of what it has in memory says so."""
    now = state.clock.monotonic()
    statistics = state.statistics(now)
    blame = state.blame.statistics()
    return Observation(
        statistics=statistics,
        type=type(state.plan.destination).label,
        owner=state.plan.owner,
        reason=blame.reason,
        lag=Lag(statistics.pending, _lag_s(state, waiting_since) if statistics.pending else 0.0),
        dead_alerts=state.counters.dead_alerts,
        breaker=_breaker(state, now),
        limiter=_limiter(state, now),
        crashes=state.budget.statistics().crashes,
        attempts=state.attempts.statistics(now),
        latency_s=state.counters.latency_s.distribution(LATENCY_BOUNDS_S),
    )


def totals_of(counters: Counters) -> Totals:
    """What its history is made of."""
    latency = counters.latency_s
    return Totals(counters.delivered, counters.attempts, sum(counters.failed.values()), latency.count, latency.sum)


async def waiting_since(state: DestinationState) -> float | None:
    """When the oldest of its events was received that only the log has; None if it has others, or none."""
    if state.cursor.oldest or state.mailbox.oldest or not state.counters.pending:
        return None
    return await state.account.backlog_since()


def _lag_s(state: DestinationState, waiting_since: float | None) -> float:
    oldest = state.cursor.oldest or state.mailbox.oldest
    since = oldest.receipt.received if oldest else waiting_since
    return 0.0 if since is None else max(0.0, state.clock.utc() - since)


def _breaker(state: DestinationState, now: float) -> BreakerState:
    breaker = state.breaker.statistics()
    down_s = 0.0 if breaker.opened_at is None else now - breaker.opened_at
    return BreakerState(state=breaker.state.value, down_s=down_s, trips=breaker.trips, probes=breaker.probes)


def _limiter(state: DestinationState, now: float) -> LimiterState:
    limiter = state.limiter.statistics()
    return LimiterState(
        per_second=limiter.rate,
        effective=limiter.effective_rate,
        waits_s=max(0.0, limiter.free_at - now) if not limiter.tokens or limiter.rate is None else 0.0,
        slowdowns=limiter.slowdowns,
    )
