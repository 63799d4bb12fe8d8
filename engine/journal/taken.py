"""Events on their way into a commit."""

from __future__ import annotations

import anyio

from ..errors import Closed
from .blob import Piece
from .commits import Arrival
from .dedup import Sifted
from .store import hashes_of


class Taken:
    """What one read of one ingress brought; also the `Ticket` for it."""

    __slots__ = (
        "closed",
        "cost",
        "decoded",
        "digests",
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
        self.digests = sifted.digests
        self.duplicates = sifted.duplicates
        self.source = source
        self.received = received
        self.cost = cost
        self.offset_s = offset_s
        self.size_bytes = sum(map(len, decoded.lines)) + len(decoded.lines)
        self.done = anyio.Event()
        self.first: int | None = None
        self.closed = False

    async def stored(self) -> int | None:
        """See `Ticket`."""
        await self.done.wait()
        if self.closed:
            raise Closed("the engine ended before the journal had room for it")
        return self.first

    def arrival(self) -> Arrival:
        """For the store. Made in its thread: hashing is not for the loop."""
        hashes = hashes_of([event.messageId for event in self.decoded.events])
        return Arrival(Piece(self.source, self.received, self.decoded.lines), hashes, self.digests)

    def __repr__(self) -> str:
        return f"<Taken {len(self.decoded.lines)} events from {self.source}, first {self.first}>"
