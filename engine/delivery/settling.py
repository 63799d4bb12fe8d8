"""What an attempt came to, judged: each way it can end, as one synchronous step on the state.

What failed as a whole is somebody's fault (`policy.blame`): the event's is bisected until the culprit is alone, the destination's keeps
the batch whole and counts against nobody. Where the events then go is `ending`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Fault
from ..journal.records import Result, Try, joined
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.outcome import (
    DELIVERED,
    UNTRIED,
    Delivered,
    Failure,
    Filtered,
    Outcome,
    Raised,
    Rejected,
    Retry,
    Untried,
    Verdict,
)
from ..policy.blame import Decision
from ..policy.breaker import Breaker, Permit, State
from ..policy.retry import INLINE_TRIES
from .ending import bisect, bury, end, event_fault, give_up, hold, park, say_by_tens, sort, split
from .sender import Attempted, Partial, Sorted, Split
from .state import DestinationState
from .work import Work

OUT_OF_TIME = "function_timeout"
"""What a function that did not end is called: it costs seconds of a thread each time, so it opens the breaker at once."""
CRASHES = 3
"""An event that was alone in so many crashes of its actor is given up."""


def conclude(
    state: DestinationState, work: Work, permit: Permit, breaker: Breaker, attempted: Attempted, now: float
) -> None:
    """An attempt at `work` ended. Afterwards `work` is not in hand any more, and its permit is returned.

    Raises ValueError, and changes nothing, if what the destination gave is no verdict on this batch.
    """
    verdict = attempted
    if not isinstance(attempted, Delivered):
        _check(state, work, attempted)
    state.careful.outlived(work)
    if isinstance(attempted, Partial):
        _end_early(state, work, attempted.outcomes, now)
        verdict = Split([]) if attempted.rest is None else attempted.rest
    assert not isinstance(verdict, Partial)
    if isinstance(verdict, Split):
        breaker.release(permit)
        split(state, work, verdict.parts, now)
    elif isinstance(verdict, Sorted):
        breaker.release(permit)
        sort(state, work, verdict, now)
    else:
        _judge(state, work, permit, breaker, verdict, now)
    state.account_downtime(now)
    state.alarm.ring()


def _judge(state: DestinationState, work: Work, permit: Permit, breaker: Breaker, verdict: Verdict, now: float) -> None:
    status = _observe(state, work, verdict, now)
    if not isinstance(verdict, Failure) or verdict.sent:
        state.counters.count_attempt(work.batch.action, again=work.attempted)
        work.attempted = True
    _note(state, work, verdict, status)
    if isinstance(verdict, Failure):
        _fail(state, work, permit, breaker, verdict, now)
        return
    _record(breaker, permit, work, verdict, now)
    state.in_hand.discard(work)
    if isinstance(verdict, Delivered):
        _proven(state, work, now)
        end(state, work, work.batch.envelopes, "delivered", now)
    else:
        _outcomes(state, work, work.batch.envelopes, verdict, now)


def _observe(state: DestinationState, work: Work, verdict: Verdict, now: float) -> int | None:
    """For the delivery log, and what is measured once an attempt. Returns the status of the answer, if there was one."""
    return state.attempts.ended(
        work.batch,
        verdict,
        began=work.began,
        now=now,
        utc=state.clock.utc(),
        tries=work.tries + 1,
        again=work.attempted,
    )


def _record(breaker: Breaker, permit: Permit, work: Work, verdict: Delivered | list[Outcome], now: float) -> None:
    """A list of outcomes is an answer, and so a success; unless it is a function's own, and it failed at all that it was given."""
    outcomes = verdict if isinstance(verdict, list) else []
    reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, Raised)}
    if OUT_OF_TIME in reasons:
        breaker.trip(permit, now)
    elif UNTRIED in outcomes and not reasons and DELIVERED not in outcomes:
        breaker.release(permit)
    else:
        is_sound = not reasons or any(not isinstance(outcome, Raised | Untried) for outcome in outcomes)
        breaker.record(permit, is_sound, now, repeat=work.tries > 0)


def _note(state: DestinationState, work: Work, verdict: Verdict, status: int | None) -> None:
    """For explain, and in the history of the events: what this attempt came to."""
    envelopes = work.batch.envelopes
    if isinstance(verdict, Delivered):
        _tried(state, work, "delivered", envelopes, status=status)
    elif isinstance(verdict, Failure):
        work.history = joined(work.history, Try(state.clock.utc(), verdict.reason, verdict.status))
        _tried(state, work, "failed", envelopes, verdict.reason, verdict.status)
    else:
        _note_each(state, work, envelopes, verdict, status)


def _note_each(
    state: DestinationState,
    work: Work,
    envelopes: Sequence[Envelope],
    outcomes: Sequence[Outcome],
    status: int | None = None,
) -> None:
    alike: dict[tuple[Result, str], list[Envelope]] = {}
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        if isinstance(outcome, Untried):
            continue
        reason = "" if isinstance(outcome, Delivered) else outcome.reason
        alike.setdefault((_RESULTS[type(outcome)], reason), []).append(envelope)
    for (result, reason), those in alike.items():
        _tried(state, work, result, those, reason, status)


