"""Whose failure it is: the event's, or the destination's. Also the *hold* that follows when it is the destination's set-up.

The one idea (DESIGN.md, section 4): a failure counts against an event only if another request to the destination succeeded
since the event's last attempt. So each batch remembers how many attempts had begun when it failed (`mark`); one that began later and
succeeds is the proof.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from ..errors import IllegalTransition
from .due import seconds_left
from .recent import RecentCount

PROBE_EVERY_S = 60.0
REFUSED_EVENTS = 100
"""This many events refused for one reason, and none delivered, within `REFUSED_WITHIN_S`: no event's fault any more."""
REFUSED_WITHIN_S = 60.0
REASONS = 100
"""As many are told apart: receivers make up reasons of their own. Those beyond count together, as in the counters."""
_OTHER = "other"


class Decision(Enum):
    """What a failure means."""

    EVENT = "event"
    """It is the event's own: its schedule, or the dead letters."""
    SUSPECT = "suspect"
    """Not clear yet: keep the batch aside and try another, or split it."""
    HOLD = "hold"
    """The destination's configuration: nothing is given up, somebody must act."""


class HoldState(Enum):
    """Whether a destination needs attention."""

    WORKING = "working"
    HELD = "held"


class HoldEvent(Enum):
    """What moves it."""

    HOLD = "hold"
    PROBE = "probe"
    RESUME = "resume"


TRANSITIONS = {
    (HoldState.WORKING, HoldEvent.HOLD): HoldState.HELD,
    (HoldState.WORKING, HoldEvent.RESUME): HoldState.WORKING,
    (HoldState.HELD, HoldEvent.HOLD): HoldState.HELD,
    (HoldState.HELD, HoldEvent.PROBE): HoldState.HELD,
    (HoldState.HELD, HoldEvent.RESUME): HoldState.WORKING,
}


def transition(state: HoldState, event: HoldEvent) -> HoldState:
    """The state after `event`. Raises IllegalTransition if it cannot happen in `state`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.value} cannot happen while {state.value}") from None


class BlameStatistics(msgspec.Struct, frozen=True):
    """As of the last call."""

    successes: int
    held: bool
    reason: str | None
    held_since: float | None
    holds: int
    """How often it was held, ever."""
    probes: int
    """Sent in this hold."""


class Blame:
    """The judge of one destination."""

    def __init__(self) -> None:
        self._successes = 0
        self._begun = 0
        self._proof = 0
        self._last_success: float | None = None
        self._suspect: int | None = None
        self._rejections: dict[str, RecentCount] = {}
        self._state = HoldState.WORKING
        self._reason: str | None = None
        self._held_since: float | None = None
        self._next_probe = 0.0
        self._holds = 0
        self._probes = 0

    @property
    def successes(self) -> int:
        """Requests to the destination that succeeded, ever."""
        return self._successes

    @property
    def held(self) -> bool:
        """Whether the destination needs attention: only probes are sent."""
        return self._state is HoldState.HELD

    @property
    def reason(self) -> str | None:
        """Why it is held; None if it is not."""
        return self._reason

    def begin(self) -> int:
        """An attempt begins: its number."""
        self._begun += 1
        return self._begun

    def succeeded(self, now: float, attempt: int | None = None) -> None:
        """Attempt number `attempt` (None: one that began just now) succeeded: the set-up is right, so a hold ends by itself."""
        self._successes += 1
        self._proof = max(self._proof, self.begin() if attempt is None else attempt)
        self._last_success = now
        self._suspect = None
        if self._state is HoldState.HELD:
            self.resume()

    def mark(self) -> int:
        """To be remembered with a batch when it fails: what began until now proves nothing about it."""
        return self._begun

    def is_events(self, mark: int) -> bool:
        """Whether a request that began after `mark` succeeded, so that a failure now counts against the events.

        One that was under way already proves nothing: its answer may have been given before a key was revoked, and heard after.
        """
        return self._proof > mark

    def refused(self, batch_id: int, reason: str, mark: int, now: float) -> Decision:
        """A refusal that speaks of the set-up (401, 404, bad TLS): EVENT, SUSPECT or HOLD.

        HOLD (and held from then on) at the second batch refused so without a success in between.
        """
        if self.is_events(mark):
            return Decision.EVENT
        if self._suspect is None:
            self._suspect = batch_id
        if not self.held and self._suspect == batch_id:
            return Decision.SUSPECT
        self.hold(reason, now)
        return Decision.HOLD

    def rejected(self, count: int, reason: str, now: float) -> Decision:
        """`count` events were refused for what is in them (400, 413, 422): EVENT, or HOLD (and held from then on).

        While held it is always HOLD: a probe that is refused is not given up either.
        """
        kind = reason if reason in self._rejections or len(self._rejections) < REASONS else _OTHER
        recent = self._rejections.setdefault(kind, RecentCount(REFUSED_WITHIN_S, 60))
        recent.add(count, now)
        is_systematic = recent.total(now) >= REFUSED_EVENTS and not self._delivered_lately(now)
        if not self.held and not is_systematic:
            return Decision.EVENT
        self.hold(reason, now)
        return Decision.HOLD

    def hold(self, reason: str, now: float) -> None:
        """Only probes from here on, the first in a minute. Held already: nothing changes."""
        was_held = self.held
        self._state = transition(self._state, HoldEvent.HOLD)
        if was_held:
            return
        self._reason = reason
        self._held_since = now
        self._next_probe = now + PROBE_EVERY_S
        self._holds += 1
        self._probes = 0

    def probe_due(self, now: float) -> float:
        """Seconds until a probe may go; infinite if not held."""
        return seconds_left(self._next_probe, now) if self.held else float("inf")

    def probed(self, now: float) -> None:
        """A probe was sent: the next in a minute. Raises IllegalTransition if not held."""
        self._state = transition(self._state, HoldEvent.PROBE)
        self._next_probe = now + PROBE_EVERY_S
        self._probes += 1

    def resume(self) -> None:
        """Settings changed, or a request succeeded: what was counted before means nothing any more."""
        self._state = transition(self._state, HoldEvent.RESUME)
        self._reason = self._held_since = None
        self._suspect = None
        self._rejections.clear()

    def statistics(self) -> BlameStatistics:
        """What is known as of the last call."""
        return BlameStatistics(self._successes, self.held, self._reason, self._held_since, self._holds, self._probes)

    def __repr__(self) -> str:
        if self.held:
            return f"<Blame held: {self._reason}, {self._probes} probes, {self._successes} successes>"
        return f"<Blame working, {self._successes} successes>"

    def _delivered_lately(self, now: float) -> bool:
        return self._last_success is not None and now - self._last_success < REFUSED_WITHIN_S
