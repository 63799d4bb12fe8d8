"""What a verdict does: each way an attempt can end, as one synchronous step on the state.

Delivered, filtered, rejected and parked events are settled. What failed as a whole is judged first (`policy.blame`): the event's fault is
bisected until the culprit is alone, the destination's keeps the batch whole and counts against nobody.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence

from ..errors import Fault, TransportError
from ..journal.records import Result, Try, joined
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.outcome import (
    DELIVERED,
    UNTRIED,
    Delivered,
    Failure,
    Faulted,
    Filtered,
    Outcome,
    Rejected,
    Retry,
    Untried,
    Verdict,
)
from ..policy.blame import Decision
from ..policy.breaker import Breaker, Permit, State
from ..policy.retry import INLINE_TRIES
from .parked import Parked
from .sender import Split
from .state import DestinationState
from .work import Work

_log = logging.getLogger("doorstep.delivery")

OUT_OF_TIME = "function_timeout"
"""What a function that did not end is called: it costs seconds of a thread each time, so it opens the breaker at once."""
CRASHES = 3
"""An event that was alone in so many crashes of its actor is given up."""


def conclude(
    state: DestinationState, work: Work, permit: Permit, breaker: Breaker, verdict: Verdict | Split, now: float
) -> None:
    """An attempt at `work` ended. Afterwards `work` is not in hand any more, and its permit is returned.

    Raises ValueError, and changes nothing, if what the destination gave is no verdict on this batch.
    """
    _check(state, work, verdict)
    state.careful.outlived(work)
    if isinstance(verdict, Split):
        breaker.release(permit)
        _split(state, work, verdict, now)
    else:
        if not isinstance(verdict, Failure) or verdict.sent:
            state.counters.attempts += 1
            state.counters.retried += work.attempted
            work.attempted = True
        _note(state, work, verdict)
        if isinstance(verdict, Failure):
            _fail(state, work, permit, breaker, verdict, now)
        else:
            _record(breaker, permit, work, verdict, now)
            _succeed(state, work, verdict, now)
    state.account_downtime(now)
    state.alarm.ring()


def _note(state: DestinationState, work: Work, verdict: Verdict) -> None:
    """For explain, and in the history of the events: what this attempt came to."""
    tried, envelopes, tries = state.account.tried, work.batch.envelopes, work.tries + 1
    if isinstance(verdict, Delivered):
        tried("delivered", envelopes, began=work.began, tries=tries)
    elif isinstance(verdict, Failure):
        work.history = joined(work.history, Try(state.clock.utc(), verdict.reason, verdict.status))
        tried("failed", envelopes, began=work.began, reason=verdict.reason, status=verdict.status, tries=tries)
    else:
        alike: dict[Outcome, list[Envelope]] = {}
        for envelope, outcome in zip(envelopes, verdict, strict=True):
            alike.setdefault(outcome, []).append(envelope)
        for outcome, those in alike.items():
            if not isinstance(outcome, Untried):
                reason = "" if isinstance(outcome, Delivered) else outcome.reason
                tried(_RESULTS[type(outcome)], those, began=work.began, reason=reason, tries=tries)


_RESULTS: dict[type, Result] = {
    Delivered: "delivered",
    Filtered: "filtered",
    Rejected: "rejected",
    Retry: "retry",
    Faulted: "failed",
}


def _record(breaker: Breaker, permit: Permit, work: Work, verdict: Delivered | list[Outcome], now: float) -> None:
    """A list of outcomes is an answer, and so a success; unless it is a function's own, and it failed at all that it was given."""
    outcomes = verdict if isinstance(verdict, list) else []
    reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, Faulted)}
    if OUT_OF_TIME in reasons:
        breaker.trip(permit, now)
    elif UNTRIED in outcomes and not reasons and DELIVERED not in outcomes:
        breaker.release(permit)
    else:
        is_sound = not reasons or any(not isinstance(outcome, Faulted | Untried) for outcome in outcomes)
        breaker.record(permit, is_sound, now, repeat=work.tries > 0)


