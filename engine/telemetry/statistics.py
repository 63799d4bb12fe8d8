"""The numbers everybody reads: frozen, and the same in `Engine.statistics()`, the summary, the commands and the tests."""

from __future__ import annotations

from typing import Any

import msgspec

_IN_SUMMARY = (
    "offered",
    "pending_before",
    "replayed",
    "delivered",
    "filtered",
    "dead_lettered",
    "parked",
    "pending",
    "dropped",
    "expired",
    "attempts",
    "retried",
)


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from accepted to outcome; None before the first."""

    p50: float | None = None
    p99: float | None = None


class DestinationStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. `pending_before + offered + replayed` is the sum of the counts from `delivered` to `expired`."""

    state: str
    """One word: `closed`, `open`, `half_open` (its breaker), `held`, `crashed`."""
    offered: int
    pending_before: int = 0
    replayed: int = 0
    delivered: int
    filtered: dict[str, int]
    dead_lettered: int
    parked: int
    pending: int
    dropped: int
    expired: int = 0
    attempts: int
    """Requests sent, or writes of a sink."""
    retried: int
    """Those of them that repeated an earlier one."""
    latency_ms: Latency
    dead_reasons: dict[str, int] = {}
    failed: dict[str, int] = {}
    """Failed attempts by reason."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The whole engine. `received = accepted + rejected + duplicates`."""

    received: int
    accepted: int
    duplicates: int
    rejected: dict[str, int]
    duration_s: float
    destinations: dict[str, DestinationStatistics]

    def summary(self) -> dict[str, Any]:
        """What `--summary json` prints."""
        numbers: dict[str, Any] = msgspec.to_builtins(self)
        for name, destination in numbers["destinations"].items():
            latency = destination["latency_ms"]
            numbers["destinations"][name] = {key: destination[key] for key in _IN_SUMMARY} | {"latency_ms": latency}
        return numbers
