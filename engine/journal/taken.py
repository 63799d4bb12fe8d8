"""Events on their way into a commit.

What the thread that writes needs of them is made in the loop, where they were decoded a moment ago: that thread would fetch each line
and each id from another processor's cache, and keep the interpreter to itself meanwhile: a quarter of a microsecond an event.
"""

from __future__ import annotations

import anyio

from ..errors import Closed
from .blob import joined
from .commits import Arrival
from .dedup import Sifted
from .store import hashes_of


class Taken:
    """What one read of one ingress brought; also the `Ticket` for it."""

    __slots__ = (
        "arrival",
        "closed",
        "cost",
        "decoded",
        "done",
        "duplicates",
        "first",
        "offset_s",
        "received",
        "size_bytes",
        "source",
    )

    def __init__(self, sifted: Sifted, source: str, received: float, cost: int, offset_s: float) -> None:
        """`offset_s`: how far the wall clock, which said `received`, was from the monotonic one."""
        self.decoded = decoded = sifted.decoded
        self.duplicates = sifted.duplicates
        self.source = source
        self.received = received
        self.cost = cost
        self.offset_s = offset_s
        hashes = hashes_of([event.messageId for event in decoded.events])
        self.arrival = Arrival(joined(source, received, decoded.lines), hashes, sifted.digests)
        self.size_bytes = len(self.arrival.piece.body) + bool(decoded.lines)
        self.done = anyio.Event()
        self.first: int | None = None
        self.closed = False

    async def stored(self) -> int | None:
        """See `Ticket`."""
        await self.done.wait()
        if self.closed:
            raise Closed("the engine ended before the journal had room for it")
        return self.first

    def __repr__(self) -> str:
        return f"<Taken {len(self.decoded.lines)} events from {self.source}, first {self.first}>"