def _check(state: DestinationState, work: Work, verdict: object) -> None:
    if isinstance(verdict, list):
        if len(verdict) != len(work.batch):
            raise ValueError(f"{len(verdict)} outcomes for {len(work.batch)} events from {state.plan.name}")
        strange = [outcome for outcome in verdict if not isinstance(outcome, Outcome)]
    else:
        strange = [] if isinstance(verdict, Delivered | Failure | Split) else [verdict]
    if strange:
        raise ValueError(f"a {type(strange[0]).__name__} is no verdict, from {state.plan.name}")


def crashed(state: DestinationState, work: Work, permit: Permit, breaker: Breaker, now: float) -> None:
    """The actor died of this work: a batch is bisected, an event alone gets three chances."""
    breaker.release(permit)
    if len(work.batch) > 1:
        _bisect(state, work, now)
        return
    work.crashes += 1
    if work.crashes >= CRASHES:
        _give_up(state, work, Failure(Fault.EVENT, "actor_crashed"), now)
    else:
        state.put_back(work, now)


def abandoned(state: DestinationState, work: Work, permit: Permit | None, breaker: Breaker, now: float) -> None:
    """The attempt was cut short, or never begun: nothing is known, so it is as if it had not been."""
    if permit is not None:
        breaker.release(permit)
    state.put_back(work, now)


# Success -------------------------------------------------------------------------------------------------------------


def _succeed(state: DestinationState, work: Work, verdict: Delivered | list[Outcome], now: float) -> None:
    envelopes = work.batch.envelopes
    if isinstance(verdict, Delivered):
        _proven(state, work, now)
        state.in_hand.discard(work)
        state.counters.count_delivered(len(envelopes))
        _settle(state, work, envelopes, now)
        return
    _outcomes(state, work, verdict, now)


def _outcomes(state: DestinationState, work: Work, outcomes: Sequence[Outcome], now: float) -> None:
    """The receiver spoke of each event by itself, so each failure is the event's own."""
    state.in_hand.discard(work)
    settled = [e for e, o in zip(work.batch.envelopes, outcomes, strict=True) if isinstance(o, Delivered | Filtered)]
    kept: list[Envelope] = []
    untried: list[Envelope] = []
    delivered = sum(isinstance(outcome, Delivered) for outcome in outcomes)
    if delivered:
        _proven(state, work, now)
        state.counters.count_delivered(delivered)
    before, utc = work.history, state.clock.utc()
    for envelope, outcome in zip(work.batch.envelopes, outcomes, strict=True):
        match outcome:
            case Filtered(reason):
                state.counters.count_filtered(reason)
            case Rejected(reason, detail):
                work.history = joined(before, Try(utc, reason))
                was_held = state.blame.held
                failure = Failure(Fault.EVENT, reason, detail=detail)
                if state.blame.rejected(1, reason, now) is Decision.HOLD:
                    _hold(state, failure, was_held)
                    kept.append(envelope)
                else:
                    _bury(state, work, envelope, failure, now)
            case Retry(reason, after, detail):
                work.history = joined(before, Try(utc, reason))
                _park(state, work, envelope, Failure(Fault.TRANSIENT, reason, after=after, detail=detail), now)
            case Faulted(reason, detail):
                work.history = joined(before, Try(utc, reason))
                _fault_alone(state, work, envelope, Failure(Fault.FUNCTION, reason, detail=detail), now)
            case Untried():
                untried.append(envelope)
    work.history = before
    _settle(state, work, settled, now)
    for part in [Batch(envelopes) for envelopes in (kept, untried) if envelopes]:
        state.put_back(Work(part, work.version, rows=work.rows_of(part)), now)


