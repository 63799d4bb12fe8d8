"""Everything of a destination that outlives its actor: the places where its events are, and the steps by which they change places.

An event offered is, at any moment, in exactly one of these: the mailbox (or, when behind, only the log) · the window · a work in
hand · the shelf · parked · settled. The cursor knows all but the last two as *unsettled*, so whatever an actor held when it died is
found again. All methods are synchronous: no await stands between two writes that must agree. How events come in is in `taking`,
which go next in `choosing`, what an attempt makes of them in `settling` and `ending`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import TypeAlias

import msgspec

from ..clock import Clock
from ..journal.log import Account
from ..model.batch import Batch
from ..model.envelope import Chunk, Envelope
from ..policy.blame import Blame
from ..policy.breaker import Breaker, State
from ..policy.limiter import Limiter, RateSettings
from ..policy.restart import RestartBudget
from ..policy.retry import RetrySchedule
from ..policy.window import BatchWindow
from ..telemetry import Attempts, Counters, Deliveries, DestinationStatistics
from ..telemetry.masking import secrets_of
from .alarm import Alarm
from .authority import Tokens, tokens_for
from .careful import Careful
from .cursor import Cursor
from .mailbox import Mailbox
from .parked import Parked, ParkedEvents
from .plan import Plan
from .turn import Turn
from .ways import Ways
from .windows import window_for
from .work import PATIENCE, Shelf, Work

_log = logging.getLogger("doorstep.delivery")

PARKED_MAX_BYTES = 16 * 2**20
"""Of events parked in memory, per destination; at the cap it takes in nothing new."""

Scan: TypeAlias = Callable[[Chunk], "list[str | None] | None"]


class DestinationState:
    """One destination. `scan` gives the routing table's reasons for a chunk (None: all of it goes through)."""

    def __init__(
        self,
        plan: Plan,
        account: Account,
        scan: Scan,
        clock: Clock,
        random: Callable[[], float],
        deliveries: Deliveries | None = None,
    ) -> None:
        now = clock.monotonic()
        self.account = account
        self.clock = clock
        self.scan = scan
        self.mailbox = Mailbox(account.position.scan, plan.mailbox.max_bytes, plan.mailbox.max_events)
        self.cursor = Cursor(account.position)
        self.shelf = Shelf()
        self.parked = ParkedEvents(PARKED_MAX_BYTES)
        self.in_hand: set[Work] = set()
        self.ways = Ways(plan.destination, late=plan.sorts_late)
        self.blame = Blame()
        self.budget = RestartBudget(random)
        self.counters = Counters()
        self.attempts = Attempts(plan.name, deliveries or Deliveries())
        self.turn = Turn()
        """Whoever has it chooses, and is the one who sleeps on `alarm`; also while one plan's actor ends and another's begins."""
        self.alarm = Alarm()
        """Wakes the actor."""
        self.progress = Alarm()
        """Wakes whoever waits for the drain, when nothing is pending any more."""
        self.moved_at = -inf
        """When events last came to their end here, or an actor became ready to send."""
        self.opened_at: float | None = None
        """When its connections or its sink were last ready; None until then."""
        self.flushing = False
        """The input has ended: a window need not fill up any more."""
        self.is_removed = False
        """No plan has it any more."""
        self.is_replaying = False
        """A replay to it has more events to come."""
        self._random = random
        self._down_s = 0.0
        self._down_since: float | None = None
        self.plan = plan
        self.careful = Careful(account, self.cursor, plan)
        """What the process may die of."""
        if self.careful.is_needed:
            self.log_change("careful: the process died of something here, events go one by one")
        self.tokens: Tokens | None = None
        """Of a destination whose requests need one."""
        self.limiter = Limiter(plan.rate.per_second, plan.rate.bucket, now) if plan.rate else Limiter(None, 1.0, now)
        """Outlives plans: what a receiver was sent, and that it asked for a pause, holds under the next one too."""
        self._adopt(plan, now)
        account.follow(self.cursor.position)
        account.uses(plan.version, plan.record)

    # The plan ----------------------------------------------------------------------------------------------------

    def _adopt(self, plan: Plan, now: float) -> None:
        self._adopt_rate(plan.rate, now)
        self.plan = plan
        self.attempts.mask.learn(secrets_of((plan.destination.settings, plan.net.proxy)))
        self.tokens = tokens_for(plan.destination, self.tokens, self.clock)
        self.breaker = Breaker(plan.breaker, self._random, lease_s=2 * plan.timeout_s)
        self.schedule = RetrySchedule(plan.retry, self._random)
        self.ways.adopt(plan.destination, late=plan.sorts_late)
        self.window = self._new_window()

    def _adopt_rate(self, rate: RateSettings | None, now: float) -> None:
        before = self.plan.rate
        if rate == before:
            return
        if rate is None or (before and before.unit != rate.unit):  # what is in the bucket is in the other unit
            self.limiter.set_rate(None, 1.0, now)
        if rate is not None:
            self.limiter.set_rate(rate.per_second, rate.bucket, now)

    def change(self, plan: Plan, now: float) -> None:
        """From here on `plan` applies. What waits is dissolved into its events, which are batched anew, in order."""
        waiting = self._waiting()
        self.account_downtime(now)
        self.blame.resume()
        self._adopt(plan, now)
        self.mailbox.resize(plan.mailbox.max_bytes, plan.mailbox.max_events)
        self.window.add(waiting, now)
        self.account.uses(plan.version, plan.record)
        self.alarm.ring()

    def _waiting(self) -> list[Envelope]:
        """Empties shelf and window; works of parked events go back to being parked."""
        envelopes: list[Envelope] = []
        for work in self.shelf.take_all():
            for parked in work.rows.values():
                self.parked.put(parked, work.due)
            if not work.rows:
                envelopes += work.batch.envelopes
        return sorted([*envelopes, *self.empty_window()], key=_number)

    def empty_window(self) -> list[Envelope]:
        """What was in it, in order."""
        envelopes: list[Envelope] = []
        while batch := self.window.flush(0.0):
            envelopes += batch.envelopes
        return sorted(envelopes, key=_number)

    def _new_window(self) -> BatchWindow:
        return window_for(self.plan, self.ways, one_by_one=self.careful.is_needed)

    def work(self, batch: Batch, rows: Sequence[Parked] = ()) -> Work:
        """A batch from the window, or of parked events, to be attempted."""
        return Work.of(self.ways.batch(batch, rows), self.plan.version, rows)

    # From place to place -----------------------------------------------------------------------------------------

    def settle(self, envelopes: Sequence[Envelope], now: float) -> None:
        """These events, in ascending order, are done with here, and counted."""
        if envelopes:
            self.close(envelopes)
            self.moved(now)

    def close(self, envelopes: Sequence[Envelope]) -> None:
        """The same before they are counted: what cannot be settled must not be. To be followed by `moved`."""
        for chunk in self.cursor.settle(envelopes):
            self.account.release(chunk)
        self.account.moved()

    def moved(self, now: float) -> None:
        """Events came to their end."""
        self.moved_at = now
        if not self.counters.pending:
            self.progress.ring()

    def put_back(self, work: Work, due: float) -> None:
        """`work` leaves the hand for the shelf; under a new plan it is dissolved instead."""
        self.in_hand.discard(work)
        self.alarm.ring()
        if work.version == self.plan.version:
            self.shelf.put(work, due)
            return
        if work.rows:
            for parked in work.rows.values():
                self.parked.put(parked, due)
            return
        again = self._new_window()
        again.add(work.batch.envelopes, due)
        while batch := again.flush(due):
            self.shelf.put(self.work(batch), due)

    def cost(self, batch: Batch) -> int:
        """What an attempt at it takes out of the bucket."""
        return 1 if self.plan.rate and self.plan.rate.unit == "requests" else len(batch)

    def refund(self, work: Work, now: float) -> None:
        """Nothing was sent of it after all."""
        if len(work.batch):
            self.limiter.refund(self.cost(work.batch), now)

    def refund_some(self, events: int, now: float) -> None:
        """So many events of a batch were not sent after all."""
        if self.plan.rate and self.plan.rate.unit == "events":
            self.limiter.refund(events, now)

    def go_on(self, work: Work, envelopes: Sequence[Envelope], now: float) -> None:
        """These events, of which `work` was one action, go on with their next one."""
        if not work.rows:
            self.window.add(envelopes, now)
            return
        for parked in work.rows_of(Batch(envelopes)):
            self.park(parked, now, now - parked.since - (self.down_s(now) - parked.down_s))

    def park(self, parked: Parked, due: float, waited_s: float) -> None:
        """The event waits until `due`."""
        self.parked.put(parked, due)
        self.account.park(
            parked.envelope,
            due=due,
            waited_s=waited_s,
            attempts=parked.attempts,
            tries=parked.tries,
            replay=parked.replay,
            actions=parked.left.actions if parked.left else [],
        )

    def keep_progress(self) -> None:
        """At the end: an event with some of its actions behind it is parked with the others, or the next life would do all of them.

        Of one that is being sent nobody knows.
        """
        now = self.clock.monotonic()
        sent = {envelope.number for work in self.in_hand for envelope in work.batch.envelopes}
        for envelope in self.cursor.unsettled():
            left = self.ways.begun(envelope) if envelope.number not in sent else None
            if left is not None:
                self.settle([envelope], now)
                self.park(Parked(envelope, since=now, down_s=self.down_s(now), left=left), now, 0.0)

    def drop_left(self) -> int:
        """Counts everything without a final outcome as dropped, and forgets it. Returns how many."""
        self.take_left()
        dropped = self.counters.pending
        self.counters.count_dropped(dropped)
        self.moved(self.clock.monotonic())
        return dropped

    def take_left(self) -> list[Envelope]:
        """Every event without a final outcome that is not only in the log, in order. It is empty afterwards."""
        left = [parked.envelope for parked in self.parked.take_all()]
        works = [work for work in (*self.shelf.take_all(), *self.in_hand) if work.rows]
        self.in_hand.clear()
        self.ways.forget()
        left += [envelope for work in works for envelope in work.batch.envelopes]
        return sorted([*left, *self.cursor.unsettled(), *self.mailbox.take_all()], key=_number)

    # How it stands -----------------------------------------------------------------------------------------------

    @property
    def is_down(self) -> bool:
        """Only probes are sent."""
        return self.blame.held or self.breaker.state is not State.CLOSED

    @property
    def is_in_order(self) -> bool:
        """Whether events are to be received in the order of their numbers."""
        return self.plan.in_flight == 1

    @property
    def is_pressed(self) -> bool:
        """Whether a window need not wait to fill up: nothing more comes, at the end or until something is settled."""
        return self.flushing or self.cursor.is_wide

    @property
    def is_paused(self) -> bool:
        """Nothing is sent, because somebody said so; the cursor stands still."""
        return self.account.standing.paused

    def pause(self, paused: bool) -> None:
        """Or go on."""
        self.account.stand(msgspec.structs.replace(self.account.standing, paused=paused))
        self.alarm.ring()

    def look_after(self, now: float) -> None:
        """What is to be done now and then, whatever else happens."""
        for work in list(self.in_hand):
            self.careful.lasts(work, now)
        if self.careful.relax():
            self.log_change("careful no more")
            self.change(self.plan, now)

    def is_working(self, now: float) -> bool:
        """Whether waiting for it is likely to help: not if it is down, or nothing but failing tries is known of it."""
        is_failing = any(work.tries >= PATIENCE and not self.blame.is_events(work.mark or 0) for work in self.shelf)
        return self.word(now) == "closed" and not is_failing

    def opened(self, now: float) -> None:
        """An actor is ready to send."""
        self.opened_at = self.moved_at = now

    def account_downtime(self, now: float) -> None:
        """Keeps `down_s` up to date: call when something may have changed."""
        is_down = self.is_down
        if self._down_since is None and not is_down:
            return
        if self._down_since is None:
            self.log_change("down: only probes are sent", attempts_failed=dict(self.counters.failed))
        else:
            self._down_s += now - self._down_since
        if self._down_since is not None and not is_down:
            self.log_change("working again", down_s=round(self._down_s, 1))
        self._down_since = now if is_down else None

    def log_change(self, message: str, **facts: object) -> None:
        """Says in the log what happened to this destination."""
        _log.warning(message, extra={"facts": {"destination": self.plan.name, **facts}})

    def down_s(self, now: float) -> float:
        """Seconds it was down in all, up to now."""
        self.account_downtime(now)
        return self._down_s

    def word(self, now: float) -> str:
        """Its state in one word."""
        if self.is_removed:
            return "removed"
        if self.is_paused:
            return "paused"
        if self.budget.is_crashed(now):
            return "crashed"
        return "held" if self.blame.held else self.breaker.state.value

    def statistics(self, now: float) -> DestinationStatistics:
        """The numbers everybody reads."""
        parked = self.parked.by_action()
        for work in (*self.shelf, *self.in_hand):
            if work.rows:
                parked[work.batch.action] += len(work.rows)
        return self.counters.statistics(parked=parked, state=self.word(now))

    def __repr__(self) -> str:
        return (
            f"<DestinationState {self.plan.name}: {self.mailbox!r}, {len(self.window)} in the window, "
            f"{len(self.in_hand)} in hand, {len(self.shelf)} on the shelf, {len(self.parked)} parked>"
        )


def _number(envelope: Envelope) -> int:
    return envelope.number
