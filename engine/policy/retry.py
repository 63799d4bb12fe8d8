"""The retry schedule: when a parked event is tried again, and when it is given up (a dead letter, never a drop).

| preset       | tries | waits between them                                        | from first to last try |
|--------------|-------|-----------------------------------------------------------|------------------------|
| `segment`    | 9     | full jitter below 56 s, doubling to 2 h                   | 4 h at most            |
| `customerio` | 14    | full jitter below 1.3 s, doubling to 90 min               | 3 h at most            |
| `webhook`    | 10    | 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, +-20 %  | 60 to 91 h             |
| `forever`    | no end| full jitter below 1 s, doubling to 10 m                   |                        |

"Full jitter below x" is uniform in [0, x]. The upper bounds of `segment` and `customerio` add up to exactly the window that those services
state. Three quick in-line tries make up each counted try; `inline_delay` spaces them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import inf
from typing import Annotated, Literal

import msgspec

from ..settings import Duration, Settings

INLINE_TRIES = 3
INLINE_BASE_S = 0.2
INLINE_CAP_S = 60.0
RETRY_AFTER_CAP_S = 3600.0
"""A receiver may ask for more; it gets no more than this."""
TABLE_LENGTH = 20
"""How much of a schedule without end `timetable` shows."""
_M, _H = 60.0, 3600.0


class RetrySettings(Settings, frozen=True, kw_only=True):
    """`retry`: a preset, or values spelled out, which then take the place of the preset's."""

    preset: (
        Annotated[
            Literal["segment", "customerio", "webhook", "forever"],
            msgspec.Meta(description="A schedule by name.", examples=["segment"]),
        ]
        | None
    ) = "segment"
    attempts: (
        Annotated[int, msgspec.Meta(ge=1, description="Tries in all, the first included.", examples=[5])] | None
    ) = None
    base: (
        Annotated[
            Duration, msgspec.Meta(description="The longest first wait; doubles from try to try.", examples=["1s"])
        ]
        | None
    ) = None
    cap: Annotated[Duration, msgspec.Meta(description="The longest wait there is.", examples=["10m"])] | None = None
    give_up_after: (
        Annotated[Duration, msgspec.Meta(description="No try comes later than this after the first.", examples=["4h"])]
        | None
    ) = None


class Plan(msgspec.Struct, frozen=True):
    """A schedule in numbers: what a preset and the values spelled out come to. Seconds."""

    attempts: int | None
    """None is no end."""
    base: float = 1.0
    cap: float = 600.0
    steps: tuple[float, ...] = ()
    """Waits one by one in place of doubling ones; the last goes on."""
    low: float = 0.0
    high: float = 1.0
    """A wait is uniform between these parts of its step."""
    give_up_after: float | None = None

    def step(self, attempt: int) -> float:
        """The wait after try number `attempt`, before jitter."""
        if self.steps:
            return min(self.cap, self.steps[min(attempt, len(self.steps)) - 1])
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))


PRESETS = {
    None: Plan(attempts=None),
    "segment": Plan(attempts=9, base=4 * _H / (2**8 - 1), cap=4 * _H),
    "customerio": Plan(attempts=14, base=3 * _H / (2**13 - 1), cap=3 * _H),
    "webhook": Plan(
        attempts=10,
        cap=24 * _H,
        steps=(5.0, 5 * _M, 30 * _M, 2 * _H, 5 * _H, 10 * _H, 14 * _H, 20 * _H, 24 * _H),
        low=0.8,
        high=1.2,
    ),
    "forever": Plan(attempts=None, base=1.0, cap=10 * _M),
}


def plan_of(settings: RetrySettings) -> Plan:
    """The preset with what was spelled out in its place. A `base` means doubling waits, also where the preset lists them."""
    changes: dict[str, object] = {}
    for name in ("attempts", "base", "cap", "give_up_after"):
        value = getattr(settings, name)
        if value is not None:
            changes[name] = value
    if "base" in changes:
        changes["steps"] = ()
    return msgspec.structs.replace(PRESETS[settings.preset], **changes)


class RetryStatistics(msgspec.Struct, frozen=True):
    """How often the schedule was asked, and how often it said to give up."""

    delays: int
    given_up: int


class RetrySchedule:
    """One per destination; knows no event: the caller counts the tries."""

    def __init__(self, settings: RetrySettings, random: Callable[[], float]) -> None:
        self._plan = plan_of(settings)
        self._random = random
        self._delays = 0
        self._given_up = 0

    def delay(self, attempt: int, retry_after: float | None = None, *, waited_s: float = 0.0) -> float | None:
        """Seconds to wait after counted try number `attempt` (from 1) failed, `waited_s` after the first of them; None is give up."""
        plan = self._plan
        if plan.attempts is None or attempt < plan.attempts:
            wait_s = plan.step(attempt) * (plan.low + (plan.high - plan.low) * self._random())
            wait_s = _at_least(wait_s, retry_after)
            if plan.give_up_after is None or waited_s + wait_s <= plan.give_up_after:
                self._delays += 1
                return wait_s
        self._given_up += 1
        return None

    @property
    def longest_s(self) -> float:
        """No wait is longer, but for a `Retry-After`."""
        return max(RETRY_AFTER_CAP_S, self._plan.step(TABLE_LENGTH) * self._plan.high)

    def inline_delay(self, n: int, retry_after: float | None = None) -> float:
        """Seconds to wait after in-line try number `n` (from 1) failed: full jitter below 0.2 s, doubling to 60 s.

        The first `INLINE_TRIES` are the quick ones; beyond them a slot is keeping a batch while the destination fails.
        """
        return _at_least(min(INLINE_CAP_S, INLINE_BASE_S * 2.0 ** min(n - 1, 64)) * self._random(), retry_after)

    def statistics(self) -> RetryStatistics:
        """The counts so far."""
        return RetryStatistics(self._delays, self._given_up)

    def __repr__(self) -> str:
        plan = self._plan
        tries = "no end of" if plan.attempts is None else plan.attempts
        return f"<RetrySchedule {tries} tries, waits of {plan.step(1):g} to at most {plan.cap:g} s>"


def timetable(settings: RetrySettings) -> list[tuple[float, float]]:
    """When each try is due: the earliest and latest second after the first one, absent `Retry-After`.

    Of a schedule without end, the first `TABLE_LENGTH` tries.
    """
    plan = plan_of(settings)
    table = [(0.0, 0.0)]
    for attempt in count(1):
        earliest, latest = table[-1]
        if len(table) == (plan.attempts or TABLE_LENGTH):
            break
        step, last = plan.step(attempt), inf if plan.give_up_after is None else plan.give_up_after
        if earliest + step * plan.low > last:
            break
        table.append((earliest + step * plan.low, min(latest + step * plan.high, last)))
    return table


def _at_least(wait_s: float, retry_after: float | None) -> float:
    return wait_s if retry_after is None else max(wait_s, min(retry_after, RETRY_AFTER_CAP_S))
