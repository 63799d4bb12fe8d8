"""What an ingress is given to hand events on to: the pipeline, seen from below."""

from __future__ import annotations

from typing import Protocol

from ..journal import Ticket
from ..model.lines import Lines


class Intake(Protocol):
    """Where lines go. One call at a time per connection."""

    async def accept(self, read: Lines, source: str) -> Ticket:
        """Takes all of `read`; the ticket says when each line is dealt with: stored as durably as configured, or rejected and counted.

        Waits while there is no room, so an ingress exerts back-pressure simply by not reading on until this returns.
        Never raises for bad data. Raises `Closed` once the engine accepts no more.
        """
        ...
