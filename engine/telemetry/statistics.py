"""The numbers everybody reads: frozen, and the same in `Engine.statistics()`, the summary, the commands and the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


class ActionStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What one action of a destination did. An event counts once at a destination, under the action that decided what became of it:
    the first one of the gravest end, a dead letter being graver than a delivery, and that than being filtered. In `done` it counts
    under each of its actions."""

    delivered: int = 0
    filtered: Mapping[str, int] = {}
    dead: Mapping[str, Mapping[str, int]] = {}
    """By whose fault it was, and reason."""
    parked: int = 0
    """Of the events that are parked, those that wait for this action."""
    attempts: int = 0
    retried: int = 0
    failed: Mapping[str, int] = {}
    done: Mapping[str, int] = {}
    """`delivered`, `filtered`, `dead`: what became of events by this action alone."""

    def plus(self, earlier: ActionStatistics) -> ActionStatistics:
        """These numbers and those of the same action earlier."""
        faults = {*self.dead, *earlier.dead}
        return ActionStatistics(
            delivered=self.delivered + earlier.delivered,
            filtered=summed((self.filtered, earlier.filtered)),
            dead={fault: summed((self.dead.get(fault, {}), earlier.dead.get(fault, {}))) for fault in sorted(faults)},
            parked=self.parked + earlier.parked,
            attempts=self.attempts + earlier.attempts,
            retried=self.retried + earlier.retried,
            failed=summed((self.failed, earlier.failed)),
            done=summed((self.done, earlier.done)),
        )


_NONE = ActionStatistics()


class DestinationStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. `pending_before + offered + replayed` is the sum of the counts from `delivered` to `expired`."""

    state: str
    """One word: `closed`, `open`, `half_open` (its breaker), `held`, `crashed`, `paused`, `removed`."""
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
    actions: Mapping[str, ActionStatistics] = {}
    """The same by action, from `delivered` to `failed`: these numbers are the sums of those. "" is what no action has decided, and all
    there is of a destination that has none."""

    @property
    def dead_classes(self) -> Mapping[str, Mapping[str, int]]:
        """Dead letters by whose fault they were, and reason."""
        faults = sorted({fault for action in self.actions.values() for fault in action.dead})
        return {fault: summed(action.dead.get(fault, {}) for action in self.actions.values()) for fault in faults}

    def plus(self, earlier: DestinationStatistics) -> DestinationStatistics:
        """These numbers and those of an earlier destination of the same name, which was removed and has come back."""
        sums = {name: getattr(self, name) + getattr(earlier, name) for name in _SUMMED}
        sums |= {name: summed((getattr(self, name), getattr(earlier, name))) for name in _BY_REASON}
        actions = {
            name: self.actions.get(name, _NONE).plus(earlier.actions.get(name, _NONE))
            for name in {**self.actions, **earlier.actions}
        }
        return msgspec.structs.replace(self, actions=MappingProxyType(actions), **sums)

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


def summed(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """One of several: what is in more than one is added up."""
    sums: dict[str, int] = {}
    for one in counts:
        for key, count in one.items():
            sums[key] = sums.get(key, 0) + count
    return MappingProxyType(sums)
