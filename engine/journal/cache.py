"""Decoded chunks, the latest used ones: one for the whole engine, so that what many destinations read is decoded and held once."""

from __future__ import annotations

from collections import OrderedDict

from ..model.envelope import Chunk


class ChunkCache:
    """At most `max_bytes`, by what chunks say they cost."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: OrderedDict[int, Chunk] = OrderedDict()
        self._size_bytes = 0

    def put(self, chunk: Chunk) -> None:
        """Keeps `chunk`, in place of one that begins where it does, and lets go of the ones not used for longest."""
        before = self._chunks.pop(chunk.first, None)
        if before is not None:
            self._size_bytes -= before.size_bytes
        self._chunks[chunk.first] = chunk
        self._size_bytes += chunk.size_bytes
        while self._size_bytes > self._max_bytes and len(self._chunks) > 1:
            _, oldest = self._chunks.popitem(last=False)
            self._size_bytes -= oldest.size_bytes

    def get(self, first: int) -> Chunk | None:
        """The chunk that begins at `first`, if it is held."""
        chunk = self._chunks.get(first)
        if chunk is not None:
            self._chunks.move_to_end(first)
        return chunk

    def __repr__(self) -> str:
        return f"<ChunkCache {len(self._chunks)} chunks, {self._size_bytes} of {self._max_bytes} bytes>"
