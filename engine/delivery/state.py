"""Everything of a destination that outlives its actor, and the one place where its events change hands.

An event offered is, at any moment, in exactly one of these: the mailbox (or, when behind, only the log) · the window · a work in
hand · the shelf · parked · settled. The cursor knows all but the last two as *unsettled*, so whatever an actor held when it died is
found again. All methods are synchronous: no await stands between two writes that must agree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import compress
from math import inf
from operator import not_
from typing import TypeAlias

import msgspec

from ..clock import Clock
from ..errors import Fault, WouldBlock
from ..journal.log import Account
from ..journal.records import Gap, ParkedEvent, Try, ranges_of
from ..model.batch import Batch
from ..model.envelope import Chunk, Envelope
from ..model.outcome import UNREADABLE, Failure
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
from .left import Left
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
            self._log_change("careful: the process died of something here, events go one by one")
        self.tokens: Tokens | None = None
        """Of a destination whose requests need one."""
        self.limiter = Limiter(plan.rate.per_second, plan.rate.bucket, now) if plan.rate else Limiter(None, 1.0, now)
        """Outlives plans: what a receiver was sent, and that it asked for a pause, holds under the next one too."""
        self._adopt(plan, now)
        account.follow(self.cursor.position)
        account.uses(plan.version, plan.record)
        self._unpack(account.parked)

    def adopt(self, replayed: Sequence[ParkedEvent]) -> None:
        """Events that are sent again: they are in the journal as parked, from now on here too."""
        self.counters.replayed += len(replayed)
        self._unpack(replayed)
        self.account.adopted(replayed)
        self.alarm.ring()

    def _unpack(self, rows: Sequence[ParkedEvent]) -> None:
        """Parked events as they are written. The wall clock may have jumped since: none waits longer than it was to wait in all."""
        now, utc = self.clock.monotonic(), self.clock.utc()
        for found in rows:
            planned_s = found.due - found.tries[-1].at if found.tries else self.schedule.longest_s
            waits_s = max(0.0, min(found.due - utc, planned_s, self.schedule.longest_s))
            parked = Parked(
                self.account.envelope(found),
                since=now - found.waited_s,
                down_s=0.0,
                tries=found.tries,
                replay=found.replay,
                left=Left(list(found.actions)) if found.actions else None,
            )
            parked.attempts = found.attempts
            parked.mark = self.blame.mark()
            parked.reason = found.tries[-1].reason if found.tries else ""
            if found.number == self.careful.culprit:
                self._condemn(parked.envelope, parked.tries)
                self.account.unpark(found.number)
            else:
                self.parked.put(parked, now + waits_s)

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
        return sorted([*envelopes, *self._emptied()], key=_number)

    def _emptied(self) -> list[Envelope]:
        """What was in the window, in order."""
        envelopes: list[Envelope] = []
        while batch := self.window.flush(0.0):
            envelopes += batch.envelopes
        return sorted(envelopes, key=_number)

    def _new_window(self) -> BatchWindow:
        return window_for(self.plan, self.ways, one_by_one=self.careful.is_needed)

    def work(self, batch: Batch, rows: Sequence[Parked] = ()) -> Work:
        """A batch from the window, or of parked events, to be attempted."""
        return Work.of(self.ways.batch(batch, rows), self.plan.version, rows)

    # In ----------------------------------------------------------------------------------------------------------

    def offer(self, chunk: Chunk) -> None:
        """A chunk was stored. If it does not fit, it stays in the log, or is dropped if that is what the user wants."""
        self.counters.offered += len(chunk.envelopes)
        try:
            self.mailbox.offer_nowait(chunk)
        except WouldBlock:
            if self.plan.overflow == "drop_newest" and chunk.first == self.mailbox.next:
                self._drop(chunk)
            return
        if self.plan.overflow == "drop_newest":
            self.account.release(chunk)  # it holds what it has by itself: the log must not fill up because of it
        self.alarm.ring()

    def _drop(self, chunk: Chunk) -> None:
        """`chunk` is the next one: whoever is behind drops nothing until it has caught up. The cursor passes over it with what follows."""
        self.mailbox.skip(chunk)
        self.counters.count_dropped(len(chunk.envelopes))
        self.account.release(chunk)
        self.moved(self.clock.monotonic())

    def take_in(self, chunk: Chunk, now: float) -> None:
        """Scans the next chunk of the log: what is for this destination goes into the window, the rest is settled."""
        self.cursor.open(chunk)
        self.account.took(chunk)
        self._sort(chunk, now)

    def take_in_again(self, chunk: Chunk, now: float) -> None:
        """The same for a chunk that was taken in an earlier life of the process: some of its events are settled."""
        unsettled = self.cursor.reopen(chunk)
        self._sort(Chunk(unsettled[0].number, unsettled, chunk.size_bytes), now, again=True)

    def _sort(self, chunk: Chunk, now: float, *, again: bool = False) -> None:
        """`again`: it was sorted under settings that may have been others, and some of it may have been tried: so what is filtered now is
        noted for explain, which knows of the others by the settings."""
        chunk = self._without_culprit(chunk, now)
        envelopes, reasons = chunk.envelopes, self.scan(chunk)
        if reasons is None:
            self.window.add(envelopes, now)
            return
        self.window.add(list(compress(envelopes, map(not_, reasons))), now)
        for reason in set(filter(None, reasons)):
            if reason == UNREADABLE.reason:
                self._bury_undecodable(_of(reason, envelopes, reasons))
                continue
            self.counters.count_filtered(reason, reasons.count(reason))
            if again:
                self.account.tried("filtered", _of(reason, envelopes, reasons), began=now, reason=reason)
        self.settle(list(compress(envelopes, reasons)), now)

    def _bury_undecodable(self, envelopes: Sequence[Envelope]) -> None:
        """What decides whether these are for this destination cannot be read: nobody filtered them, it is their own fault."""
        for envelope in envelopes:
            self.account.bury(envelope, UNREADABLE, [], self.plan.version)
            self.counters.count_dead(UNREADABLE.reason)
            count = self.counters.dead_of(UNREADABLE.reason)
            if count == 10 ** (len(str(count)) - 1):  # never silent, never a flood
                self._log_change("events were given up", reason=UNREADABLE.reason, count=count)

    def _without_culprit(self, chunk: Chunk, now: float) -> Chunk:
        culprit = self.careful.culprit
        if culprit is None or not chunk.first <= culprit <= chunk.envelopes[-1].number:
            return chunk
        guilty = [envelope for envelope in chunk.envelopes if envelope.number == culprit]
        for envelope in guilty:
            self._condemn(envelope, [])
            self.settle(guilty, now)
        return Chunk(chunk.first, [e for e in chunk.envelopes if e.number != culprit], chunk.size_bytes)

    def _condemn(self, envelope: Envelope, tries: list[Try]) -> None:
        """The process died while this event, alone, was being sent."""
        failure = Failure(Fault.EVENT, "process_died", detail="the process ended while this event was being sent")
        self.account.bury(envelope, failure, tries, self.plan.version)
        self.counters.count_dead(failure.reason)
        self.careful.condemned()
        self._log_change("given up: the process died of this event", number=envelope.number)

    def miss(self, gap: Gap) -> None:
        """The log does not hold these events any more: they are counted, and said."""
        missed = self.cursor.skip(gap.first, gap.last)
        self.mailbox.next = max(self.mailbox.next, self.cursor.scan)
        self.counters.count_expired(missed)
        self.account.missed(gap)
        self._log_change(f"events are {gap.reason}", first=gap.first, last=gap.last, count=missed)
        self.moved(self.clock.monotonic())

    def expire(self, before: int, size_bytes: int) -> None:
        """The backlog is longer than it may be: what comes before number `before` and was not taken yet is given up."""
        first = self.cursor.scan
        if before <= first:
            return
        self.mailbox.forget(before)
        missed = self.cursor.skip(first, before - 1)
        self.counters.count_expired(missed)
        self.account.missed(Gap(first, before - 1, "expired", self.clock.utc()))
        self.account.skipped(size_bytes)
        self._log_change("events have expired: the backlog is full", first=first, last=before - 1, count=missed)
        self.moved(self.clock.monotonic())

    def expire_taken(self, before: float) -> None:
        """The same for what was taken: what was received before then (UTC) and waits in the window or on the shelf is given up.

        What is in hand goes on, and so does what has an action behind it; parked events have a schedule of their own.
        """
        oldest = self.cursor.oldest
        if oldest is None or not self.account.aged([oldest], before):
            return
        in_hand = {envelope.number for work in self.in_hand for envelope in work.batch.envelopes}
        expired = [
            envelope
            for envelope in self.account.aged(self.cursor.unsettled(), before)
            if envelope.number not in in_hand and not self.ways.has_begun(envelope)
        ]
        if not expired:
            return
        numbers = [envelope.number for envelope in expired]
        self._take_out(set(numbers))
        self.ways.drop(numbers)
        for first, last in ranges_of(numbers):
            self.account.missed(Gap(first, last, "expired", self.clock.utc()))
        self.counters.count_expired(len(expired))
        self._log_change(
            "events have expired: they waited too long", first=numbers[0], last=numbers[-1], count=len(numbers)
        )
        self.settle(expired, self.clock.monotonic())
        self.alarm.ring()

    def _take_out(self, numbers: set[int]) -> None:
        """Of shelf and window. What is left of a batch keeps its history, what is left in the window its order and its age."""
        left = len(numbers)
        for work in self.shelf.take_all():
            kept = [at for at, one in enumerate(work.batch.envelopes) if work.rows or one.number not in numbers]
            left -= len(work.batch) - len(kept)
            if kept:
                if len(kept) < len(work.batch):
                    work.shrink(kept)
                self.shelf.put(work, work.due)
        since = self.window.statistics().oldest
        if left and since is not None:
            waiting = [envelope for envelope in self._emptied() if envelope.number not in numbers]
            self.window.add(waiting, since)

    def has_room(self, now: float) -> bool:
        """Whether another chunk should be scanned now: not while a batch is ready, or too much is parked."""
        if self.parked.is_full or self.window.due(now) == 0.0:
            return False
        return not self.cursor.is_wide or self.cursor.unread is not None

    @property
    def is_pressed(self) -> bool:
        """Whether a window need not wait to fill up: nothing more comes, at the end or until something is settled."""
        return self.flushing or self.cursor.is_wide

    # Out ---------------------------------------------------------------------------------------------------------

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
            self._log_change("careful no more")
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
            self._log_change("down: only probes are sent", attempts_failed=dict(self.counters.failed))
        else:
            self._down_s += now - self._down_since
        if self._down_since is not None and not is_down:
            self._log_change("working again", down_s=round(self._down_s, 1))
        self._down_since = now if is_down else None

    def _log_change(self, message: str, **facts: object) -> None:
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

    def take_left(self) -> list[Envelope]:
        """Every event without a final outcome that is not only in the log, in order. It is empty afterwards."""
        left = [parked.envelope for parked in self.parked.take_all()]
        works = [work for work in (*self.shelf.take_all(), *self.in_hand) if work.rows]
        self.in_hand.clear()
        self.ways.forget()
        left += [envelope for work in works for envelope in work.batch.envelopes]
        return sorted([*left, *self.cursor.unsettled(), *self.mailbox.take_all()], key=_number)

    def __repr__(self) -> str:
        return (
            f"<DestinationState {self.plan.name}: {self.mailbox!r}, {len(self.window)} in the window, "
            f"{len(self.in_hand)} in hand, {len(self.shelf)} on the shelf, {len(self.parked)} parked>"
        )


def _number(envelope: Envelope) -> int:
    return envelope.number


def _of(reason: str, envelopes: Sequence[Envelope], reasons: Sequence[str | None]) -> list[Envelope]:
    return [envelope for envelope, why in zip(envelopes, reasons, strict=True) if why == reason]
