"""Which deliveries were repeats, and which kill is to blame for each. Pure.

A second delivery is laid to the first kill after the one before it: had that been settled on disk in time, it would not have been
repeated. So however often the engine is killed before it comes to the repeat, the right kill is charged. What was handed over twice is
in the journal twice: one kill may repeat both copies, and in one life of the engine as many may arrive as there are copies.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

SECOND_NS = 10**9
ACKS_NS = SECOND_NS // 10
"""What the last so many nanoseconds before a kill settled may be forgotten."""

Request = tuple[int, Sequence[int]]
"""When it came (monotonic nanoseconds), the ids in it."""


class Kill(NamedTuple):
    """When the engine was killed, and when it was started anew: what was in its sockets still arrives in between."""

    killed_ns: int
    started_ns: int


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Events delivered again."""

    excused: int = 0
    """The producer had handed them over again."""
    provoked: int = 0
    """A kill lies between."""
    unprovoked: int = 0
    """No kill does."""
    worst: int = 0
    """The most of a single kill."""
    over_bound: int = 0
    """Kills with more repeats than they may have."""


def repeats(
    requests: Sequence[Request], times_sent: Callable[[int], int], kills: Sequence[Kill], in_flight: int
) -> Repeats:
    """All repeats at one destination; `times_sent` says how often an id may arrive anyway."""
    charged: Counter[int] = Counter()
    excused = unprovoked = 0
    for i, times in _arrived_again(requests).items():
        copies = max(1, times_sent(i))
        excess = max(0, len(times) - copies)
        excused += len(times) - 1 - excess
        within_a_life = Counter(bisect_right(kills, at_ns, key=_started) for at_ns in times)
        by_itself = min(excess, sum(max(0, count - copies) for count in within_a_life.values()))
        unprovoked += by_itself
        if wanted := excess - by_itself:
            provoked = [kill for pair in pairwise(times) if (kill := _between(kills, *pair)) is not None]
            provoked += provoked[-1:] * max(0, wanted - len(provoked))  # one kill repeats every copy there is
            charged.update(provoked[-wanted:])
    bounds = _bounds(requests, [kills[k] for k in charged], in_flight)
    return Repeats(
        excused=excused,
        provoked=charged.total(),
        unprovoked=unprovoked,
        worst=max(charged.values(), default=0),
        over_bound=sum(count > bound for count, bound in zip(charged.values(), bounds, strict=True)),
    )


def _started(kill: Kill) -> int:
    return kill.started_ns


def _arrived_again(requests: Sequence[Request]) -> dict[int, list[int]]:
    """The arrival times of each id that came more than once."""
    seen = bytearray(1 + max((max(ids) for _, ids in requests if ids), default=0))
    again: set[int] = set()
    for _, ids in requests:
        for i in ids:
            if seen[i]:
                again.add(i)
            seen[i] = 1
    times: defaultdict[int, list[int]] = defaultdict(list)
    for at_ns, ids in requests:
        if not again.isdisjoint(ids):
            for i in ids:
                if i in again:
                    times[i].append(at_ns)
    return times


def _between(kills: Sequence[Kill], earlier_ns: int, later_ns: int) -> int | None:
    """The first kill after `earlier_ns`, if `later_ns` is after it. Arrivals out of a dead engine's sockets count as before it."""
    k = bisect_left(kills, earlier_ns, key=lambda kill: kill.started_ns)
    return k if k < len(kills) and kills[k].killed_ns <= later_ns else None


def _bounds(requests: Sequence[Request], kills: Sequence[Kill], in_flight: int) -> list[int]:
    """How many repeats each of these kills may have."""
    times = [at_ns for at_ns, _ in requests]
    bounds = []
    for kill in kills:
        lately = slice(bisect_left(times, kill.killed_ns - ACKS_NS), bisect_left(times, kill.started_ns))
        bounds.append(in_flight + sum(len(ids) for _, ids in requests[lately]))
    return bounds
