"""A destination's position in the log: which events are settled, chunk by chunk.

A chunk is *open* from the moment the actor takes it until the last of its events is settled, in whatever order that
happens. Everything below `watermark` is settled. What is unsettled can always be listed again, which is all that a restarted actor needs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from ..model.envelope import Chunk, Envelope


class CursorStatistics(msgspec.Struct, frozen=True):
    """Where a cursor stands."""

    watermark: int
    open_chunks: int
    unsettled: int


class _Open:
    """A chunk with a flag per event (1 = settled)."""

    __slots__ = ("chunk", "flags", "left")

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.left = len(chunk.envelopes)
        self.flags = bytearray(self.left)

    def check(self, envelopes: Sequence[Envelope]) -> bool:
        """Whether nothing else is unsettled between the first and the last of them: then they are settled as one range.

        Raises ValueError if one of them is settled. Only gaps (filtered events, say) cost a look at each.
        """
        flags, first = self.flags, self.chunk.first
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
        flags, first = self.flags, self.chunk.first
        if whole:
            start, stop = envelopes[0].number - first, envelopes[-1].number - first + 1
            flags[start:stop] = b"\1" * (stop - start)
        else:
            for envelope in envelopes:
                flags[envelope.number - first] = 1
        self.left -= len(envelopes)


class Cursor:
    """Starts at `scan`, the number of the first event it will be shown."""

    def __init__(self, scan: int) -> None:
        self.scan = scan
        self._open: dict[int, _Open] = {}
        self._firsts: list[int] = []

    @property
    def watermark(self) -> int:
        """Every event with a lower number is settled."""
        if not self._firsts:
            return self.scan
        oldest = self._open[self._firsts[0]]
        return oldest.chunk.first + oldest.flags.index(0)

    def open(self, chunk: Chunk) -> None:
        """`chunk` is taken for delivery. What lies between it and the last one was dropped, and counts as settled."""
        if chunk.first < self.scan:
            raise ValueError(f"chunk {chunk.first} was taken already, the scan is at {self.scan}")
        self.scan = chunk.end
        self._open[chunk.first] = _Open(chunk)
        self._firsts.append(chunk.first)

    def settle(self, envelopes: Sequence[Envelope]) -> list[Chunk]:
        """Marks open events, in ascending order, as settled. Returns the chunks that closed by it.

        Raises ValueError, before anything is changed, when one of them is settled already or was never taken.
        """
        pieces = self._pieces(envelopes)
        whole = [place.check(piece) for place, piece in pieces]
        closed = []
        for (place, piece), is_whole in zip(pieces, whole, strict=True):
            place.settle(piece, is_whole)
            if not place.left:
                closed.append(place.chunk)
                del self._open[place.chunk.first]
                self._firsts.remove(place.chunk.first)
        return closed

    def unsettled(self) -> list[Envelope]:
        """Every event taken and not settled, in order."""
        return [
            envelope
            for first in self._firsts
            for envelope, settled in zip(self._open[first].chunk.envelopes, self._open[first].flags, strict=True)
            if not settled
        ]

    def statistics(self) -> CursorStatistics:
        """Where it stands."""
        return CursorStatistics(self.watermark, len(self._open), sum(place.left for place in self._open.values()))

    def __repr__(self) -> str:
        return f"<Cursor at {self.watermark}, {len(self._open)} chunks open, scan at {self.scan}>"

    def _pieces(self, envelopes: Sequence[Envelope]) -> list[tuple[_Open, Sequence[Envelope]]]:
        """The events by the open chunk they belong to."""
        pieces: list[tuple[_Open, Sequence[Envelope]]] = []
        start, count = 0, len(envelopes)
        while start < count:
            number = envelopes[start].number
            index = bisect_right(self._firsts, number) - 1
            place = self._open.get(self._firsts[index]) if index >= 0 else None
            if place is None or number >= place.chunk.end:
                raise ValueError(f"event {number} is settled already, or was never taken")
            stop = count
            if envelopes[-1].number >= place.chunk.end:
                stop = bisect_left(envelopes, place.chunk.end, start, key=_number)
            pieces.append((place, envelopes[start:stop] if stop - start < count else envelopes))
            start = stop
        return pieces


def _number(envelope: Envelope) -> int:
    return envelope.number
