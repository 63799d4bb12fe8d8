"""Restart intensity: how long a crashed actor stays down, and when its destination counts as *crashed*.

The idea is Erlang's restart intensity with one difference: a supervisor here never gives up for good. Above the intensity the
destination is marked (an alert; its cursor stands still) and restarted at the longest backoff for as long as it takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from .due import seconds_left

BASE_S = 0.1
CAP_S = 30.0
CALM_S = 30.0
"""Running this long without a crash forgets all earlier ones; also the span in which restarts are counted."""
MOST_RESTARTS = 5
"""More than this many within `CALM_S` marks the destination as crashed."""


class RestartStatistics(msgspec.Struct, frozen=True):
    """As of the last crash."""

    crashes: int
    """Ever."""
    in_a_row: int
    """Since it last ran calmly: what the backoff grows with."""
    crashed: bool


class RestartBudget:
    """One per actor, kept by its supervisor."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._crashes = 0
        self._in_a_row = 0
        self._recent: deque[float] = deque(maxlen=MOST_RESTARTS + 1)
        self._running_from = 0.0
        self._crashed = False

    def crashed(self, now: float) -> float:
        """The actor crashed: seconds of backoff before its restart, doubling, between half and the whole of the step."""
        if self._is_calm(now):
            self._in_a_row, self._crashed = 0, False
            self._recent.clear()
        self._crashes += 1
        self._in_a_row += 1
        self._recent.append(now)
        if len(self._recent) > MOST_RESTARTS and now - self._recent[0] <= CALM_S:
            self._crashed = True
        backoff_s = min(CAP_S, BASE_S * 2.0 ** min(self._in_a_row - 1, 30)) * (0.5 + 0.5 * self._random())
        # Calm is counted from the restart: else waiting out a 30 s backoff would itself look like 30 s without a crash.
        self._running_from = now + backoff_s
        return backoff_s

    def is_crashed(self, now: float) -> bool:
        """Whether it restarted too often, and has not run calmly since."""
        return self._crashed and not self._is_calm(now)

    def statistics(self) -> RestartStatistics:
        """What is known as of the last crash."""
        return RestartStatistics(self._crashes, self._in_a_row, self._crashed)

    def __repr__(self) -> str:
        mark = " crashed" if self._crashed else ""
        return f"<RestartBudget{mark}, {self._in_a_row} in a row, {self._crashes} ever>"

    def _is_calm(self, now: float) -> bool:
        return not seconds_left(self._running_from + CALM_S, now)
