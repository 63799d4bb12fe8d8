"""Decoded chunks, the latest used ones: one for the whole engine, so that what many destinations read is decoded and held once.

A new chunk is held until every destination has taken it, and no longer: a cache that is always full of what nobody wants any more
makes each new event come into memory that the processor has not seen for a while.
"""

from __future__ import annotations

from collections import OrderedDict

from ..model.envelope import Chunk


class ChunkCache:
    """At most `max_bytes`, by what chunks say they cost."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: OrderedDict[int, Chunk] = OrderedDict()
        self._takers: dict[int, int] = {}
        """How many have yet to take a chunk; nobody knows that of one that was read back."""
        self._size_bytes = 0

    def put(self, chunk: Chunk, takers: int | None = None) -> None:
        """Keeps `chunk`, in place of one that begins where it does, and lets go of the ones not used for longest.

        `takers`: so many will take it, if that is known.
        """
        self._drop(chunk.first)
        self._chunks[chunk.first] = chunk
        self._size_bytes += chunk.size_bytes
        if takers is not None:
            self._takers[chunk.first] = takers
        while self._size_bytes > self._max_bytes and len(self._chunks) > 1:
            self._drop(next(iter(self._chunks)))

    def took(self, first: int) -> None:
        """One of its takers took the chunk that begins at `first`. Lets go of it after the last one."""
        takers = self._takers.get(first)
        if takers is not None:
            self._takers[first] = takers - 1
            if takers <= 1:
                self._drop(first)

    def get(self, first: int) -> Chunk | None:
        """The chunk that begins at `first`, if it is held."""
        chunk = self._chunks.get(first)
        if chunk is not None:
            self._chunks.move_to_end(first)
        return chunk

    def _drop(self, first: int) -> None:
        chunk = self._chunks.pop(first, None)
        if chunk is not None:
            self._size_bytes -= chunk.size_bytes
        self._takers.pop(first, None)

    def __repr__(self) -> str:
        return f"<ChunkCache {len(self._chunks)} chunks, {self._size_bytes} of {self._max_bytes} bytes>"