def _tried(
    state: DestinationState,
    work: Work,
    result: Result,
    envelopes: Sequence[Envelope],
    reason: str = "",
    status: int | None = None,
) -> None:
    action = work.batch.action
    state.account.tried(
        result,
        envelopes,
        began=work.began,
        reason=reason,
        status=status,
        tries=work.tries + 1,
        action=action,
        mapping=state.ways.mapping(action),
    )


_RESULTS: dict[type, Result] = {
    Delivered: "delivered",
    Filtered: "filtered",
    Rejected: "rejected",
    Raised: "failed",
    Retry: "retry",
}


def _check(state: DestinationState, work: Work, attempted: object) -> None:
    verdict, events = attempted, len(work.batch)
    strange: list[object] = []
    if isinstance(attempted, Partial):
        given: list[object] = list(attempted.outcomes.values())
        strange = [outcome for outcome in given if not _is_outcome(outcome)]
        verdict, events = attempted.rest, events - len(attempted.outcomes)
        if (verdict is None) is not (events == 0):
            raise ValueError(f"{len(attempted.outcomes)} outcomes and {verdict!r} from {state.plan.name}")
    if isinstance(verdict, list):
        if len(verdict) != events:
            raise ValueError(f"{len(verdict)} outcomes for {events} events from {state.plan.name}")
        strange += [outcome for outcome in verdict if type(outcome) is not Delivered and not _is_outcome(outcome)]
    elif not isinstance(verdict, Delivered | Failure | Split | Sorted | None) or (
        verdict is None and verdict is attempted
    ):
        strange = [verdict]
    if strange:
        raise ValueError(f"a {type(strange[0]).__name__} is no verdict, from {state.plan.name}")


def _is_outcome(given: object) -> bool:
    """Whether it is one, and its fields are what they say. Nothing checked them before: `Retry("busy", after="5")` can be made."""
    match given:
        case Delivered() | Untried() | Filtered(str()) | Rejected(str(), str()) | Raised(str(), str()):
            return True
        case Retry(str(), None | int() | float(), str()):
            return True
    return False


def crashed(state: DestinationState, work: Work, permit: Permit, breaker: Breaker, now: float) -> None:
    """The actor died of this work: a batch is bisected, an event alone gets three chances."""
    state.attempts.lost(work.batch)
    if not permit.settled:
        breaker.release(permit)
    if len(work.batch) > 1:
        bisect(state, work, now)
        return
    work.crashes += 1
    if work.crashes >= CRASHES:
        give_up(state, work, Failure(Fault.EVENT, "actor_crashed"), now)
    else:
        state.put_back(work, now)


def abandoned(state: DestinationState, work: Work, permit: Permit | None, breaker: Breaker, now: float) -> None:
    """The attempt was cut short, or never begun: nothing is known, so it is as if it had not been."""
    state.attempts.lost(work.batch)
    if permit is not None:
        breaker.release(permit)
    state.put_back(work, now)


# Success -------------------------------------------------------------------------------------------------------------


def _end_early(state: DestinationState, work: Work, outcomes: Mapping[int, Outcome], now: float) -> None:
    """Some events came to an end before anything was sent; `work` goes on without them."""
    ended = [work.batch.envelopes[position] for position in sorted(outcomes)]
    _note_each(state, work, ended, [outcomes[position] for position in sorted(outcomes)])
    _outcomes(state, work, ended, [outcomes[position] for position in sorted(outcomes)], now)
    state.refund_some(len(ended), now)
    work.shrink([position for position in range(len(work.batch)) if position not in outcomes])


def _outcomes(
    state: DestinationState, work: Work, envelopes: Sequence[Envelope], outcomes: Sequence[Outcome], now: float
) -> None:
    """Each event was spoken of by itself, so each failure is the event's own."""
    kept: list[Envelope] = []
    untried: list[Envelope] = []
    filtered: dict[str, list[Envelope]] = {}
    delivered = [e for e, outcome in zip(envelopes, outcomes, strict=True) if isinstance(outcome, Delivered)]
    if delivered:
        _proven(state, work, now)
    before, utc = work.history, state.clock.utc()
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        match outcome:
            case Filtered(reason):
                filtered.setdefault(reason, []).append(envelope)
            case Rejected(reason, detail):
                work.history = joined(before, Try(utc, reason))
                was_held = state.blame.held
                failure = event_fault(reason, detail)
                if state.blame.rejected(1, reason, now) is Decision.HOLD:
                    hold(state, failure, was_held)
                    kept.append(envelope)
                else:
                    bury(state, work, envelope, failure, now)
            case Retry(reason, after, detail):
                work.history = joined(before, Try(utc, reason))
                park(state, work, envelope, Failure(Fault.TRANSIENT, reason, after=after, detail=detail), now)
            case Raised(reason, detail):
                work.history = joined(before, Try(utc, reason))
                _fail_alone(state, work, envelope, Failure(Fault.FUNCTION, reason, detail=detail), now)
            case Untried():
                untried.append(envelope)
    work.history = before
    end(state, work, delivered, "delivered", now)
    for reason, those in filtered.items():
        end(state, work, those, "filtered", now, reason)
    for part in [Batch(those, work.batch.action) for those in (kept, untried) if those]:
        state.put_back(Work.of(part, work.version, work.rows_of(part)), now)


