"""The file: its tables, its settings, and the one place where it is opened.

`user_version` is the format. A file of another format, or of another program, is refused untouched; a new one is made whole in one
transaction. Small tables are kept apart from the bodies of the chunks, so that counting and looking up never touches those.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack
from pathlib import Path

import apsw

from ..errors import JournalError, OtherJournal

FORMAT = 1
APPLICATION_ID = 0x44537031
FILE = "journal.db"
PAGE_BYTES = 16 * 1024
CHECKPOINT_PAGES = 256
"""4 MiB: SQLite's 1000 pages are 16 MB of this size, and a checkpoint then stalls commits for 25 ms."""
OLDEST_SQLITE = 3_051_003
"""Before it, two connections can corrupt a WAL when it is reset."""
BUSY_MS = 5000

TABLES = """
CREATE TABLE journal(id TEXT NOT NULL, created REAL NOT NULL, clean INTEGER NOT NULL);
CREATE TABLE chunks(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, size INTEGER NOT NULL, total INTEGER NOT NULL,
  received REAL NOT NULL);
CREATE TABLE ids(first INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE bodies(first INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE digests(first INTEGER PRIMARY KEY, received REAL NOT NULL, digests BLOB NOT NULL);
CREATE TABLE accounts(name TEXT PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE parked(destination TEXT NOT NULL, number INTEGER NOT NULL, row BLOB NOT NULL,
  PRIMARY KEY(destination, number)) WITHOUT ROWID;
CREATE TABLE dead(id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, number INTEGER NOT NULL,
  reason TEXT NOT NULL, at REAL NOT NULL, row BLOB NOT NULL);
CREATE INDEX dead_by_destination ON dead(destination, reason, at);
CREATE UNIQUE INDEX dead_by_number ON dead(number, destination, at);
CREATE TABLE attempts(id INTEGER PRIMARY KEY, destination TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  row BLOB NOT NULL);
CREATE INDEX attempts_by_number ON attempts(high, low);
CREATE TABLE gaps(destination TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, row BLOB NOT NULL);
CREATE TABLE plans(hash TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE uses(destination TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY(destination, number)) WITHOUT ROWID;
CREATE TABLE replays(id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, row BLOB NOT NULL);
"""


def open_writer(folder: Path, *, synchronous: str, vfs: str | None = None) -> apsw.Connection:
    """The connection that writes; makes the file if there is none. Raises JournalError if it is not ours to use."""
    _expect_sound_sqlite()
    path = folder / FILE
    if path.exists():
        _expect_format(path)
    else:
        _make(folder, vfs)
    with ExitStack() as undo:
        connection = _connect(path, apsw.SQLITE_OPEN_READWRITE, vfs)
        undo.callback(connection.close, True)
        version = connection.pragma("user_version")
        if version != FORMAT:
            raise _other_format(path, version)
        connection.pragma("synchronous", synchronous)
        connection.pragma("cache_size", -4096)
        connection.pragma("temp_store", "MEMORY")
        connection.wal_autocheckpoint(0)  # `Store.checkpoint_if_due` does it, when nobody waits for a commit
        undo.pop_all()
    return connection


def open_reader(folder: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that can only read, beside the one that writes."""
    with ExitStack() as undo:
        connection = _connect(folder / FILE, apsw.SQLITE_OPEN_READONLY, vfs)
        undo.callback(connection.close, True)
        connection.pragma("cache_size", -4096)
        undo.pop_all()
    return connection


def _connect(path: Path, flags: int, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=64)
    connection.set_busy_timeout(BUSY_MS)
    return connection


def _make(folder: Path, vfs: str | None) -> None:
    """Under another name first: there is a whole journal of that name, or none."""
    path = folder / f"{FILE}.new"
    for leftover in folder.glob(f"{FILE}.new*"):
        leftover.unlink()
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE, vfs)
    try:
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("synchronous", "FULL")
        connection.execute("BEGIN")
        connection.execute(TABLES)
        connection.execute("INSERT INTO journal VALUES(?, unixepoch('subsec'), 1)", (uuid.uuid4().hex,))
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", FORMAT)
        connection.execute("COMMIT")
        connection.pragma("journal_mode", "wal")  # kept in the file
    finally:
        connection.close(True)
    os.rename(path, folder / FILE)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _expect_format(path: Path) -> None:
    """Looks without changing anything: not even the WAL of another version is played back into its file."""
    with open(path, "rb") as file:
        head = file.read(100)
    application, version = int.from_bytes(head[68:72], "big"), int.from_bytes(head[60:64], "big")
    if head[:16] != b"SQLite format 3\0":
        raise JournalError(
            f"{path} is no journal, or its beginning is damaged; `doorstep journal salvage` rescues what it holds"
        )
    if application != APPLICATION_ID:
        raise OtherJournal(f"{path} belongs to another program; choose another data_dir")
    if version != FORMAT:
        raise _other_format(path, version)


def _other_format(path: Path, version: object) -> OtherJournal:
    return OtherJournal(
        f"{path} has format {version}, and this version of Doorstep reads format {FORMAT}; "
        "it was left as it is: use the version that wrote it, or another data_dir"
    )


def _expect_sound_sqlite() -> None:
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_SQLITE or apsw.sqlitelibversion() < "3.51.3":
        raise JournalError(f"SQLite {apsw.sqlitelibversion()} can damage a journal; install apsw 3.51.3 or newer")
