"""Which way each event goes at a destination with actions: the one that it is for next, and what it may share a request with.

A destination without actions has one way for all, and none of this costs it anything.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from operator import attrgetter
from typing import Any

from ..model.batch import Batch
from ..model.envelope import Envelope
from ..sdk.actions import ActionDestination
from ..sdk.destination import Destination
from .left import End, Left
from .parked import Parked

_number = attrgetter("number")


class Ways:
    """Of one destination. Outlives plans: what an event has behind it is not done again under the next one."""

    def __init__(self, destination: Destination[Any], *, late: bool = False) -> None:
        self.generation = 0
        """How many plans there were: what was made under one of them does not hold under the next."""
        self._left: dict[int, Left] = {}
        """Of events that more than one action wants, by number; those of parked ones are with them."""
        self.adopt(destination, late=late)

    def adopt(self, destination: Destination[Any], *, late: bool = False) -> None:
        """From here on the actions of `destination` are the ones there are.

        `late`: functions change events, so which actions want one is known only when it has been through them.
        """
        self.generation += 1
        self._destination = destination if isinstance(destination, ActionDestination) else None
        self._late = late
        self._only = None if late or self._destination is None else self._destination.only
        self._prepared: dict[int, Envelope] = {}
        """What functions made of events that are on their way, by number: none goes through them again for each action."""

    def __bool__(self) -> bool:
        """Whether events have to be told apart: not where there is one way for all, and none is in the middle of several."""
        return self._destination is not None and (self._only is None or bool(self._left))

    @property
    def are_actions(self) -> bool:
        """Whether parked events have to be told apart: what they have left may be actions that there are no more."""
        return self._destination is not None

    def key(self, envelope: Envelope) -> Hashable:
        """The action that the event is for, and what it may share a request with: a batch has one of both."""
        assert self._destination is not None
        left = self._left.get(envelope.number)
        if left is not None:
            name = self._next(left)
        elif self._late:
            return "", None
        else:
            wanted = self._destination.wanted(envelope)
            if len(wanted) > 1:
                self._left[envelope.number] = Left(list(wanted))
            name = wanted[0] if wanted else ""
        return name, self._destination.key_of(name, self._prepared.get(envelope.number, envelope))

    def parked_key(self, parked: Parked) -> Hashable:
        """The same for a parked event."""
        assert self._destination is not None
        if parked.left is None and self._late:
            return "", None
        if parked.left is None:
            parked.left = Left(list(self._destination.wanted(parked.envelope)))
        name = self._next(parked.left)
        return name, self._destination.key_of(name, parked.envelope)

    def limits(self, key: Hashable) -> tuple[int, int]:
        """Events and bytes of a batch with this key, at most; the sky where the receiver is the user's own."""
        assert self._destination is not None
        assert isinstance(key, tuple)
        limits = self._destination.limits_of(key[0])
        return (limits.max_events, limits.max_bytes) if limits.are_fixed else (sys.maxsize, sys.maxsize)

    def batch(self, batch: Batch, rows: Sequence[Parked] = ()) -> Batch:
        """As it was cut from the window, or made of parked events: in order of numbers, and for its action."""
        if self._destination is None:
            return batch
        if self._only is not None and not self._left and not rows:
            return Batch(batch.envelopes, self._only)
        key = self.parked_key(rows[0]) if rows else self.key(batch.envelopes[0])
        assert isinstance(key, tuple)
        return Batch(sorted(batch.envelopes, key=_number), key[0])

    # With insert functions ----------------------------------------------------------------------------------------

    def are_unknown(self, batch: Batch) -> bool:
        """Whether it has to be found out yet which actions want these events."""
        return self._late and self._destination is not None and not batch.action

    def wanted(self, envelope: Envelope) -> tuple[str, ...]:
        """The actions that want the event as it is now."""
        assert self._destination is not None
        return self._destination.wanted(envelope)

    def found(self, envelope: Envelope, row: Parked | None, names: Sequence[str], prepared: Envelope) -> None:
        """Now it is known."""
        left = Left(list(names))
        if row:
            row.left = left
        else:
            self._left[envelope.number] = left
            self._prepared[envelope.number] = prepared

    def prepared_of(self, batch: Batch) -> list[Envelope] | None:
        """The events as functions made them, if that is known of all."""
        if not self._prepared:
            return None
        found = [self._prepared.get(envelope.number) for envelope in batch.envelopes]
        known = [envelope for envelope in found if envelope is not None]
        return known if len(known) == len(batch) else None

    # At the end of an action ----------------------------------------------------------------------------------------

    def mapping(self, action: str) -> str:
        """The version of the mapping by which the action is served; "" where there is none."""
        return self._destination.mapping_of(action) if self._destination else ""

    def ended(
        self, envelope: Envelope, row: Parked | None, end: End, reason: str, action: str
    ) -> tuple[End, str, str] | None:
        """The event is done with `action`. If that was the last: what it counts as, why, and under which action; else None."""
        left = row.left if row else self._left.get(envelope.number)
        if left is None:
            return end, reason, action
        if not left.ended(end, reason, action):
            return None
        self._left.pop(envelope.number, None)
        self._prepared.pop(envelope.number, None)
        assert left.end
        return left.end, left.reason, left.action

    def postponed(self, envelope: Envelope, row: Parked | None) -> bool:
        """The event failed for now. Whether it goes on with another action first."""
        left = row.left if row else self._left.get(envelope.number)
        return left is not None and left.postponed()

    def taken_out(self, envelope: Envelope, action: str) -> Left | None:
        """Of an event that is being parked: what it has left goes with it."""
        if self._destination is None:
            return None
        self._prepared.pop(envelope.number, None)
        return self._left.pop(envelope.number, None) or Left([action] if action else [])

    def begun(self, envelope: Envelope) -> Left | None:
        """What is left of an event that came to an end in some of its actions, to be parked; None of any other."""
        return self._left.pop(envelope.number) if self.has_begun(envelope) else None

    def has_begun(self, envelope: Envelope) -> bool:
        """Whether an action is done with the event, and another is not."""
        left = self._left.get(envelope.number)
        return left is not None and bool(left.end)

    def drop(self, numbers: Sequence[int]) -> None:
        """These events come no further."""
        for number in numbers:
            self._left.pop(number, None)
            self._prepared.pop(number, None)

    def forget(self) -> None:
        """Nothing is left of anything."""
        self._left.clear()
        self._prepared.clear()

    def _next(self, left: Left) -> str:
        """The first of those left that there still is; "" if there is none: then the event is filtered when it is sent."""
        assert self._destination is not None
        while len(left.actions) > 1 and not self._destination.has(left.actions[0]):
            left.ended("filtered", "no_action")
        return left.actions[0] if left.actions and self._destination.has(left.actions[0]) else ""
