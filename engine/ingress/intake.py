"""What an ingress is given to hand events on to: the pipeline, seen from below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..journal import Ticket
from ..model.decode import Rejection
from ..model.lines import Lines


class Outcome(Protocol):
    """What became of a submission: every event is accepted, a repeat, or rejected."""

    @property
    def accepted(self) -> int:
        """How many are stored, as durably as configured."""
        ...

    @property
    def rejected(self) -> Sequence[Rejection]:
        """The others, with the number of each in its input."""
        ...

    @property
    def duplicates(self) -> int:
        """Accepted before."""
        ...


class Intake(Protocol):
    """Where lines go. One call at a time per connection."""

    async def accept(self, read: Lines, source: str) -> Ticket:
        """Takes all of `read`; the ticket says when each line is dealt with: stored as durably as configured, or rejected and counted.

        Waits while there is no room, so an ingress exerts back-pressure simply by not reading on until this returns.
        Never raises for bad data. Raises `Closed` once the engine accepts no more.
        """
        ...

    async def submit(self, read: Lines, source: str) -> Outcome:
        """The same, and waits until all of it is dealt with."""
        ...

    @property
    def has_room(self) -> bool:
        """False if it is known already that nothing can be stored just now."""
        ...
