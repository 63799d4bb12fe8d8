"""A destination's position in the log: which events are settled, chunk by chunk.

A chunk is *open* from the moment the actor takes it until the last of its events is settled, in whatever order that
happens. Everything below `watermark` is settled. What is unsettled can always be listed again, which is all that a restarted actor needs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import compress
from operator import not_

import msgspec

from ..journal.records import Position, open_chunk
from ..model.envelope import Chunk, Envelope

MAX_OPEN = 1024
MAX_OPEN_BYTES = 32 * 2**20
"""Of chunks: beyond that a destination takes in nothing new until the oldest are settled. With few that are open it would have too few
batches at hand to tell an outage from a batch that is refused, where chunks are an event each."""


class CursorStatistics(msgspec.Struct, frozen=True):
    """Where a cursor stands."""

    watermark: int
    open_chunks: int
    unsettled: int


class _Open:
    """A chunk with a flag per event (1 = settled). `chunk` is None for one that an earlier life had taken, until it is read again."""

    __slots__ = ("chunk", "count", "first", "flags", "left")

    def __init__(self, first: int, flags: bytearray, chunk: Chunk | None) -> None:
        self.first = first
        self.flags = flags
        self.count = len(flags)
        self.left = flags.count(0)
        self.chunk = chunk

    def check(self, envelopes: Sequence[Envelope]) -> bool:
        """Whether nothing else is unsettled between the first and the last of them: then they are settled as one range.

        Raises ValueError if one of them is settled. Only gaps (filtered events, say) cost a look at each.
        """
        flags, first = self.flags, self.first
        start, stop = envelopes[0].number - first, envelopes[-1].number - first + 1
        if stop - start == len(envelopes):
            again = flags.find(1, start, stop) + first
        else:
            again = next((e.number for e in envelopes if flags[e.number - first]), first - 1)
        if again >= first:
            raise ValueError(f"event {again} is settled already")
        return flags.count(0, start, stop) == len(envelopes)

    def settle(self, envelopes: Sequence[Envelope], whole: bool) -> None:
        """Sets their flags; `whole` is what `check` said."""
        flags, first = self.flags, self.first
        if whole:
            start, stop = envelopes[0].number - first, envelopes[-1].number - first + 1
            flags[start:stop] = b"\1" * (stop - start)
        else:
            for envelope in envelopes:
                flags[envelope.number - first] = 1
        self.left -= len(envelopes)

    def settle_one(self, number: int) -> None:
        """`check` and `settle` of a single event: a request of its own each is what costs most."""
        if self.flags[number - self.first]:
            raise ValueError(f"event {number} is settled already")
        self.flags[number - self.first] = 1
        self.left -= 1

    def unsettled(self) -> list[Envelope]:
        """Those of its events; none before it has been read again."""
        if self.chunk is None:
            return []
        return list(compress(self.chunk.envelopes, map(not_, self.flags)))


class Cursor:
    """Stands at `position`, as it was written, or at the first number it will be shown."""

    def __init__(self, position: Position | int) -> None:
        position = Position(position) if isinstance(position, int) else position
        self.scan = position.scan
        self._open = {open.first: _Open(open.first, open.flags, None) for open in position.open}
        self._firsts = list(self._open)
        self._unread_chunks = len(self._open)
        self._open_bytes = 0

    @property
    def watermark(self) -> int:
        """Every event with a lower number is settled."""
        if not self._firsts:
            return self.scan
        oldest = self._open[self._firsts[0]]
        return oldest.first + oldest.flags.index(0)

    @property
    def is_wide(self) -> bool:
        """Whether so many chunks are open that no other should be."""
        return len(self._firsts) >= MAX_OPEN or self._open_bytes >= MAX_OPEN_BYTES

    @property
    def unread(self) -> int | None:
        """The first chunk that an earlier life had taken and this one has not read yet."""
        return next(first for first in self._firsts if self._open[first].chunk is None) if self._unread_chunks else None

    @property
    def oldest(self) -> Envelope | None:
        """The first event that is taken and not settled; None if there is none, or it has not been read again."""
        place = self._open[self._firsts[0]] if self._firsts else None
        return place.chunk.envelopes[place.flags.index(0)] if place and place.chunk else None

    def position(self) -> Position:
        """As it is written."""
        return Position(self.scan, tuple([open_chunk(first, self._open[first].flags) for first in self._firsts]))

    def open(self, chunk: Chunk) -> None:
        """`chunk` is taken for delivery. What lies between it and the last one was dropped, and counts as settled."""
        if chunk.first < self.scan:
            raise ValueError(f"chunk {chunk.first} was taken already, the scan is at {self.scan}")
        self.scan = chunk.end
        self._open[chunk.first] = _Open(chunk.first, bytearray(len(chunk.envelopes)), chunk)
        self._firsts.append(chunk.first)
        self._open_bytes += chunk.size_bytes

    def reopen(self, chunk: Chunk) -> list[Envelope]:
        """`chunk`, taken by an earlier life, is here again: its events that are not settled."""
        place = self._open[chunk.first]
        if place.chunk is not None or place.count != len(chunk.envelopes):
            raise ValueError(f"chunk {chunk.first} is open already, or another one")
        place.chunk = chunk
        self._unread_chunks -= 1
        self._open_bytes += chunk.size_bytes
        return place.unsettled()

    def skip(self, first: int, last: int) -> int:
        """The events `first` to `last` will not be delivered: they are gone. Returns how many of them were not settled.

        They are a chunk that an earlier life had taken, or what comes next.
        """
        place = self._open.get(first)
        if place is None:
            self.scan = max(self.scan, last + 1)
            return last - first + 1
        left = place.left
        self._close(place)
        return left

    def settle(self, envelopes: Sequence[Envelope]) -> list[Chunk]:
        """Marks open events, in ascending order, as settled. Returns the chunks that closed by it.

        Raises ValueError, before anything is changed, when one of them is settled already or was never taken.
        """
        if len(envelopes) == 1:
            place = self._place(envelopes[0].number)
            place.settle_one(envelopes[0].number)
            return self._closed([place]) if not place.left else []
        pieces = [(place, piece, place.check(piece)) for place, piece in self._pieces(envelopes)]
        for place, piece, is_whole in pieces:
            place.settle(piece, is_whole)
        return self._closed([place for place, _, _ in pieces if not place.left])

    def unsettled(self) -> list[Envelope]:
        """Every event taken and not settled, in order."""
        return [envelope for first in self._firsts for envelope in self._open[first].unsettled()]

    def statistics(self) -> CursorStatistics:
        """Where it stands."""
        return CursorStatistics(self.watermark, len(self._open), sum(place.left for place in self._open.values()))

    def __repr__(self) -> str:
        return f"<Cursor at {self.watermark}, {len(self._open)} chunks open, scan at {self.scan}>"

    def _closed(self, places: Sequence[_Open]) -> list[Chunk]:
        """The chunks of places that have nothing left: they are open no more, if they have been read."""
        closed = [(place, place.chunk) for place in places if place.chunk is not None]
        for place, _ in closed:
            self._close(place)
        return [chunk for _, chunk in closed]

    def _close(self, place: _Open) -> None:
        del self._open[place.first]
        self._firsts.remove(place.first)
        if place.chunk is None:
            self._unread_chunks -= 1
        else:
            self._open_bytes -= place.chunk.size_bytes

    def _pieces(self, envelopes: Sequence[Envelope]) -> list[tuple[_Open, Sequence[Envelope]]]:
        """The events by the open chunk they belong to."""
        pieces: list[tuple[_Open, Sequence[Envelope]]] = []
        start, count = 0, len(envelopes)
        while start < count:
            place = self._place(envelopes[start].number)
            stop, end = count, place.first + place.count
            if envelopes[-1].number >= end:
                stop = bisect_left(envelopes, end, start, key=_number)
            pieces.append((place, envelopes[start:stop] if stop - start < count else envelopes))
            start = stop
        return pieces

    def _place(self, number: int) -> _Open:
        """The open chunk that an event is in."""
        index = bisect_right(self._firsts, number) - 1
        place = self._open[self._firsts[index]] if index >= 0 else None
        if place is None or number >= place.first + place.count:
            raise ValueError(f"event {number} is settled already, or was never taken")
        return place


def _number(envelope: Envelope) -> int:
    return envelope.number
