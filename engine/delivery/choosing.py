"""Which work is attempted next: what failed before what is new, order where it counts, and probes while the destination is down.

`choose` and `next_due` belong together: when the first has nothing, the second says when asking again is worth it.
"""

from __future__ import annotations

from math import inf

from ..model.batch import Batch
from ..policy.due import seconds_left
from .state import DestinationState
from .work import PATIENCE, Work

IN_ORDER_S = 180.0
"""Where order counts (`in_flight = 1`) nothing overtakes a batch that nobody answers before it failed for so long: no shorter outage
changes the order, and one of a minute may be found to be over a minute late. From then on it could be the batch itself that is the
trouble, and for ever is too long to find out."""
PASS_S = 0.1
"""How long after a failed try of the oldest another batch may go, one after each try: it would overtake only if the receiver came back
in between, which an answer rules out and a time-out does not."""
PROBES_IN_ORDER = 9
"""Where order counts, only each so-manieth probe is made with another batch than the oldest, and none in the first `IN_ORDER_S`."""
SHELF_LIMIT = 16
"""Batches that probing may take out of the window in the course of an outage."""


class Chooser:
    """One per actor: it takes from window, shelf and parked events of the state, and remembers only whose turn it is."""

    def __init__(self, state: DestinationState) -> None:
        self._state = state
        self._parked_last = False

    def gate_s(self, now: float) -> float:
        """Seconds until anything at all may be sent."""
        if self._state.is_paused:
            return inf
        blame = self._state.blame
        hold_s = blame.probe_due(now) if blame.held else 0.0
        return max(hold_s, self._state.breaker.wait_s(now))

    def choose(self, now: float) -> Work | None:
        """The next work to attempt, now in hand; None if nothing is due. Call only with the gate open.

        What an earlier plan still has under way counts: no reload makes a destination get more at a time than it should.
        """
        state = self._state
        if len(state.in_hand) >= self._most():
            return None
        work = self._probe(now) if state.is_down else self._due(now)
        if work is not None:
            state.in_hand.add(work)
        return work

    def next_due(self, now: float) -> float | None:
        """Seconds until `choose` is worth asking again if nothing else happens; None if nothing waits."""
        state = self._state
        if len(state.in_hand) >= self._most():
            return None
        times = [state.parked.next_due() if state.is_down else state.shelf.next_due(in_order=state.is_in_order)]
        if not state.is_down and self._may_pass(now):
            window_due = state.window.due(now)
            times += [state.parked.next_due(), None if window_due is None else now + window_due]
        due = [time for time in times if time is not None]
        return seconds_left(min(due), now) if due else None

    def has_due(self, now: float) -> bool:
        """Whether `choose` has something. While it is down that is whatever waits: a probe may be any."""
        state = self._state
        if state.is_down and (state.shelf or state.window):
            return len(state.in_hand) < self._most()
        return self.next_due(now) == 0.0

    def _most(self) -> int:
        """Attempts at a time."""
        return 1 if self._state.careful.is_needed else self._state.plan.in_flight

    # While it works ----------------------------------------------------------------------------------------------

    def _due(self, now: float) -> Work | None:
        shelf, in_order = self._state.shelf, self._state.is_in_order
        if shelf:
            work = shelf.take_due(now, in_order=in_order)
            if work is not None or not self._may_pass(now):
                return work
        work = (shelf.take_untried() if in_order else None) or self._new(now)
        if work is not None and shelf:
            shelf.oldest.passed = shelf.oldest.tries
        return work

    def _may_pass(self, now: float) -> bool:
        """Whether another batch may go before what is on the shelf is due again."""
        state = self._state
        if not state.shelf:
            return True
        if not state.is_in_order:
            return state.shelf.kept(PATIENCE) < state.plan.in_flight
        oldest = state.shelf.oldest
        if now - oldest.failed_at > PASS_S or oldest.passed == oldest.tries:
            return False
        return oldest.tries >= PATIENCE and (oldest.answered or self._failed_long(oldest, now))

    def _failed_long(self, work: Work, now: float) -> bool:
        return now - work.failing_since >= IN_ORDER_S

    def _new(self, now: float) -> Work | None:
        """Something that waits on nobody: a parked event that is due, or a batch, in turns."""
        if not self._parked_last and (work := self._parked(now)):
            return work
        self._parked_last = False
        state = self._state
        batch = state.window.flush(now) if state.is_pressed else state.window.take(now)
        return state.work(batch) if batch else self._parked(now)

    def _parked(self, now: float) -> Work | None:
        if not self._state.parked:
            return None
        plan, ways = self._state.plan, self._state.ways
        alike = {"key": ways.parked_key} if ways.are_actions else {}
        parked = self._state.parked.take_due(now, plan.batch.max_events, plan.batch.max_bytes, **alike)
        if not parked:
            return None
        self._parked_last = True
        return self._state.work(Batch([one.envelope for one in parked]), parked)

    # While it is down --------------------------------------------------------------------------------------------

    def _probe(self, now: float) -> Work | None:
        """The oldest batch not yet probed: it could be a batch itself that is the trouble."""
        shelf = self._state.shelf
        work = self._oldest_probe(now) or self._new_probe(now) or shelf.take_least_probed() or self._parked(now)
        if work is not None:
            work.probes += 1
            if self._state.blame.held:
                self._state.blame.probed(now)
        return work

    def _oldest_probe(self, now: float) -> Work | None:
        """The oldest of those not yet probed; where order counts, nearly always the oldest of all, unless others got through since."""
        shelf = self._state.shelf
        if self._state.is_in_order and shelf:
            oldest = shelf.oldest
            if oldest.counted and (work := self._new_probe(now)):
                return work
            if oldest.probes % PROBES_IN_ORDER < PROBES_IN_ORDER - 1 or not self._failed_long(oldest, now):
                return shelf.take_oldest()
            oldest.probes += 1
        return shelf.take_unprobed()

    def _new_probe(self, now: float) -> Work | None:
        """A batch out of the window, while the shelf is short."""
        state = self._state
        batch = state.window.flush(now) if len(state.shelf) < SHELF_LIMIT else None
        return state.work(batch) if batch else None
