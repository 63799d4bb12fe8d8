"""What a damaged journal still holds, as lines: every event whose own bytes are whole, in order of number.

    rows that SQLite can read  +  chunks found by scanning the pages  +  copies in parked events and dead letters  ->  NDJSON

Nothing is written into the damaged folder, and nothing comes out that is not, by its checksum, what was written.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import apsw
import msgspec

from ..errors import JournalError
from .blob import Damaged, decode
from .pages import Pages
from .records import DeadLetter, ParkedEvent, Ranges
from .rows import all_rows, first_row
from .sealing import unpacked
from .untouched import acknowledged_end, untouched

_log = logging.getLogger("doorstep.journal")

T = TypeVar("T", ParkedEvent, DeadLetter)
Read = Callable[[], bytes]


class Rescued(msgspec.Struct, frozen=True, kw_only=True):
    """What came out."""

    events: int
    from_pages: int
    """Of these, how many SQLite could not find any more."""
    missing: Ranges
    """Numbers from the first event to the last one acknowledged that are not there: damaged, or deleted after they were delivered."""


class _Find(msgspec.Struct, frozen=True):
    first: int
    count: int
    read: Read
    """The chunk's blob, or one line by itself."""
    is_line: bool = False
    by_sql: bool = False

    @property
    def end(self) -> int:
        return self.first + self.count


def salvage(folder: Path, out: BinaryIO) -> Rescued:
    """Writes the events of the journal in `folder` to `out`, a line each. Raises OSError if that cannot be written."""
    with ExitStack() as stack:
        pages = stack.enter_context(Pages(folder))
        connection = _opened(stack, folder)
        finds = _Finds()
        if connection is not None:
            finds.add(_rows(connection))
        finds.add(_Find(place.first, place.count, partial(pages.read, place)) for place in pages.chunks())
        if connection is not None:
            finds.add(_copies(connection))
        return _write(finds.in_order(), _expected(connection, folder), out)


def _expected(connection: apsw.Connection | None, folder: Path) -> tuple[int | None, int]:
    """The first number that is listed, if that can be read, and one past the last one that was acknowledged."""
    first = None
    if connection is not None:
        with suppress(apsw.Error):
            first = first_row(connection, "SELECT min(first) FROM chunks")[0]
    return first, acknowledged_end(folder) or 0


def _opened(stack: ExitStack, folder: Path) -> apsw.Connection | None:
    """None if SQLite finds no journal in it at all: then the pages have to speak for themselves."""
    try:
        return stack.enter_context(untouched(folder))
    except JournalError as error:
        _log.warning(
            "SQLite cannot read the file at all", extra={"facts": {"journal": str(folder), "error": str(error)}}
        )
        return None


# Where events are ----------------------------------------------------------------------------------------------------


class _Finds:
    """What was found, each number once: whoever comes first has it."""

    def __init__(self) -> None:
        self._finds: list[_Find] = []

    def add(self, finds: Iterable[_Find]) -> None:
        for find in finds:
            place = bisect_right(self._finds, find.first, key=_first)
            before, after = self._finds[max(0, place - 1) : place], self._finds[place : place + 1]
            if not any(one.end > find.first for one in before) and not any(one.first < find.end for one in after):
                self._finds.insert(place, find)

    def in_order(self) -> list[_Find]:
        return self._finds


def _first(find: _Find) -> int:
    return find.first


def _rows(connection: apsw.Connection) -> Iterator[_Find]:
    """Chunks that SQLite reads and that are whole: by their keys as long as the tree can be walked, forwards and then backwards."""
    for first in _keys(connection, "bodies"):
        read = partial(_body, connection, first)
        try:
            _, pieces = decode(read())
        except Damaged:
            continue
        yield _Find(first, sum(len(piece.lines) for piece in pieces), read, by_sql=True)


def _body(connection: apsw.Connection, first: int) -> bytes:
    try:
        row = first_row(connection, "SELECT body FROM bodies WHERE first = ?", first)
    except apsw.Error as error:
        raise Damaged(str(error)) from error
    return row[0] if row and isinstance(row[0], bytes) else b""


def _keys(connection: apsw.Connection, table: str) -> list[int]:
    """From both ends, as far as that goes: where a page in the middle is damaged, what is behind it is still reached."""
    keys: set[int] = set()
    for order in ("ASC", "DESC"):
        try:
            for (key,) in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid {order}"):
                if key in keys:
                    break
                keys.add(key)
        except apsw.Error:
            continue
    return sorted(keys)


def _copies(connection: apsw.Connection) -> Iterator[_Find]:
    """Events whose chunk is gone, or damaged, and that are parked or dead letters."""
    for statement, kind in _COPIES:
        try:
            rows = all_rows(connection, statement)
        except apsw.Error:
            continue
        for (row,) in rows:
            if (found := _whole(row, kind)) is not None:
                yield _Find(found.number, 1, partial(bytes, found.line), is_line=True, by_sql=True)


_COPIES: Sequence[tuple[str, Any]] = (("SELECT row FROM parked", ParkedEvent), ("SELECT row FROM dead", DeadLetter))


def _whole(row: bytes, kind: type[T]) -> T | None:
    try:
        return unpacked(row, kind)
    except Damaged:
        return None


# Out -----------------------------------------------------------------------------------------------------------------


def _write(finds: Sequence[_Find], expected: tuple[int | None, int], out: BinaryIO) -> Rescued:
    events = from_pages = 0
    missing: Ranges = []
    first, acknowledged = expected
    numbered = [
        find.first for find in finds if find.first >= 0
    ]  # below 0 they are of other journals: nothing is missing there
    end = numbered[0] if numbered else first or 1
    if first is not None and first < end:
        end = first
    for find in finds:
        if find.first > end:
            missing.append((end, find.first - 1))
        lines = [find.read()] if find.is_line else [line for piece in decode(find.read())[1] for line in piece.lines]
        out.write(b"".join([line + b"\n" for line in lines]))
        events += len(lines)
        from_pages += len(lines) * (not find.by_sql)
        end = max(end, find.end)
    if acknowledged > end:
        missing.append((end, acknowledged - 1))
    return Rescued(events=events, from_pages=from_pages, missing=missing)
