"""The wall clock may be set while we run: what it said when an event was received, in terms of what it says now.

    wall clock - monotonic clock, noted with the numbers that events get -> Frames.now -> how much to add to the time of an event

So nothing is older than it is because of a jump. What was received in an earlier life is as old as the wall clock said at the start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

Shift = Callable[[int], float]
"""From the number of an event to the seconds to add to its time."""

JUMP_S = 1.0
"""Less is no jump: the clock is slewed all the time."""


class Frames:
    """Runs of events during which nobody set the clock. `offset_s` is wall clock minus monotonic clock."""

    def __init__(self, offset_s: float) -> None:
        self._firsts = [0]
        self._offsets = [offset_s]

    def note(self, first: int, offset_s: float) -> None:
        """The clock, when event `first` and those after it were received."""
        if abs(offset_s - self._offsets[-1]) > JUMP_S:
            self._firsts.append(first)
            self._offsets.append(offset_s)

    def forget(self, before: int) -> None:
        """Nobody will ask for events before this number."""
        gone = bisect_right(self._firsts, before) - 1
        del self._firsts[:gone], self._offsets[:gone]

    def now(self, offset_s: float) -> Shift:
        """For times as the clock stands now. It is a copy: another thread may use it."""
        firsts, shifts = tuple(self._firsts), tuple([offset_s - offset for offset in self._offsets])
        return lambda number: shifts[max(0, bisect_right(firsts, number) - 1)]

    def __repr__(self) -> str:
        return f"<Frames {len(self._firsts)}>"