def _fault_alone(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """A function failed at one event of a batch: from here on that event is a work of its own, with three tries."""
    _count_failed(state, failure)
    part = Batch([envelope])
    alone = Work(part, work.version, rows=work.rows_of(part))
    alone.history, alone.mark, alone.attempted = work.history, work.mark, True
    alone.tries = work.tries if len(work.batch) == 1 else 0
    _fail_of_itself(state, alone, failure, now)


def _proven(state: DestinationState, work: Work, now: float) -> None:
    state.blame.succeeded(now, work.attempt)
    if state.shelf:
        state.shelf.proven()


def _settle(state: DestinationState, work: Work, envelopes: Sequence[Envelope], now: float) -> None:
    """Final for these. A parked event is settled in the cursor already: it is its row that goes."""
    if not envelopes:
        return
    _record_latency(state, envelopes, now)
    if not work.rows:
        state.settle(envelopes)
        return
    for envelope in envelopes:
        state.account.unpark(envelope.number)
    state.progress.ring()


def _record_latency(state: DestinationState, envelopes: Sequence[Envelope], now: float) -> None:
    """One entry per receipt: the events of one read were accepted together, and stand together."""
    start, end = 0, len(envelopes)
    while start < end:
        receipt = envelopes[start].receipt
        stop = end
        if envelopes[-1].receipt is not receipt:
            stop = bisect_left(envelopes, True, start, end, key=lambda e: e.receipt is not receipt)
        state.counters.latency_s.record(now - receipt.accepted, stop - start)
        start = stop


# Failure -------------------------------------------------------------------------------------------------------------


def _fail(state: DestinationState, work: Work, permit: Permit, breaker: Breaker, failure: Failure, now: float) -> None:
    _count_failed(state, failure)
    if failure.fault is Fault.TRANSIENT:
        _fail_for_now(state, work, permit, breaker, failure, now)
    elif failure.fault is Fault.FUNCTION:
        if failure.reason == OUT_OF_TIME:
            breaker.trip(permit, now)
        else:
            breaker.record(permit, False, now, repeat=work.tries > 0)
        _fail_of_itself(state, work, failure, now)
    elif failure.fault is Fault.CONFIGURATION:
        if breaker.state is State.HALF_OPEN:
            breaker.record(permit, False, now)  # a probe must be proof, and another one must not follow at once
        else:
            breaker.release(permit)
        _refuse(state, work, failure, now)
    else:
        if failure.sent:
            breaker.record(permit, True, now)
        else:
            breaker.release(permit)
        _blame_event(state, work, failure, now)


def _count_failed(state: DestinationState, failure: Failure) -> None:
    state.counters.count_failed(failure.reason)
    _say_by_tens(state, "attempts fail", state.counters.failed[failure.reason], failure)


def _fail_of_itself(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """The destination's own code failed: three tries for an event alone."""
    work.tries += 1
    if len(work.batch) > 1:
        _bisect(state, work, now)
    elif work.tries < INLINE_TRIES:
        state.put_back(work, now + state.schedule.inline_delay(work.tries, failure.after))
    else:
        _give_up(state, work, failure, now)


def _fail_for_now(
    state: DestinationState, work: Work, permit: Permit, breaker: Breaker, failure: Failure, now: float
) -> None:
    is_events = work.mark is not None and state.blame.is_events(work.mark)
    if not failure.sent or (is_events and breaker.state is State.HALF_OPEN):
        breaker.release(permit)  # another one just got through: this failure says nothing of the destination
    else:
        breaker.record(permit, False, now, repeat=work.tries > 0)
    if failure.status == 429:
        state.limiter.slow(now)
    if failure.status == 429 or (failure.status == 503 and failure.after):
        state.limiter.pause_until(now + state.schedule.inline_delay(1, failure.after), now)
    if work.mark is None or breaker.state is not State.CLOSED:
        work.mark = (
            state.blame.mark()
        )  # its quick tries begin here, or anew: none counts that was made while it was down
    work.tries += 1
    work.failed_at = now
    work.answered = failure.status is not None
    work.counted += is_events
    if work.counted < (1 if len(work.rows) == 1 else INLINE_TRIES):
        state.put_back(work, now + state.schedule.inline_delay(work.tries, failure.after))
    elif len(work.batch) > 1:
        _bisect(state, work, now, counted=INLINE_TRIES - 1)
    else:
        state.in_hand.discard(work)
        _park(state, work, work.batch.envelopes[0], failure, now)


def _refuse(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """401, 404, bad TLS: the destination's set-up, unless others get through."""
    if work.version != state.plan.version:  # it speaks of settings that hold no more
        state.put_back(work, now)
        return
    was_held = state.blame.held
    mark = state.blame.mark() if work.mark is None else work.mark
    decision = state.blame.refused(work.identity, failure.reason, mark, now)
    work.mark = state.blame.mark()
    work.tries += 1
    work.failed_at = now
    if decision is Decision.HOLD:
        _hold(state, failure, was_held)
        state.put_back(work, now)
    elif len(work.batch) > 1:
        _bisect(state, work, now)
    elif decision is Decision.EVENT:
        _give_up(state, work, failure, now)
    else:
        state.put_back(work, now + state.schedule.inline_delay(work.tries + INLINE_TRIES, failure.after))


def _blame_event(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """400, 413, 422: the content is refused. Alone it is the culprit, unless everything is refused."""
    if len(work.batch) > 1:
        _bisect(state, work, now)
        return
    was_held = state.blame.held
    if state.blame.rejected(1, failure.reason, now) is Decision.HOLD:
        _hold(state, failure, was_held)
        state.put_back(work, now)
    else:
        _give_up(state, work, failure, now)


def _hold(state: DestinationState, failure: Failure, was_held: bool) -> None:
    if not was_held:
        facts = {"destination": state.plan.name, **_facts(failure)}
        _log.error("held: the destination needs attention, its events are kept", extra={"facts": facts})


# Where events go -----------------------------------------------------------------------------------------------------


def _split(state: DestinationState, work: Work, split: Split, now: float) -> None:
    """The batch takes several requests: each part becomes a work of its own, due at once."""
    state.in_hand.discard(work)
    left_out = [work.batch.envelopes[position] for position in split.left_out]
    if left_out:
        state.counters.count_filtered("not_supported", len(left_out))
        state.account.tried("filtered", left_out, began=work.began, reason="not_supported")
        _settle(state, work, left_out, now)
    for part in split.parts:
        piece = Work(part, work.version, rows=work.rows_of(part))
        piece.history = list(work.history)
        piece.mark, piece.attempted, piece.counted, piece.tries = work.mark, work.attempted, work.counted, work.tries
        state.put_back(piece, now)


def _bisect(state: DestinationState, work: Work, now: float, *, counted: int | None = None) -> None:
    state.in_hand.discard(work)
    for part in work.parts():
        part.counted = part.counted if counted is None else counted
        state.put_back(part, now)


def _park(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """The event failed by itself: it waits on its own schedule, or has come to its end."""
    parked = work.rows.get(envelope.number) or Parked(envelope, since=now, down_s=state.down_s(now))
    parked.attempts += 1
    parked.reason = failure.reason
    parked.mark = state.blame.mark()
    parked.tries = _history(work, envelope)
    waited_s = now - parked.since - (state.down_s(now) - parked.down_s)
    delay = None
    if not state.schedule.gives_up(parked.attempts, waited_s):
        delay = state.schedule.delay(parked.attempts, failure.after)
    if delay is None:
        _bury(state, work, envelope, failure, now)
        return
    if not work.rows:
        state.settle([envelope])
    state.park(parked, now + delay, waited_s)


def _history(work: Work, envelope: Envelope) -> list[Try]:
    parked = work.rows.get(envelope.number)
    history = parked.tries if parked else []
    for one in work.history:
        history = joined(history, one)
    return history


def _give_up(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    state.in_hand.discard(work)
    _bury(state, work, work.batch.envelopes[0], failure, now)


def _bury(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """A dead letter: kept, counted and said."""
    state.account.bury(envelope, failure, _history(work, envelope), work.version)
    state.counters.count_dead(failure.reason)
    _say_by_tens(state, "events were given up", state.counters.dead[failure.reason], failure)
    _settle(state, work, [envelope], now)


def _say_by_tens(state: DestinationState, message: str, count: int, failure: Failure) -> None:
    """In the log at the 1st, 10th, 100th ... of a reason: never silent, never a flood."""
    if count == 10 ** (len(str(count)) - 1):
        facts = {"destination": state.plan.name, **_facts(failure), "count": count}
        _log.warning(message, extra={"facts": facts})


def _facts(failure: Failure) -> dict[str, str]:
    """What may be logged of a failure. Not what the receiver wrote, nor what a destination said of an event: either may be personal."""
    said_by_us = failure.reason in TransportError.FAULTS
    return {"reason": failure.reason, **({"detail": failure.detail[:200]} if said_by_us else {})}