def _fail_alone(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """The user's code failed at one event of several, or at the only one: from here on it is a work of its own, with three tries."""
    _count_failed(state, work, failure)
    part = Batch([envelope], work.batch.action)
    alone = Work.of(part, work.version, work.rows_of(part))
    alone.history, alone.failing_since = list(work.history), work.failing_since
    alone.mark, alone.attempted = work.mark, True
    alone.tries = work.tries if len(work.batch) == 1 else 0
    _fail_of_itself(state, alone, failure, now)


def _proven(state: DestinationState, work: Work, now: float) -> None:
    state.blame.succeeded(now, work.attempt)
    if state.shelf:
        state.shelf.proven()


# Failure -------------------------------------------------------------------------------------------------------------


def _fail(state: DestinationState, work: Work, permit: Permit, breaker: Breaker, failure: Failure, now: float) -> None:
    _count_failed(state, work, failure)
    if failure.fault is Fault.TRANSIENT:
        _fail_for_now(state, work, permit, breaker, failure, now)
    elif failure.fault is Fault.FUNCTION:
        if not failure.sent:
            breaker.release(permit)
        elif failure.reason == OUT_OF_TIME:
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


def _count_failed(state: DestinationState, work: Work, failure: Failure) -> None:
    say_by_tens(state, "attempts fail", state.counters.count_failed(failure.reason, work.batch.action), failure)


def _fail_of_itself(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """The destination's own code failed: three tries for an event alone."""
    work.failed(now)
    if len(work.batch) > 1:
        bisect(state, work, now)
    elif work.tries < INLINE_TRIES:
        state.put_back(work, now + state.schedule.inline_delay(work.tries, failure.after))
    else:
        give_up(state, work, failure, now)


def _fail_for_now(
    state: DestinationState, work: Work, permit: Permit, breaker: Breaker, failure: Failure, now: float
) -> None:
    is_events = work.mark is not None and state.blame.is_events(work.mark)
    if not failure.sent or (is_events and breaker.state is State.HALF_OPEN):
        breaker.release(permit)  # another one just got through: this failure says nothing of the destination
    else:
        proves_nothing = work.tries > 0 and not (state.is_in_order and failure.status is None)  # no other will be tried
        breaker.record(permit, False, now, repeat=proves_nothing)
    if failure.status == 429:
        state.limiter.slow(now)
    if failure.status == 429 or (failure.status == 503 and failure.after):
        state.limiter.pause_until(now + state.schedule.inline_delay(1, failure.after), now)
    if work.mark is None or breaker.state is not State.CLOSED:
        work.mark = (
            state.blame.mark()
        )  # its quick tries begin here, or anew: none counts that was made while it was down
    work.failed(now)
    work.answered = failure.status is not None
    work.counted += is_events
    if work.counted < (1 if len(work.rows) == 1 else INLINE_TRIES):
        state.put_back(work, now + state.schedule.inline_delay(work.tries, failure.after))
    elif len(work.batch) > 1:
        bisect(state, work, now, counted=INLINE_TRIES - 1)
    else:
        state.in_hand.discard(work)
        park(state, work, work.batch.envelopes[0], failure, now)


def _refuse(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """401, 404, bad TLS: the destination's set-up, unless others get through."""
    if work.version != state.plan.version:  # it speaks of settings that hold no more
        state.put_back(work, now)
        return
    was_held = state.blame.held
    mark = state.blame.mark() if work.mark is None else work.mark
    decision = state.blame.refused(work.identity, failure.reason, mark, now)
    work.mark = state.blame.mark()
    work.failed(now)
    if decision is Decision.HOLD:
        hold(state, failure, was_held)
        state.put_back(work, now)
    elif len(work.batch) > 1:
        bisect(state, work, now)
    elif decision is Decision.EVENT:
        give_up(state, work, failure, now)
    else:
        state.put_back(work, now + state.schedule.inline_delay(work.tries + INLINE_TRIES, failure.after))


def _blame_event(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """400, 413, 422: the content is refused. Alone it is the culprit, unless everything is refused."""
    if len(work.batch) > 1:
        bisect(state, work, now)
        return
    was_held = state.blame.held
    if state.blame.rejected(1, failure.reason, now) is Decision.HOLD:
        hold(state, failure, was_held)
        state.put_back(work, now)
    else:
        give_up(state, work, failure, now)
