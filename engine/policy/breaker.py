"""The breaker: whether to send at all. CLOSED sends, OPEN does not, HALF_OPEN tries one probe at a time.

Every attempt needs a `Permit` and settles it exactly once, by `record` or `trip` (a verdict) or `release` (it did not take place).
Each change of state and each new probe begins a new *era*; a permit of an earlier era settles without effect, so a verdict that comes
late never speaks about a state it did not see. A probe has a lease: one that is lost cannot wedge the breaker.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Annotated

import msgspec

from ..errors import IllegalTransition
from ..settings import Duration, Settings
from .due import seconds_left
from .recent import RecentCount


class State(Enum):
    """What the breaker lets through: all, nothing, one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(Enum):
    """What moves it."""

    TRIPPED = "tripped"
    WAITED = "waited"
    PROBE_FAILED = "probe_failed"
    PROVEN = "proven"


TRANSITIONS = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.OPEN, Event.WAITED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.PROBE_FAILED): State.OPEN,
    (State.HALF_OPEN, Event.PROVEN): State.CLOSED,
}

BUCKETS = 10
"""The window is counted in this many steps (a second each, by default)."""
SUCCESSES_TO_CLOSE = 3
MOST_LIMITED = 64
"""After closing, attempts in flight go 1, 2, 4 ... up to this many, a step a second, and are then unlimited."""
SHORTEST_OPEN = 0.8
"""Jitter: the open time is uniform between this part of the step and the whole of it, so never above `max_open`."""


def transition(state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalTransition if it cannot happen in `state`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.value} cannot happen while {state.value}") from None


class BreakerSettings(Settings, frozen=True, kw_only=True):
    """`breaker`: when a destination counts as down, and how often it is asked whether it is up again."""

    consecutive: Annotated[
        int, msgspec.Meta(ge=1, description="Failed attempts in a row that open it.", examples=[5])
    ] = 5
    failure_ratio: Annotated[
        float,
        msgspec.Meta(
            gt=0, le=1, description="Part of the attempts in `window` that failed, which opens it.", examples=[0.5]
        ),
    ] = 0.5
    min_attempts: Annotated[
        int,
        msgspec.Meta(ge=1, description="Attempts in `window` below which `failure_ratio` says nothing.", examples=[20]),
    ] = 20
    window: Annotated[Duration, msgspec.Meta(description="What `failure_ratio` looks back on.", examples=["10s"])] = (
        Duration("10s")
    )
    open: Annotated[
        Duration,
        msgspec.Meta(description="How long it stays open at first; doubles on each failed probe.", examples=["5s"]),
    ] = Duration("5s")
    max_open: Annotated[Duration, msgspec.Meta(description="The longest it stays open at once.", examples=["60s"])] = (
        Duration("60s")
    )

    def __post_init__(self) -> None:
        if self.window <= 0 or self.open <= 0:
            raise ValueError('`window` and `open` must be longer than nothing; write for example "5s"')
        if self.max_open < self.open:
            raise ValueError(
                f'`max_open` ({self.max_open}) is shorter than `open` ({self.open}); write at least "{self.open}"'
            )


class Permit(msgspec.Struct, eq=False, gc=False):
    """Leave to make one attempt. Opaque: hand it back to `record` or `release`."""

    era: int
    settled: bool = False


class BreakerStatistics(msgspec.Struct, frozen=True):
    """As of the last call."""

    state: State
    consecutive: int
    outstanding: int
    trips: int
    probes: int
    opened_at: float | None


