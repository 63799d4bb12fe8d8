"""Chunks that nobody needs go, a few in each commit, the oldest first. One that is damaged is passed over, and named.

    Disposal (what may go) -> Disposer.dispose, inside the commit's transaction -> Disposed

SQLite deletes a row by walking its pages; where one of these is damaged it gives up, and the commit is undone (`Undeletable`). The next
try leaves that chunk where it is: delivery needs none of it any more, and `journal salvage` makes a file without it.

The thread that writes waits for the interpreter after each step of a statement. So what may go is asked for as one row, and what goes is
deleted with one statement for each table: a commit at the limit took longer over what went than over what came.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from .sealing import integer

_log = logging.getLogger("doorstep.journal")

DELETED_AT_ONCE = 32
"""Chunks, in one commit: never fewer than it adds (4 MiB, in rows of 128 KiB at least), or a journal at its limit could not keep up."""
_CANDIDATES = """
SELECT json_group_array(json_array(
  first, CAST(ifnull(count, 0) AS INTEGER), CAST(ifnull(size, 0) AS INTEGER), CAST(ifnull(received, 0) AS REAL) < ?
) ORDER BY first)
FROM (SELECT first, count, size, received FROM chunks WHERE first < ? ORDER BY first LIMIT ?)
"""
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
    oldest: int | None = 0
    """The first number of what is left and can be read, if anything went and anything is."""
    is_bare: bool = False
    """Whether nobody needs what is left, and none of it can go: the newest chunk, and damaged ones."""


class Undeletable(Exception):
    """Something damaged was to be deleted. It is passed over from here on, so the same commit may be tried again at once."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """Of a chunk; what a damaged file says that is no number is 0."""

    first: int
    count: int
    size_bytes: int
    is_old: int


class Disposer:
    """Of one connection that writes. Remembers, for this life, what cannot be deleted."""

    def __init__(self, connection: apsw.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._damaged: set[int] = set()
        """The first numbers of chunks that stay."""
        self._one_by_one = False
        """Something that was to go was damaged: only one by one it shows which."""
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
        rows = self._candidates(disposal, min(disposal.floor, end - 1), DELETED_AT_ONCE + len(keep) + 1)
        rows = [row for row in rows if row.first not in self._damaged]
        doomed: list[_Row] = []
        freed = 0
        is_bare = disposal.floor >= end and not disposal.keep and "chunks" not in self._passed_over
        for row in rows:
            if row.first in keep or row.first + row.count >= end:
                continue
            is_over = row.is_old or used_bytes - freed > disposal.max_bytes
            if len(doomed) == DELETED_AT_ONCE or not is_over:
                is_bare = False
                break
            doomed.append(row)
            freed += row.size_bytes
        self._delete(
            "digests",
            "DELETE FROM digests WHERE first IN (SELECT first FROM digests ORDER BY first LIMIT ?) AND received < ?",
            4 * DELETED_AT_ONCE,
            disposal.digests_before,
        )
        if doomed:
            self._delete_chunks(doomed)
            self._delete("attempts", "DELETE FROM attempts WHERE high < ?", rows[0].first)
            self._delete("gaps", "DELETE FROM gaps WHERE last < ?", rows[0].first)
            oldest = next((row.first for row in rows if row not in doomed), None) or self.oldest()
            return Disposed(len(doomed), freed, oldest, is_bare)
        return Disposed(is_bare=is_bare)

    def _candidates(self, disposal: Disposal, floor: int, most: int) -> list[_Row]:
        found = self._delete("chunks", _CANDIDATES, disposal.before, floor, most)
        return msgspec.json.decode(found[0][0], type=list[_Row]) if found else []

    def _delete_chunks(self, doomed: Sequence[_Row]) -> None:
        for group in [[row] for row in doomed] if self._one_by_one else [doomed]:
            marks, firsts = ", ".join("?" * len(group)), [row.first for row in group]
            try:
                for table in ("chunks", "ids", "bodies"):
                    self._connection.execute(f"DELETE FROM {table} WHERE first IN ({marks})", firsts)
            except apsw.Error as error:
                if not _is_damage(error):
                    raise
                if len(group) == 1:
                    self._pass_over(group[0], error)
                self._one_by_one = True
                raise Undeletable from error

    def _pass_over(self, row: _Row, error: apsw.Error) -> None:
        self._damaged.add(row.first)
        last = row.first + row.count - 1
        self._say("a chunk is damaged and could not be deleted: it stays", error, first=row.first, last=last)

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
