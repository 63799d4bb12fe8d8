"""How the engine stands, whole: what `status`, `/metrics` and the console show. One moment, one set of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .histogram import Distribution
from .observation import Observation
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
        "dead_by_class": {fault: dict(reasons) for fault, reasons in one.dead_classes.items()},
        "failed": dict(one.statistics.failed),
        "resent": attempts.resent,
        "newest_event_at": attempts.newest_at,
        "queue_ms": _milliseconds(attempts.queue_s),
        "attempt_ms": _milliseconds(attempts.attempt_s),
        "event_to_received_ms": _milliseconds(attempts.to_received_s),
        "event_to_delivered_ms": _milliseconds(attempts.to_delivered_s),
        "batch_events": _mean(attempts.batch_events),
        "breaker": msgspec.to_builtins(one.breaker),
        "limiter": msgspec.to_builtins(one.limiter),
        "crashes": one.crashes,
    }


def _milliseconds(seconds: Distribution) -> dict[str, float | None]:
    return {
        "p50": None if seconds.p50 is None else round(seconds.p50 * 1000, 2),
        "p99": None if seconds.p99 is None else round(seconds.p99 * 1000, 2),
    }


def _mean(values: Distribution) -> float | None:
    return round(values.sum / values.count, 1) if values.count else None