class Breaker:
    """One per destination. `lease_s`: how long a probe may take before another may go (twice the timeout is a good value)."""

    def __init__(self, settings: BreakerSettings, random: Callable[[], float], *, lease_s: float = 30.0) -> None:
        self._settings = settings
        self._random = random
        self._lease_s = lease_s
        self._state = State.CLOSED
        self._era = 0
        self._outstanding = 0
        self._attempts = RecentCount(settings.window, BUCKETS)
        self._failures = RecentCount(settings.window, BUCKETS)
        self._consecutive = 0
        self._ramp_from: float | None = None
        self._ramp_level = 1
        self._open_s = float(settings.open)
        self._open_until = 0.0
        self._opened_at: float | None = None
        self._lease_until = 0.0
        self._proofs = 0
        self._trips = 0
        self._probes = 0

    @property
    def state(self) -> State:
        """OPEN turns into HALF_OPEN when `admit` is asked for the first probe."""
        return self._state

    @property
    def opened_at(self) -> float | None:
        """Since when the destination is down: when it last left CLOSED; None while CLOSED."""
        return self._opened_at

    @property
    def trips(self) -> int:
        """How often it left CLOSED."""
        return self._trips

    def admit(self, now: float) -> Permit | None:
        """Leave for one attempt, or None: then `wait_s` says when to ask again."""
        if self._state is not State.CLOSED:
            return self._admit_probe(now)
        if self._ramp_from is not None and self._is_crowded(now):
            return None
        self._outstanding += 1
        return Permit(self._era)

    def record(self, permit: Permit, ok: bool, now: float, *, repeat: bool = False) -> None:
        """The verdict on an attempt. `repeat`: this batch failed before and nothing else was tried since, so it proves nothing new.

        Raises IllegalTransition, and changes nothing, if the permit was settled before.
        """
        self._settle(permit)
        if permit.era != self._era:
            return
        self._outstanding -= 1
        if self._state is State.HALF_OPEN:
            self._record_probe(ok, now)
        elif ok:
            self._consecutive = 0
            self._attempts.add(1, now)
        else:
            self._record_failure(now, repeat)

    def trip(self, permit: Permit, now: float) -> None:
        """The attempt failed in a way that must not be repeated soon: opens at once. Raises IllegalTransition as `record` does."""
        self._settle(permit)
        if permit.era != self._era:
            return
        self._outstanding -= 1
        if self._state is State.HALF_OPEN:
            self._record_probe(False, now)
        else:
            self._open(now)

    def release(self, permit: Permit) -> None:
        """The attempt did not take place, or was cancelled: no verdict. Raises IllegalTransition as `record` does."""
        self._settle(permit)
        if permit.era == self._era:
            self._outstanding -= 1

    def wait_s(self, now: float) -> float:
        """Seconds until `admit` is worth asking again if nothing is recorded meanwhile; 0.0 means now."""
        if self._state is State.OPEN:
            return seconds_left(self._open_until, now)
        if self._state is State.HALF_OPEN:
            return seconds_left(self._lease_until, now) if self._outstanding else 0.0
        if self._ramp_from is None or not self._is_crowded(now):
            return 0.0
        return seconds_left(self._ramp_from + _whole_seconds(self._ramp_from, now) + 1, now)

    def concurrency(self, now: float) -> int | None:
        """How many attempts may be in flight at once; None is no limit. OPEN 0, HALF_OPEN 1."""
        if self._state is not State.CLOSED:
            return 0 if self._state is State.OPEN else 1
        if self._ramp_from is None:
            return None
        level = self._ramp_level << min(_whole_seconds(self._ramp_from, now), MOST_LIMITED)
        return level if level <= MOST_LIMITED else None

    def statistics(self) -> BreakerStatistics:
        """What is known as of the last call."""
        return BreakerStatistics(
            self._state, self._consecutive, self._outstanding, self._trips, self._probes, self._opened_at
        )

    def __repr__(self) -> str:
        if self._state is State.CLOSED:
            return f"<Breaker closed, {self._consecutive} failed in a row, {self._outstanding} outstanding>"
        if self._state is State.OPEN:
            return f"<Breaker open until {self._open_until:.3f}, trip {self._trips}>"
        return f"<Breaker half open, {self._proofs} of {SUCCESSES_TO_CLOSE} successes, {self._outstanding} outstanding>"

    def _settle(self, permit: Permit) -> None:
        if permit.settled:
            raise IllegalTransition("this permit was settled before")
        permit.settled = True

    def _is_crowded(self, now: float) -> bool:
        limit = self.concurrency(now)
        if limit is None:
            self._ramp_from = None
            return False
        return self._outstanding >= limit

    def _admit_probe(self, now: float) -> Permit | None:
        if self.wait_s(now) > 0:
            return None
        if self._state is State.OPEN:
            self._move(Event.WAITED)
            self._proofs = 0
        self._era += 1  # a probe whose lease ran out is of an earlier era from here on
        self._outstanding = 1
        self._probes += 1
        self._lease_until = now + self._lease_s
        return Permit(self._era)

    def _record_probe(self, ok: bool, now: float) -> None:
        if not ok:
            self._move(Event.PROBE_FAILED)
            self._stay_open(min(self._open_s * 2, self._settings.max_open), now)
            return
        self._proofs += 1
        if self._proofs < SUCCESSES_TO_CLOSE:
            return
        self._move(Event.PROVEN)
        self._opened_at = None
        self._consecutive = 0
        self._attempts.clear()
        self._failures.clear()
        self._ramp_from, self._ramp_level = now, 1

    def _record_failure(self, now: float, repeat: bool) -> None:
        limit = self.concurrency(now)
        if limit is not None:  # "a second of no failures" starts anew, from the level that was reached
            self._ramp_from, self._ramp_level = now, limit
        if repeat:
            return
        self._consecutive += 1
        self._attempts.add(1, now)
        self._failures.add(1, now)
        attempts, failures = self._attempts.total(now), self._failures.total(now)
        settings = self._settings
        often = attempts >= settings.min_attempts and failures >= settings.failure_ratio * attempts
        if often or self._consecutive >= settings.consecutive:
            self._open(now)

    def _open(self, now: float) -> None:
        self._move(Event.TRIPPED)
        self._trips += 1
        self._opened_at = now
        self._stay_open(float(self._settings.open), now)

    def _stay_open(self, step_s: float, now: float) -> None:
        self._open_s = step_s
        self._open_until = now + step_s * (SHORTEST_OPEN + (1 - SHORTEST_OPEN) * self._random())

    def _move(self, event: Event) -> None:
        self._state = transition(self._state, event)
        self._era += 1
        self._outstanding = 0


def _whole_seconds(since: float, now: float) -> int:
    return max(0, int(now - since + 1e-6))
