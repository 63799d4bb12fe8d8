"""How the engine stands, whole: what `status`, `/metrics` and the console show. One moment, one set of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .attempts import Measures
from .histogram import Distribution
from .observation import ActionObservation, Observation
from .process import ProcessStatistics
from .statistics import Statistics


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the disk."""

    used_bytes: int
    max_bytes: int
    waiting_bytes: int
    """Of events taken and not durable yet, with overhead."""
    commits: int
    is_full: bool
    """Whether nothing is accepted for want of room."""
    oldest: int
    """The first number that is still held ..."""
    end: int
    """... and one past the last."""
    kept_since: float | None
    """When the oldest was received (UTC): how far back a replay can go, really."""
    retention_s: float
    """How far it was wished to go."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The engine, now."""

    statistics: Statistics
    destinations: Mapping[str, Observation]
    process: ProcessStatistics
    journal: JournalState | None = None

    def as_json(self) -> dict[str, Any]:
        """The summary, and more beside each of its parts."""
        summary = self.statistics.summary()
        return {
            **summary,
            "destinations": {
                name: destination_as_json(one, summary["destinations"].get(name))
                for name, one in self.destinations.items()
            },
            "process": msgspec.to_builtins(self.process),
            "journal": msgspec.to_builtins(self.journal),
        }


def destination_as_json(one: Observation, summary: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Its part of the summary, and more."""
    attempts = one.attempts
    return {
        **(summary or one.statistics.summary()),
        "type": one.type,
        "owner": one.owner,
        "state": one.statistics.state,
        "reason": one.reason,
        "per_second": attempts.per_second,
        "success": attempts.success,
        "lag": {"events": one.lag.events, "seconds": round(one.lag.seconds, 3)},
        "dead_by_class": {fault: dict(reasons) for fault, reasons in one.statistics.dead_classes.items()},
        "failed": dict(one.statistics.failed),
        "resent": attempts.measures.resent,
        "reported": _reported(attempts.measures),
        "newest_event_at": attempts.newest_at,
        "queue_ms": _milliseconds(attempts.measures.queue_s),
        "attempt_ms": _milliseconds(attempts.measures.attempt_s),
        "event_to_received_ms": _milliseconds(attempts.to_received_s),
        "event_to_delivered_ms": _milliseconds(attempts.to_delivered_s),
        "batch_events": _mean(attempts.measures.batch_events),
        "breaker": msgspec.to_builtins(one.breaker),
        "limiter": msgspec.to_builtins(one.limiter),
        "crashes": one.crashes,
        "actions": _actions_as_json(one),
    }


def _actions_as_json(one: Observation) -> dict[str, Any]:
    """What each action did; {} where there are none. What no action decided is under ""."""
    if not any(one.actions):
        return {}
    return {name: _action_as_json(action) for name, action in one.actions.items()}


def _action_as_json(one: ActionObservation) -> dict[str, Any]:
    numbers = one.statistics
    return {
        "delivered": numbers.delivered,
        "filtered": dict(numbers.filtered),
        "dead_by_class": {fault: dict(reasons) for fault, reasons in numbers.dead.items()},
        "parked": numbers.parked,
        "attempts": numbers.attempts,
        "retried": numbers.retried,
        "failed": dict(numbers.failed),
        "done": dict(numbers.done),
        "resent": one.measures.resent,
        "reported": _reported(one.measures),
        "batch_events": _mean(one.measures.batch_events),
        "queue_ms": _milliseconds(one.measures.queue_s),
        "attempt_ms": _milliseconds(one.measures.attempt_s),
    }


def _reported(measures: Measures) -> dict[str, int] | None:
    """What receivers count themselves; None where they say nothing."""
    return {"sent": measures.sent, "taken": measures.taken} if measures.sent else None


def _milliseconds(seconds: Distribution) -> dict[str, float | None]:
    return {
        "p50": None if seconds.p50 is None else round(seconds.p50 * 1000, 2),
        "p99": None if seconds.p99 is None else round(seconds.p99 * 1000, 2),
    }


def _mean(values: Distribution) -> float | None:
    return round(values.sum / values.count, 1) if values.count else None
