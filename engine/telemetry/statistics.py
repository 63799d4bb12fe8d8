"""The numbers everybody reads: frozen, and the same in `Engine.statistics()`, the summary, the commands and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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


_SUMMED = tuple(name for name in _IN_SUMMARY if name != "filtered")
_BY_REASON = ("filtered", "dead_reasons", "failed")


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
    filtered: Mapping[str, int]
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
    dead_reasons: Mapping[str, int] = {}
    failed: Mapping[str, int] = {}
    """Failed attempts by reason."""

    def plus(self, earlier: DestinationStatistics) -> DestinationStatistics:
        """These numbers and those of an earlier destination of the same name, which was removed and has come back."""
        sums = {name: getattr(self, name) + getattr(earlier, name) for name in _SUMMED}
        sums |= {name: _plus(getattr(self, name), getattr(earlier, name)) for name in _BY_REASON}
        return msgspec.structs.replace(self, **sums)

    def summary(self) -> dict[str, Any]:
        """Its part of the summary."""
        numbers = {name: getattr(self, name) for name in _IN_SUMMARY}
        return numbers | {"filtered": dict(self.filtered), "latency_ms": msgspec.to_builtins(self.latency_ms)}


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The whole engine. `received = accepted + rejected + duplicates`."""

    received: int
    accepted: int
    duplicates: int
    rejected: Mapping[str, int]
    duration_s: float
    destinations: Mapping[str, DestinationStatistics]

    def summary(self) -> dict[str, Any]:
        """What `--summary json` prints."""
        return {
            "received": self.received,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": dict(self.rejected),
            "duration_s": self.duration_s,
            "destinations": {name: destination.summary() for name, destination in self.destinations.items()},
        }


def _plus(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({key: one.get(key, 0) + other.get(key, 0) for key in [*one, *other]})
