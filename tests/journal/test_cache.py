"""What is held is what is counted."""

from __future__ import annotations

from doorstep.engine.journal.cache import ChunkCache
from doorstep.engine.model import Chunk


def test_a_chunk_that_is_put_again_counts_once() -> None:
    """The reading thread may be ahead of the announcement of a commit, and both put it."""
    cache = ChunkCache(100)
    cache.put(Chunk(1, [], 40))
    for size in (40, 50, 60):
        cache.put(Chunk(2, [], size))
    assert repr(cache) == "<ChunkCache 2 chunks, 100 of 100 bytes>"
    cache.put(Chunk(1, [], 40))
    cache.put(Chunk(3, [], 30))
    assert repr(cache) == "<ChunkCache 2 chunks, 70 of 100 bytes>"
    assert cache.get(2) is None, "the one that was not used for longest"


def test_a_chunk_that_every_taker_took_is_let_go_of() -> None:
    cache = ChunkCache(100)
    cache.put(Chunk(1, [], 40), takers=2)
    cache.put(Chunk(2, [], 40), takers=1)
    cache.took(1)
    assert cache.get(1) is not None, "one is still to come for it"
    cache.took(2)
    cache.took(1)
    assert (cache.get(1), cache.get(2)) == (None, None)
    assert repr(cache) == "<ChunkCache 0 chunks, 0 of 100 bytes>"


def test_a_chunk_that_was_read_back_stays_however_many_take_it() -> None:
    cache = ChunkCache(100)
    cache.put(Chunk(1, [], 40), takers=1)
    cache.put(Chunk(1, [], 40))
    for _ in range(3):
        cache.took(1)
    assert cache.get(1) is not None
