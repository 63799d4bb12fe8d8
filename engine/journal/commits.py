"""What goes to the thread that writes, and what comes back: a commit and what it came to, a journal as it was found."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .blob import Joined
from .disposing import Disposal
from .records import Changes, Gap, ParkedEvent, Position, Standing


class Arrival(msgspec.Struct, frozen=True):
    """A piece on its way in, with what is indexed of it."""

    piece: Joined
    hashes: bytes
    """Four bytes per event: CRC-32 of its `messageId` (`hash_of`), zeros for none."""
    digests: bytes = b""
    """Sixteen bytes per event with a `messageId`, if repeats are recognised."""


class Commit(msgspec.Struct, kw_only=True):
    """What is to be written as one."""

    arrivals: Sequence[Arrival] = ()
    changes: Sequence[Changes] = ()
    disposal: Disposal | None = None


class StoredChunk(msgspec.Struct, frozen=True):
    """A row that was written: the pieces `start` to `stop` of the commit."""

    first: int
    start: int
    stop: int


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit came to."""

    chunks: list[StoredChunk]
    used_bytes: int
    deleted: int
    """Chunks."""
    oldest: int
    """The first number that is still held."""
    is_bare: bool = False
    """See `Disposed`."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A destination as it was found, or a new one."""

    name: str
    position: Position
    standing: Standing = Standing()
    parked: list[ParkedEvent] = []
    backlog_bytes: int = 0
    is_new: bool = False


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on opening."""

    id: str
    end: int
    oldest: int
    used_bytes: int
    was_clean: bool
    accounts: dict[str, Found]
    lost: Gap | None
    """Events that had been acknowledged and are not there any more."""
