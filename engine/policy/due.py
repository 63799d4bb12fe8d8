"""How long until a moment, as something that can be slept."""

from __future__ import annotations

TICK_S = 1e-6
"""Nothing in here is finer than this. A sleeper that was told `when - now` may wake one float rounding before `when`; without
the tolerance it would be sent to sleep for 1e-13 s again, and under a virtual clock, where that adds nothing, for ever."""


def seconds_left(when: float, now: float) -> float:
    """Seconds from `now` to `when`: 0.0 once less than a tick is left."""
    left = when - now
    return left if left > TICK_S else 0.0
