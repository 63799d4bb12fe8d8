"""A mailbox: a bounded cache over the log, in front of one actor.

It takes only the chunk that comes next, so nothing is missing in what it holds but what was dropped on purpose (`skip`).
When it is full it refuses; from then on the destination is *behind* (`next < log.end`) and fetches from the log at its own
pace until `next` has caught up, when offers fit again. An empty mailbox admits one chunk, however big.
"""

from __future__ import annotations

from collections import deque

import msgspec

from ..errors import WouldBlock
from ..model.envelope import Chunk, Envelope


class MailboxStatistics(msgspec.Struct, frozen=True):
    """What a mailbox holds right now."""

    chunks: int
    events: int
    size_bytes: int
    next: int


class Mailbox:
    """Bounded in bytes and in events; `next` is the number it waits for."""

    def __init__(self, next: int, max_bytes: int, max_events: int) -> None:
        self.next = next
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._chunks: deque[Chunk] = deque()
        self._size_bytes = 0
        self._events = 0

    def __len__(self) -> int:
        return self._events

    def offer_nowait(self, chunk: Chunk) -> None:
        """Takes `chunk`. Raises `WouldBlock` if it is not the one that comes next, or does not fit."""
        if chunk.first != self.next or not self._fits(chunk):
            raise WouldBlock
        self._chunks.append(chunk)
        self._size_bytes += chunk.size_bytes
        self._events += len(chunk.envelopes)
        self.next = chunk.end

    def resize(self, max_bytes: int, max_events: int) -> None:
        """Other limits from here on; what is in it stays."""
        self._max_bytes, self._max_events = max_bytes, max_events

    def skip(self, chunk: Chunk) -> None:
        """Passes over `chunk`, which must be the one that comes next: it was dropped, or is read from the log directly."""
        if chunk.first != self.next:
            raise WouldBlock
        self.next = chunk.end

    def take_nowait(self) -> Chunk:
        """The oldest chunk. Raises `WouldBlock` when there is none."""
        if not self._chunks:
            raise WouldBlock
        chunk = self._chunks.popleft()
        self._size_bytes -= chunk.size_bytes
        self._events -= len(chunk.envelopes)
        return chunk

    def forget(self, before: int) -> None:
        """Gives up the chunks before number `before`, and waits for that one if it is further on."""
        while self._chunks and self._chunks[0].first < before:
            self.take_nowait()
        self.next = max(self.next, before)

    @property
    def oldest(self) -> Envelope | None:
        """The event that is taken next."""
        return self._chunks[0].envelopes[0] if self._chunks else None

    def take_all(self) -> list[Envelope]:
        """All events in it, in order. It is empty afterwards."""
        envelopes = [envelope for chunk in self._chunks for envelope in chunk.envelopes]
        self._chunks.clear()
        self._size_bytes = self._events = 0
        return envelopes

    def statistics(self) -> MailboxStatistics:
        """What it holds right now."""
        return MailboxStatistics(len(self._chunks), self._events, self._size_bytes, self.next)

    def __repr__(self) -> str:
        return f"<Mailbox {self._events} events, {self._size_bytes} of {self._max_bytes} bytes, next {self.next}>"

    def _fits(self, chunk: Chunk) -> bool:
        if not self._chunks:
            return True
        fits_bytes = self._size_bytes + chunk.size_bytes <= self._max_bytes
        return fits_bytes and self._events + len(chunk.envelopes) <= self._max_events
