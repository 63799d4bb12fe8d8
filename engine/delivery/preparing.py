"""What is done to events at each attempt before a destination sees them, by the settings of this moment.

    batch -> consent, again -> fields taken out -> insert functions -> [ which actions, if that was not known ] -> the destination's sender

Events that end here (disabled, no consent, dropped by a function) never reach the destination; the others do as they are now. Whatever
comes back is about the events as they came in: those are what is kept, parked and sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from ..errors import DestinationError
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.lines import Lines
from ..model.outcome import Filtered, Outcome, Rejected
from ..sdk.actions import NO_ACTION
from .preparation import Inserted, Inserter, Preparation
from .sender import Attempted, Partial, Sender, Sorted, Split, failure_of
from .ways import Ways


class PreparingSender:
    """Prepares a batch, then has it sent."""

    def __init__(self, inner: Sender, preparation: Preparation, ways: Ways) -> None:
        self._inner = inner
        self._does = preparation
        self._ways = ways
        self._opened: list[Inserter] = []

    async def open(self) -> None:
        """Insert functions first."""
        for inserter in self._does.inserters:
            await inserter.open()
            self._opened.append(inserter)
        await self._inner.open()

    async def attempt(self, batch: Batch) -> Attempted:
        """See `Sender`."""
        generation = self._ways.generation
        outcomes = self._without_consent(batch)
        left = [position for position in range(len(batch)) if position not in outcomes]
        try:
            prepared = await self._prepared(batch, left, outcomes)
        except DestinationError as error:  # the function was not called at all
            left = [position for position in left if position not in outcomes]
            return _of_whole(batch, left, outcomes, failure_of(error, sent=False))
        left = [position for position in left if position not in outcomes]
        rest: Attempted | None = None
        if left and self._ways.generation != generation:  # a reload meanwhile, and nothing was sent: formed anew
            rest = Split([batch.take(left)])
        elif left and self._ways.are_unknown(batch):
            rest, left = self._sorted(left, prepared, outcomes)
        elif left:
            rest = await self._inner.attempt(Batch(prepared, batch.action))
        return _of_whole(batch, left, outcomes, rest)

    async def close(self) -> None:
        """In the other order; insert functions, which others use too, whatever becomes of the destination's own closing."""
        async with AsyncExitStack() as stack:
            for inserter in self._opened:
                stack.push_async_callback(inserter.close)
            self._opened = []
            stack.push_async_callback(self._inner.close)

    def _without_consent(self, batch: Batch) -> dict[int, Outcome]:
        permits = self._does.permits
        if permits is None:
            return {}
        return {place: NO_CONSENT for place, envelope in enumerate(batch.envelopes) if not permits(envelope)}

    async def _prepared(self, batch: Batch, left: Sequence[int], outcomes: dict[int, Outcome]) -> list[Envelope]:
        """The events at `left`, as the destination is to see them; those that come to an end meanwhile go to `outcomes`."""
        known = self._ways.prepared_of(batch)
        if known is not None:
            return [known[position] for position in left]
        envelopes = [batch.envelopes[position] for position in left]
        places = list(left)
        if self._does.without_fields is not None:
            made: Inserted = [self._does.without_fields(envelope.line) for envelope in envelopes]
            places, envelopes = self._inserted(places, envelopes, made, outcomes)
        for inserter in self._does.inserters:
            if envelopes:
                made = await inserter.transform(Batch(envelopes, batch.action))
                places, envelopes = self._inserted(places, envelopes, made, outcomes)
        return envelopes

    def _sorted(
        self, left: list[int], prepared: list[Envelope], outcomes: dict[int, Outcome]
    ) -> tuple[Sorted | None, list[int]]:
        ways = {envelope.number: self._ways.wanted(envelope) for envelope in prepared}
        wanted = [(place, envelope) for place, envelope in zip(left, prepared, strict=True) if ways[envelope.number]]
        places = [place for place, _ in wanted]
        outcomes |= {place: NO_ACTION for place in left if place not in places}
        if not wanted:
            return None, []
        kept = {envelope.number: envelope for _, envelope in wanted}
        return Sorted({number: ways[number] for number in kept}, kept), places

    def _inserted(
        self, places: list[int], envelopes: list[Envelope], made: Inserted, outcomes: dict[int, Outcome]
    ) -> tuple[list[int], list[Envelope]]:
        kept: list[tuple[int, Envelope]] = []
        for place, result in zip(places, self._read_again(envelopes, made), strict=True):
            if isinstance(result, Envelope):
                kept.append((place, result))
            else:
                outcomes[place] = result
        return [place for place, _ in kept], [envelope for _, envelope in kept]

    def _read_again(self, envelopes: list[Envelope], made: Inserted) -> list[Envelope | Outcome]:
        """What was made of events, read as on arrival: all that changed at once."""
        results: list[Envelope | Outcome] = []
        changed: dict[int, bytes] = {}
        for place, (envelope, result) in enumerate(zip(envelopes, made, strict=True)):
            if isinstance(result, bytes) and result is not envelope.line:
                changed[place] = result
            results.append(envelope if isinstance(result, bytes) else result)
        decoded = self._does.decoder.decode(Lines(list(changed.values()), list(changed)))
        for refused in decoded.rejected:
            results[refused.number] = Rejected("invalid_after_function", refused.reason)
            del changed[refused.number]
        for (place, line), event in zip(changed.items(), decoded.events, strict=True):
            before = envelopes[place]
            results[place] = Envelope(before.number, line, event, before.receipt)
        return results


class Disabled:
    """In place of a sender where `enabled = false`: what was taken in before that ends as what comes in now does, and nothing is sent."""

    async def open(self) -> None:
        """Nothing."""

    async def attempt(self, batch: Batch) -> Attempted:
        """See `Sender`."""
        return Partial(dict.fromkeys(range(len(batch)), DISABLED), None)

    async def close(self) -> None:
        """Nothing."""


NO_CONSENT = Filtered("consent")
DISABLED = Filtered("disabled")


def _of_whole(batch: Batch, left: Sequence[int], outcomes: dict[int, Outcome], rest: Attempted | None) -> Attempted:
    """What came back, about the events at `left`, told of the whole batch and of its events as they came in."""
    if isinstance(rest, Partial):
        outcomes = {**outcomes, **{left[position]: outcome for position, outcome in rest.outcomes.items()}}
        rest = rest.rest
    if isinstance(rest, Split):
        rest = Split([_originals(batch, part) for part in rest.parts])
    if not outcomes and rest is not None:
        return rest
    return Partial(outcomes, rest)


def _originals(batch: Batch, part: Batch) -> Batch:
    by_number = {envelope.number: envelope for envelope in batch.envelopes}
    return Batch([by_number[envelope.number] for envelope in part.envelopes], part.action)
