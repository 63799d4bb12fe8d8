"""The journal's file, as the thread that reads it sees it. Each question ends its transaction at once: a reader that stays pins the WAL."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from .blob import Damaged, Piece, decode
from .frames import Shift
from .records import Gap
from .schema import open_reader
from .sealing import integer, seconds
from .translating import translated

AHEAD_BYTES = 256 * 1024
"""Of chunks that are read at once: where events come one by one a chunk is few of them, and each reading two changes of threads."""


class StoredPieces(msgspec.Struct, frozen=True):
    """A chunk as it is in the file."""

    first: int
    pieces: list[Piece]

    @property
    def end(self) -> int:
        """One past its last event."""
        return self.first + sum(len(piece.lines) for piece in self.pieces)


class Queries:
    """A connection that only reads. Not thread-safe: one thread makes, uses and closes it."""

    def __init__(self, folder: Path, *, vfs: str | None = None) -> None:
        with translated():
            self._connection = open_reader(folder, vfs)

    def chunk(self, number: int) -> StoredPieces | Gap | None:
        """What begins at `number`: a chunk, or a gap if that is damaged or missing; None if nothing follows.

        Raises JournalError if the disk fails, or too much is damaged to tell: it may be whole, so nobody may pass over it.
        """
        found = self.chunks(number, 1)
        return found[0] if isinstance(found, list) else found

    def chunks(self, number: int, enough_bytes: int = AHEAD_BYTES) -> list[StoredPieces] | Gap | None:
        """The same, and behind a chunk those that follow and are whole, until there is enough."""
        found: list[StoredPieces] = []
        row: tuple[Any, Any] | None = None
        size = 0
        with translated(self._connection):
            try:
                rows = self._connection.execute(
                    "SELECT first, body FROM bodies WHERE first >= ? ORDER BY first", (number,)
                )
                with closing(rows):
                    for row in rows:
                        stored = _whole(row, found[-1].end if found else number)
                        if stored is None:
                            break
                        found.append(stored)
                        size += len(row[1])
                        if size >= enough_bytes:
                            break
            except apsw.Error as error:
                if found:  # what is behind it is not asked for yet
                    return found
                if isinstance(error, apsw.CorruptError | apsw.NotADBError):
                    return self._gap(number)
                raise
            if found or row is None:
                return found or None
            if row[0] > number:
                return Gap(number, row[0] - 1, "damaged")
            return self._gap(number)

    def first_of(self, number: int) -> int | None:
        """The chunk that event `number` is in; None if it is not held."""
        with translated(self._connection):
            row = self._one("SELECT first, count FROM chunks WHERE first <= ? ORDER BY first DESC LIMIT 1", number)
        return row[0] if row and number < row[0] + integer(row[1]) else None

    def expiry(self, number: int, size_bytes: int, before: float, shift: Shift = lambda number: 0.0) -> tuple[int, int]:
        """See `Account.expiry`. The newest chunk is never part of it. `shift` says how the clock was set since."""
        with translated(self._connection):
            return self._expiry(number, size_bytes, before, shift)

    def _expiry(self, number: int, size_bytes: int, before: float, shift: Shift) -> tuple[int, int]:
        passed = size = 0
        rows = self._connection.execute(
            "SELECT first, size, received FROM chunks WHERE first >= ? ORDER BY first", (number,)
        )
        for first, said, received in rows:
            number, size = first, integer(said)
            if passed >= size_bytes and seconds(received) + shift(first) >= before:
                break
            passed += size
        else:
            return number, passed - size
        return number, passed

    def received_at(self, number: int) -> float | None:
        """When the chunk that begins at `number`, or the next one there is, was received."""
        with translated(self._connection):
            row = self._one("SELECT received FROM chunks WHERE first >= ? ORDER BY first LIMIT 1", number)
        return seconds(row[0]) if row else None

    @property
    def connection(self) -> apsw.Connection:
        """For the questions of `explain` and the desks."""
        return self._connection

    def close(self) -> None:
        """Ends it."""
        self._connection.close(True)

    def _gap(self, number: int) -> Gap:
        """The chunk at `number` cannot be read: up to where the next one begins."""
        row = self._one("SELECT first FROM chunks WHERE first > ? ORDER BY first LIMIT 1", number)
        if row is None:
            row = self._one("SELECT first + count FROM chunks WHERE first = ?", number)
        end = integer(row[0]) if row else 0
        return Gap(number, max(number, end - 1), "damaged")

    def _one(self, statement: str, *values: apsw.SQLiteValue) -> tuple[Any, ...] | None:
        cursor = self._connection.execute(statement, values)
        row = cursor.fetchone()
        cursor.close()
        return row


def _whole(row: tuple[Any, Any], number: int) -> StoredPieces | None:
    """The chunk in a row, if it is whole, and the one that begins at `number`."""
    first, body = row
    try:
        said, pieces = decode(body if isinstance(body, bytes) else b"")
    except Damaged:
        return None
    return StoredPieces(first, pieces) if said == first == number else None
