"""The last minutes of each destination, as the lines that the console draws: what was delivered, what failed, how long it took.

Totals, every few seconds -> what they grew by -> a ring of points -> Trend
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import msgspec

EVERY_S = 5.0
POINTS = 120
"""Ten minutes. With 200 destinations that is 2 MiB."""


class Totals(msgspec.Struct, frozen=True):
    """What was counted so far. None of it goes down."""

    delivered: int = 0
    attempts: int = 0
    failed: int = 0
    """Attempts."""
    latencies: int = 0
    latency_s: float = 0.0
    """The sum of those, from accepted to outcome."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A value for each span of `every_s` seconds, the oldest first; the last one ended at `until` (UTC)."""

    every_s: float = EVERY_S
    until: float = 0.0
    delivered: list[int] = []
    """Events."""
    attempts: list[int] = []
    failed: list[int] = []
    """Attempts that failed as a whole."""
    latency_ms: list[float | None] = []
    """From accepted to outcome, the mean; None where nothing had one."""


class History:
    """Of one engine."""

    def __init__(self) -> None:
        self._before: dict[str, Totals] = {}
        self._points: dict[str, deque[Totals]] = {}
        self._until = 0.0

    def look(self, totals: Mapping[str, Totals], at: float) -> None:
        """`EVERY_S` have passed, and so much is counted now. Who is not among `totals` is forgotten."""
        self._until = at
        self._points = {name: self._points.get(name, deque(maxlen=POINTS)) for name in totals}
        for name, now in totals.items():
            self._points[name].append(_grown(self._before.get(name, Totals()), now))
        self._before = dict(totals)

    def trend(self, name: str) -> Trend:
        """Empty for one that is not known."""
        points = self._points.get(name, ())
        return Trend(
            until=self._until,
            delivered=[point.delivered for point in points],
            attempts=[point.attempts for point in points],
            failed=[point.failed for point in points],
            latency_ms=[
                round(point.latency_s / point.latencies * 1000, 1) if point.latencies else None for point in points
            ],
        )

    def __repr__(self) -> str:
        return f"<History of {len(self._points)} destinations>"


def _grown(before: Totals, now: Totals) -> Totals:
    if now.attempts < before.attempts or now.delivered < before.delivered:
        return now  # it was removed, and has come back
    return Totals(
        now.delivered - before.delivered,
        now.attempts - before.attempts,
        now.failed - before.failed,
        now.latencies - before.latencies,
        now.latency_s - before.latency_s,
    )
