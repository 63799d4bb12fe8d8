"""A batch: the envelopes of one request, in order, carried together so that a result can never settle the wrong ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from .envelope import Envelope

_line = attrgetter("line")


class Batch(msgspec.Struct, frozen=True):
    """Never empty, never changed. A part of it (`split`, `take`) is a batch of its own, with a key of its own."""

    envelopes: Sequence[Envelope]
    action: str = ""
    """The name of the action that it is for; "" at a destination that has none."""

    def __len__(self) -> int:
        return len(self.envelopes)

    @property
    def first(self) -> int:
        """The lowest sequence number in it: a sink names its output after this, so that a repeat overwrites itself."""
        return self.envelopes[0].number

    @property
    def lines(self) -> list[bytes]:
        """The events' bytes, in order."""
        return list(map(_line, self.envelopes))

    @property
    def key(self) -> str:
        """The idempotency key: the event's own for a single one, else the SHA-256 of the ordered keys.

        New content means a new key, and the same batch again means the same key. Two actions are two contents.
        """
        if len(self.envelopes) == 1:
            return f"{self.envelopes[0].key}-{self.action}" if self.action else self.envelopes[0].key
        keys = "\n".join([envelope.event.messageId or envelope.key for envelope in self.envelopes])
        return hashlib.sha256(f"{keys}\n{self.action}".encode() if self.action else keys.encode()).hexdigest()

    def split(self) -> tuple[Batch, Batch]:
        """Two halves, the first never smaller than the second. Needs two events or more."""
        middle = (len(self.envelopes) + 1) // 2
        return Batch(self.envelopes[:middle], self.action), Batch(self.envelopes[middle:], self.action)

    def take(self, positions: Sequence[int]) -> Batch:
        """The events at `positions`, in that order."""
        return Batch([self.envelopes[position] for position in positions], self.action)
