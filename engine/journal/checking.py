"""Whether a journal is what was written: its format, SQLite's own structure, and the checksum of everything in it. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec

from ..errors import OtherJournal
from .blob import Damaged, decode
from .desk import Replay
from .records import Attempt, DeadLetter, Gap, ParkedEvent, Position, Standing
from .rows import first_row
from .schema import FORMAT
from .sealing import unpacked, unsealed
from .untouched import acknowledged_end

MESSAGES = 100
"""Of SQLite's: after so many a file is damaged, whatever else is wrong with it."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it should be."""

    what: str
    first: int | None = None
    """The events it is about, by number, if it is about any."""
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return self.what
        return f"{self.what}: {self.first}" if self.first == self.last else f"{self.what}: {self.first} to {self.last}"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found."""

    chunks: int
    events: int
    findings: list[Finding]


def check(connection: apsw.Connection, folder: Path) -> Checked:
    """Looks at everything, for as long as that takes. Raises OtherJournal if the format is another one."""
    version = _asked(connection, "PRAGMA user_version")
    if version not in (FORMAT, None):
        raise OtherJournal(f"{folder} has format {version}, and this version of Doorstep reads format {FORMAT}")
    findings = [*_structure(connection)]
    counted = _Counted()
    try:
        findings += _chunks(connection, counted)
        findings += _acknowledged(connection, folder)
        for table, column, kind in _TABLES:
            findings += _rows(connection, table, column, kind)
    except apsw.Error as error:
        findings.append(Finding(f"SQLite cannot read on ({error})"))
    return Checked(chunks=counted.chunks, events=counted.events, findings=findings)


def _structure(connection: apsw.Connection) -> Iterator[Finding]:
    """The quick look first: it finds nearly everything, and the long one adds only the indexes."""
    for pragma in ("quick_check", "integrity_check"):
        try:
            said = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}({MESSAGES})")]
        except apsw.Error as error:
            said = [str(error)]
        if said != ["ok"]:
            yield from (Finding(f"SQLite: {line}") for message in said for line in message.splitlines())
            return


# Events --------------------------------------------------------------------------------------------------------------


class _Counted:
    """Kept outside: the counting may end in an error."""

    chunks = 0
    events = 0


def _chunks(connection: apsw.Connection, counted: _Counted) -> Iterator[Finding]:
    """Each is there and whole, and the next one begins where it ends, unless what was between them was deleted."""
    rows = connection.execute("SELECT first, count, size, received FROM chunks ORDER BY first")
    for first, count, size, _ in rows:
        counted.chunks += 1
        counted.events += count
        problem = _chunk_problem(connection, first, count, size) or _ids_problem(connection, first, count)
        if problem:
            yield Finding(problem, first, first + count - 1)
    without = "SELECT first FROM bodies WHERE first NOT IN (SELECT first FROM chunks)"
    for (first,) in connection.execute(without):
        yield Finding("a chunk is not listed", first, first)


def _chunk_problem(connection: apsw.Connection, first: int, count: int, size: int) -> str | None:
    try:
        row = first_row(connection, "SELECT body FROM bodies WHERE first = ?", first)
        if row is None:
            return "events are missing"
        said, pieces = decode(row[0])
    except (Damaged, apsw.CorruptError, apsw.IOError):
        return "events are damaged"
    is_right = said == first and len(row[0]) == size and sum(len(piece.lines) for piece in pieces) == count
    return None if is_right else "events are not those that are listed"


def _ids_problem(connection: apsw.Connection, first: int, count: int) -> str | None:
    row = first_row(connection, "SELECT hashes FROM ids WHERE first = ?", first)
    try:
        return None if row and len(unsealed(row[0])) == 4 * count else "the index for explain is incomplete"
    except Damaged:
        return "the index for explain is damaged"


def _acknowledged(connection: apsw.Connection, folder: Path) -> Iterator[Finding]:
    """The file beside the journal says how far acknowledgements had gone."""
    row = first_row(connection, "SELECT first + count FROM chunks ORDER BY first DESC LIMIT 1")
    end = row[0] if row else 1
    acknowledged = acknowledged_end(folder)
    if acknowledged is None:
        yield Finding("the file `durable` is damaged: acknowledged events that are lost would not be noticed")
    elif acknowledged > end:
        yield Finding("events that were acknowledged are missing", end, acknowledged - 1)


# The rest ------------------------------------------------------------------------------------------------------------

_TABLES: list[tuple[str, str, Any]] = [
    ("accounts", "name", tuple[Position, Standing]),
    ("parked", "destination || ' ' || number", ParkedEvent),
    ("dead", "id", DeadLetter),
    ("attempts", "id", list[Attempt]),
    ("gaps", "destination || ' ' || first", Gap),
    ("replays", "id", Replay),
]


def _rows(connection: apsw.Connection, table: str, name: str, kind: Any) -> Iterator[Finding]:
    for called, row in connection.execute(f"SELECT {name}, row FROM {table}"):
        try:
            unpacked(row, kind)
        except Damaged:
            yield Finding(f"a row of {table} is damaged ({called})")


def _asked(connection: apsw.Connection, statement: str) -> Any:
    try:
        return first_row(connection, statement)[0]
    except apsw.Error:
        return None
