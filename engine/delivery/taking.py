"""What a destination takes in, and what of it is to be sent: chunks as they are stored or found in the log, and parked events.

    chunk -> mailbox, or only the log -> taken in -> wanted: the window · filtered: settled · unreadable, or deadly: a dead letter

Each function is one synchronous step on the state. None fetches, that is the actor's; none gives up what waits too long, that is
`backlog`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import not_

from ..errors import Fault, WouldBlock
from ..journal.records import Gap, ParkedEvent, Try
from ..model.envelope import Chunk, Envelope
from ..model.outcome import UNREADABLE, Failure
from .ending import say_by_tens
from .left import Left
from .parked import Parked
from .state import DestinationState

# Into the mailbox ----------------------------------------------------------------------------------------------------


def offer(state: DestinationState, chunk: Chunk) -> None:
    """A chunk was stored. If it does not fit, it stays in the log, or is dropped if that is what the user wants."""
    state.counters.offered += len(chunk.envelopes)
    try:
        state.mailbox.offer_nowait(chunk)
    except WouldBlock:
        if state.plan.overflow == "drop_newest" and chunk.first == state.mailbox.next:
            _drop(state, chunk)
        return
    if state.plan.overflow == "drop_newest":
        state.account.release(chunk)  # it holds what it has by itself: the log must not fill up because of it
    state.alarm.ring()


def _drop(state: DestinationState, chunk: Chunk) -> None:
    """`chunk` is the next one: whoever is behind drops nothing until it has caught up. The cursor passes over it with what follows."""
    state.mailbox.skip(chunk)
    state.counters.count_dropped(len(chunk.envelopes))
    state.account.release(chunk)
    state.moved(state.clock.monotonic())


# Into the window -----------------------------------------------------------------------------------------------------


def has_room(state: DestinationState, now: float) -> bool:
    """Whether another chunk should be scanned now: not while a batch is ready, or too much is parked."""
    if state.parked.is_full or state.window.due(now) == 0.0:
        return False
    return not state.cursor.is_wide or state.cursor.unread is not None


def take_in(state: DestinationState, chunk: Chunk, now: float) -> None:
    """Scans the next chunk of the log: what is for this destination goes into the window, the rest is settled."""
    state.cursor.open(chunk)
    state.account.took(chunk)
    _sort(state, chunk, now)


def take_in_again(state: DestinationState, chunk: Chunk, now: float) -> None:
    """The same for a chunk that was taken in an earlier life of the process: some of its events are settled."""
    unsettled = state.cursor.reopen(chunk)
    _sort(state, Chunk(unsettled[0].number, unsettled, chunk.size_bytes), now, again=True)


def miss(state: DestinationState, gap: Gap) -> None:
    """The log does not hold these events any more: they are counted, and said."""
    missed = state.cursor.skip(gap.first, gap.last)
    state.mailbox.next = max(state.mailbox.next, state.cursor.scan)
    state.counters.count_expired(missed)
    state.account.missed(gap)
    state.log_change(f"events are {gap.reason}", first=gap.first, last=gap.last, count=missed)
    state.moved(state.clock.monotonic())


def _sort(state: DestinationState, chunk: Chunk, now: float, *, again: bool = False) -> None:
    """`again`: it was sorted under settings that may have been others, and some of it may have been tried: so what is filtered now is
    noted for explain, which knows of the others by the settings."""
    chunk = _without_culprit(state, chunk, now)
    envelopes, reasons = chunk.envelopes, state.scan(chunk)
    if reasons is None:
        state.window.add(envelopes, now)
        return
    state.window.add(list(compress(envelopes, map(not_, reasons))), now)
    for reason in set(filter(None, reasons)):
        if reason == UNREADABLE.reason:
            _bury_undecodable(state, _of(reason, envelopes, reasons))
            continue
        state.counters.count_filtered(reason, reasons.count(reason))
        if again:
            state.account.tried("filtered", _of(reason, envelopes, reasons), began=now, reason=reason)
    state.settle(list(compress(envelopes, reasons)), now)


def _of(reason: str, envelopes: Sequence[Envelope], reasons: Sequence[str | None]) -> list[Envelope]:
    return [envelope for envelope, why in zip(envelopes, reasons, strict=True) if why == reason]


def _bury_undecodable(state: DestinationState, envelopes: Sequence[Envelope]) -> None:
    """What decides whether these are for this destination cannot be read: nobody filtered them, it is their own fault."""
    for envelope in envelopes:
        state.account.bury(envelope, UNREADABLE, [], state.plan.version)
        state.counters.count_dead(UNREADABLE.reason)
        say_by_tens(state, "events were given up", state.counters.dead_of(UNREADABLE.reason), UNREADABLE)


def _without_culprit(state: DestinationState, chunk: Chunk, now: float) -> Chunk:
    culprit = state.careful.culprit
    if culprit is None or not chunk.first <= culprit <= chunk.envelopes[-1].number:
        return chunk
    guilty = [envelope for envelope in chunk.envelopes if envelope.number == culprit]
    for envelope in guilty:
        _condemn(state, envelope, [])
        state.settle(guilty, now)
    return Chunk(chunk.first, [e for e in chunk.envelopes if e.number != culprit], chunk.size_bytes)


def _condemn(state: DestinationState, envelope: Envelope, tries: list[Try]) -> None:
    """The process died while this event, alone, was being sent."""
    failure = Failure(Fault.EVENT, "process_died", detail="the process ended while this event was being sent")
    state.account.bury(envelope, failure, tries, state.plan.version)
    state.counters.count_dead(failure.reason)
    state.careful.condemned()
    state.log_change("given up: the process died of this event", number=envelope.number)


# Among the parked ----------------------------------------------------------------------------------------------------


def adopt(state: DestinationState, replayed: Sequence[ParkedEvent]) -> None:
    """Events that are sent again: they are in the journal as parked, from now on here too."""
    state.counters.replayed += len(replayed)
    unpack(state, replayed)
    state.account.adopted(replayed)
    state.alarm.ring()


def unpack(state: DestinationState, rows: Sequence[ParkedEvent]) -> None:
    """Parked events as they are written. The wall clock may have jumped since: none waits longer than it was to wait in all."""
    now, utc = state.clock.monotonic(), state.clock.utc()
    for found in rows:
        planned_s = found.due - found.tries[-1].at if found.tries else state.schedule.longest_s
        waits_s = max(0.0, min(found.due - utc, planned_s, state.schedule.longest_s))
        parked = Parked(
            state.account.envelope(found),
            since=now - found.waited_s,
            down_s=0.0,
            tries=found.tries,
            replay=found.replay,
            left=Left(list(found.actions)) if found.actions else None,
        )
        parked.attempts = found.attempts
        parked.mark = state.blame.mark()
        parked.reason = found.tries[-1].reason if found.tries else ""
        if found.number == state.careful.culprit:
            _condemn(state, parked.envelope, parked.tries)
            state.account.unpark(found.number)
        else:
            state.parked.put(parked, now + waits_s)
