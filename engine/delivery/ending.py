"""Where events go after an attempt: to their end, to their next action, back to the shelf in smaller parts, to a later try of their own.

Each function is one synchronous step on the state. None judges: `settling` says what an attempt came to, and calls these.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from ..errors import Fault, TransportError
from ..journal.records import Try, joined
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.outcome import Failure
from ..policy.alerts import ALERTS
from ..text import storable
from .left import End
from .parked import Parked
from .sender import Sorted
from .state import DestinationState
from .work import Work

_log = logging.getLogger("doorstep.delivery")


# The end -------------------------------------------------------------------------------------------------------------


def end(
    state: DestinationState, work: Work, envelopes: Sequence[Envelope], how: End, now: float, reason: str = ""
) -> None:
    """`work` is over for these: they are settled as `how` says, or go on with their next action."""
    if not envelopes:
        return
    action = work.batch.action
    if not state.ways:
        _settle(state, work, envelopes)
        _count(state, how, reason, action, envelopes)
        _said(state, envelopes, now)
    else:
        _end_each(state, work, envelopes, how, now, reason)
    if action:
        state.counters.count_done(action, how, len(envelopes))


def _end_each(
    state: DestinationState, work: Work, envelopes: Sequence[Envelope], how: End, now: float, reason: str
) -> None:
    final: list[Envelope] = []
    ends: list[tuple[End, str, str]] = []
    onward: list[Envelope] = []
    for envelope in envelopes:
        ended = state.ways.ended(envelope, work.rows.get(envelope.number), how, reason, work.batch.action)
        if ended is None:
            onward.append(envelope)
        else:
            final.append(envelope)
            ends.append(ended)
    if onward:
        state.go_on(work, onward, now)
    if not final:
        return
    _settle(state, work, final)
    for envelope, ended in zip(final, ends, strict=True):
        _count(state, *ended, [envelope])
    _said(state, final, now)


def _settle(state: DestinationState, work: Work, envelopes: Sequence[Envelope]) -> None:
    """Final for these. A parked event is settled in the cursor already: it is its row that goes."""
    if not work.rows:
        state.close(envelopes)
        return
    for envelope in envelopes:
        state.account.unpark(envelope.number)


def _count(state: DestinationState, how: End, reason: str, action: str, envelopes: Sequence[Envelope]) -> None:
    counters, count = state.counters, len(envelopes)
    if how == "delivered":
        counters.count_delivered(count, action)
    elif how == "filtered":
        counters.count_filtered(reason, count, action)
    else:
        counters.count_dead(reason, count, action)
        counters.dead_alerts += sum(envelope.receipt.source == ALERTS for envelope in envelopes)


def _said(state: DestinationState, envelopes: Sequence[Envelope], now: float) -> None:
    _record_latency(state, envelopes, now)
    state.moved(now)


def _record_latency(state: DestinationState, envelopes: Sequence[Envelope], now: float) -> None:
    """One entry per receipt: the events of one read were accepted together, and stand together."""
    start, stop_all = 0, len(envelopes)
    while start < stop_all:
        receipt = envelopes[start].receipt
        stop = stop_all
        if envelopes[-1].receipt is not receipt:
            stop = bisect_left(envelopes, True, start, stop_all, key=lambda e: e.receipt is not receipt)
        state.counters.latency_s.record(now - receipt.accepted, stop - start)
        start = stop


def bury(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """A dead letter: kept, counted and said."""
    action = work.batch.action
    tries, mapping = _history(work, envelope), state.ways.mapping(action)
    said = storable(state.attempts.mask.text(failure.detail))  # a receiver repeats what it heard
    masked = msgspec.structs.replace(failure, reason=storable(failure.reason), detail=said)
    state.account.bury(envelope, masked, tries, work.version, action=action, mapping=mapping)
    state.counters.classify(failure.reason, failure.fault.value)
    end(state, work, [envelope], "dead", now, failure.reason)
    say_by_tens(state, "events were given up", state.counters.dead_of(failure.reason), failure)


def give_up(state: DestinationState, work: Work, failure: Failure, now: float) -> None:
    """The one event of `work` is a dead letter."""
    state.in_hand.discard(work)
    bury(state, work, work.batch.envelopes[0], failure, now)


# Another try ---------------------------------------------------------------------------------------------------------


def split(state: DestinationState, work: Work, parts: Sequence[Batch], now: float) -> None:
    """The batch takes several requests: each part becomes a work of its own, due at once. What was reserved for it is given back."""
    state.in_hand.discard(work)
    state.refund(work, now)
    for part in parts:
        piece = Work.of(part, work.version, work.rows_of(part))
        piece.history, piece.failing_since = list(work.history), work.failing_since
        piece.mark, piece.attempted, piece.counted, piece.tries = work.mark, work.attempted, work.counted, work.tries
        state.put_back(piece, now)


def sort(state: DestinationState, work: Work, known: Sorted, now: float) -> None:
    """The events go back, and will be batched by the actions that want them."""
    state.in_hand.discard(work)
    state.refund(work, now)
    for envelope in work.batch.envelopes:
        number = envelope.number
        state.ways.found(envelope, work.rows.get(number), known.ways[number], known.prepared[number])
    for parked in work.rows.values():
        state.parked.put(parked, now)
    if not work.rows:
        state.window.add(work.batch.envelopes, now)


def bisect(state: DestinationState, work: Work, now: float, *, counted: int | None = None) -> None:
    """Two works of half the events each."""
    state.in_hand.discard(work)
    for part in work.parts():
        part.counted = part.counted if counted is None else counted
        state.put_back(part, now)


def park(state: DestinationState, work: Work, envelope: Envelope, failure: Failure, now: float) -> None:
    """The event failed by itself: it waits on its own schedule, or has come to its end. Another action goes first, if there is one."""
    parked = work.rows.get(envelope.number)
    if state.ways.postponed(envelope, parked):
        state.go_on(work, [envelope], now)
        return
    if parked is None:
        parked = Parked(envelope, since=now, down_s=state.down_s(now))
    parked.attempts += 1
    parked.reason = failure.reason
    parked.mark = state.blame.mark()
    parked.tries = _history(work, envelope)
    waited_s = now - parked.since - (state.down_s(now) - parked.down_s)
    delay = state.schedule.delay(parked.attempts, failure.after, waited_s=waited_s)
    if delay is None:
        bury(state, work, envelope, failure, now)
        return
    if not work.rows:
        parked.left = state.ways.taken_out(envelope, work.batch.action)
        state.settle([envelope], now)
    state.park(parked, now + delay, waited_s)


def _history(work: Work, envelope: Envelope) -> list[Try]:
    parked = work.rows.get(envelope.number)
    history = parked.tries if parked else []
    for one in work.history:
        history = joined(history, one)
    return history


# What is said of it --------------------------------------------------------------------------------------------------


def hold(state: DestinationState, failure: Failure, was_held: bool) -> None:
    """In the log, when it begins."""
    if not was_held:
        facts = {"destination": state.plan.name, **_facts(failure)}
        _log.error("held: the destination needs attention, its events are kept", extra={"facts": facts})


def say_by_tens(state: DestinationState, message: str, count: int, failure: Failure) -> None:
    """In the log at the 1st, 10th, 100th ... of a reason: never silent, never a flood."""
    if count == 10 ** (len(str(count)) - 1):
        facts = {"destination": state.plan.name, **_facts(failure), "count": count}
        _log.warning(message, extra={"facts": facts})


def _facts(failure: Failure) -> dict[str, str]:
    """What may be logged of a failure. Not what the receiver wrote, nor what a destination said of an event: either may be personal."""
    said_by_us = failure.reason in TransportError.FAULTS
    return {"reason": failure.reason, **({"detail": failure.detail[:200]} if said_by_us else {})}


def event_fault(reason: str, detail: str = "") -> Failure:
    """Of one event, told apart by the receiver, or before there was a request."""
    return Failure(Fault.EVENT, reason, detail=detail)
