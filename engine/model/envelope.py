"""An event plus its receipt, and the chunk: a run of them that is stored, cached and offered as one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .event import AnyEvent, Event


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """When and whence the events of one read came. Shared by all of them."""

    source: str
    """The name of the ingress."""
    received: float
    """UTC, seconds since the epoch."""
    accepted: float
    """Monotonic seconds: for latencies inside this run only."""
    log_id: str = ""
    """The id of the log that numbered them; part of the key of an event without `messageId`."""
    origin: str = ""
    """Of one event that another log numbered: that log's id, and its number there. Its number here is a makeshift."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One event on its way: its number in the log, its bytes as they came, what was read of it, its receipt."""

    number: int
    """The sequence number: given once, by the log, never reused."""
    line: bytes
    """The event's JSON exactly as it came in, without the line end."""
    event: Event | AnyEvent
    receipt: Receipt

    @property
    def key(self) -> str:
        """The idempotency key: `messageId`, else log id and number. Never the content: equal events are legal."""
        return self.event.messageId or self.origin

    @property
    def origin(self) -> str:
        """The log that first numbered it, and its number there."""
        return self.receipt.origin or f"{self.receipt.log_id}-{self.number}"


class Chunk(msgspec.Struct, frozen=True):
    """A run of events with consecutive numbers: the unit of log and mailbox. Never changed after it was made."""

    first: int
    envelopes: Sequence[Envelope]
    size_bytes: int
    """What holding it costs: its lines, and the objects around them."""
    integrations: frozenset[bytes] | None = None
    """The different `integrations` objects of its events, and others maybe; None if nobody has looked. Seen when they came in, while they
    were at hand: to look at each again is a twentieth of what an event costs."""

    @property
    def end(self) -> int:
        """One past the number of its last event: the `first` of the chunk that comes next."""
        return self.first + len(self.envelopes)
