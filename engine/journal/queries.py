"""The journal's file, as the thread that reads it sees it. Each question ends its transaction at once: a reader that stays pins the WAL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import msgspec

from ..errors import JournalError
from .blob import Damaged, Piece, decode
from .records import Gap
from .schema import open_reader
from .store import translated


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
        """What begins at `number`: a chunk, or a gap if that is damaged or missing; None if nothing follows."""
        try:
            with translated():
                row = self._one("SELECT first, body FROM bodies WHERE first >= ? ORDER BY first LIMIT 1", number)
        except JournalError:
            return self._gap(number)
        if row is None:
            return None
        first, body = row
        if first > number:
            return Gap(number, first - 1, "damaged")
        try:
            said, pieces = decode(body)
        except Damaged:
            return self._gap(number)
        return StoredPieces(first, pieces) if said == number else self._gap(number)

    def first_of(self, number: int) -> int | None:
        """The chunk that event `number` is in; None if it is not held."""
        row = self._one("SELECT first, count FROM chunks WHERE first <= ? ORDER BY first DESC LIMIT 1", number)
        return row[0] if row and number < row[0] + row[1] else None

    def bytes_from(self, number: int) -> int:
        """Of all chunks that begin at `number` or later."""
        with translated():
            row = self._one("SELECT coalesce(sum(size), 0) FROM chunks WHERE first >= ?", number)
        return int(row[0]) if row else 0

    def expiry(self, number: int, size_bytes: int, before: float) -> tuple[int, int]:
        """See `Account.expiry`. The newest chunk is never part of it."""
        passed = 0
        rows = self._connection.execute(
            "SELECT first, size, received FROM chunks WHERE first >= ? ORDER BY first", (number,)
        )
        for first, size, received in rows:
            number = first
            if passed >= size_bytes and received >= before:
                break
            passed += size
        else:
            return number, passed - size if passed else 0
        return number, passed

    def received_at(self, number: int) -> float | None:
        """When the chunk that begins at `number`, or the next one there is, was received."""
        row = self._one("SELECT received FROM chunks WHERE first >= ? ORDER BY first LIMIT 1", number)
        return row[0] if row else None

    @property
    def connection(self) -> apsw.Connection:
        """For the questions of `explain` and the desks."""
        return self._connection

    def close(self) -> None:
        """Ends it."""
        self._connection.close(True)

    def _gap(self, number: int) -> Gap:
        """The chunk at `number` cannot be read: up to where the next one begins."""
        try:
            row = self._one("SELECT first FROM chunks WHERE first > ? ORDER BY first LIMIT 1", number)
            if row is None:
                row = self._one("SELECT first + count FROM chunks WHERE first = ?", number)
        except apsw.Error as error:
            raise JournalError(
                f"the journal is damaged ({error}); `doorstep journal salvage` rescues what it holds"
            ) from error
        return Gap(number, row[0] - 1 if row else number, "damaged")

    def _one(self, statement: str, *values: apsw.SQLiteValue) -> tuple[Any, ...] | None:
        cursor = self._connection.execute(statement, values)
        row = cursor.fetchone()
        cursor.close()
        return row
