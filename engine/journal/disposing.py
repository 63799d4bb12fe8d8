"""Chunks that nobody needs go, a few in each commit, the oldest first. One that is damaged is passed over, and named.

    Disposal (what may go) -> Disposer.dispose, inside the commit's transaction -> Disposed

SQLite deletes a row by walking its pages; where one of these is damaged it gives up, and the commit is undone (`Undeletable`). The next
try leaves that chunk where it is: delivery needs none of it any more, and `journal salvage` makes a file without it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import apsw
import msgspec

from .sealing import integer, seconds

_log = logging.getLogger("doorstep.journal")

DELETED_AT_ONCE = 32
"""Chunks, in one commit: never fewer than it adds (4 MiB, in rows of 128 KiB at least), or a journal at its limit could not keep up."""
_UNREADABLE = frozenset((apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS))


class Disposal(msgspec.Struct, frozen=True):
    """Which chunks may go."""

    floor: int
    """Those before this number, which every destination has taken ..."""
    keep: frozenset[int]
    """... but not these: some of their events are not settled yet."""
    before: float
    """Those received before this time (UTC) go ..."""
    max_bytes: int
    """... and, oldest first, any others while more than this is in use."""
    digests_before: float = 0.0
    """Digests go by their own age: a repeat may come long after its event was deleted."""


class Disposed(msgspec.Struct, frozen=True):
    """What went."""

    chunks: int = 0
    size_bytes: int = 0
    is_bare: bool = False
    """Whether nobody needs what is left, and none of it can go: the newest chunk, and damaged ones."""


class Undeletable(Exception):
    """Something damaged was to be deleted. It is passed over from here on, so the same commit may be tried again at once."""


class Disposer:
    """Of one connection that writes. Remembers, for this life, what cannot be deleted."""

    def __init__(self, connection: apsw.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._damaged: set[int] = set()
        """The first numbers of chunks that stay."""
        self._passed_over: set[str] = set()
        """Tables of which nothing is deleted any more."""

    @property
    def damaged(self) -> int:
        """Chunks that could not be deleted."""
        return len(self._damaged)

    def oldest(self) -> int | None:
        """The first number of what is held and can be read; None if nothing is."""
        rows = self._connection.execute("SELECT first FROM chunks ORDER BY first LIMIT ?", (len(self._damaged) + 1,))
        return next((integer(first) for (first,) in rows.fetchall() if first not in self._damaged), None)

    def dispose(self, disposal: Disposal, *, end: int, used_bytes: int) -> Disposed:
        """The newest chunk, which ends at `end`, stays, so that numbers go on from it. Raises Undeletable."""
        keep = disposal.keep | self._damaged
        rows = self._delete(
            "chunks",
            "SELECT first, count, size, received FROM chunks WHERE first < ? ORDER BY first LIMIT ?",
            min(disposal.floor, end - 1),
            DELETED_AT_ONCE + len(keep) + 1,
        )
        rows = [row for row in rows if row[0] not in self._damaged]
        chunks = freed = 0
        is_bare = disposal.floor >= end and not disposal.keep and "chunks" not in self._passed_over
        for first, count, size, received in rows:
            if first in keep or first + integer(count) >= end:
                continue
            is_over = seconds(received) < disposal.before or used_bytes - freed > disposal.max_bytes
            if chunks == DELETED_AT_ONCE or not is_over:
                is_bare = False
                break
            self._delete_chunk(first, integer(count))
            freed += integer(size)
            chunks += 1
        self._delete(
            "digests",
            "DELETE FROM digests WHERE first IN (SELECT first FROM digests ORDER BY first LIMIT ?) AND received < ?",
            4 * DELETED_AT_ONCE,
            disposal.digests_before,
        )
        if chunks:
            self._delete("attempts", "DELETE FROM attempts WHERE high < ?", rows[0][0])
            self._delete("gaps", "DELETE FROM gaps WHERE last < ?", rows[0][0])
        return Disposed(chunks, freed, is_bare)

    def _delete_chunk(self, first: int, count: int) -> None:
        try:
            for table in ("chunks", "ids", "bodies"):
                self._connection.execute(f"DELETE FROM {table} WHERE first = ?", (first,))
        except apsw.Error as error:
            if not _is_damage(error):
                raise
            self._damaged.add(first)
            self._say(
                "a chunk is damaged and could not be deleted: it stays", error, first=first, last=first + count - 1
            )
            raise Undeletable from error

    def _delete(self, table: str, statement: str, *values: apsw.SQLiteValue) -> list[Any]:
        if table in self._passed_over:
            return []
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            if not _is_damage(error):
                raise
            self._passed_over.add(table)
            self._say("a table is damaged: nothing of it is deleted any more", error, table=table)
            raise Undeletable from error

    def _say(self, message: str, error: apsw.Error, **facts: object) -> None:
        facts = {"journal": str(self._folder), **facts, "error": str(error)}
        _log.error(f"{message}; `doorstep journal salvage` makes a journal without it", extra={"facts": facts})


def _is_damage(error: apsw.Error) -> bool:
    """Whether what is in the file is to blame, or a place on the disk that cannot be read; not a disk that is full, or fails on writing."""
    return isinstance(error, apsw.CorruptError) or getattr(error, "extendedresult", 0) in _UNREADABLE
