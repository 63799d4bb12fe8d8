"""The journal's file, as the thread that writes it sees it: one commit at a time, each a single transaction.

    Commit (pieces, changes of destinations, what may be deleted) -> Store.commit -> Committed (chunks with their numbers, bytes in use)

Numbers are given inside the transaction: one that fails has used none. Every row but the plain numbers carries a CRC-32 of its own, since
SQLite's pages have none: a damaged cursor is noticed, and the destination starts at the oldest chunk again: repeats, and no loss.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw
import msgspec

from ..errors import JournalError, JournalFull
from .blob import Damaged, Piece, encode
from .records import Attempt, Changes, Gap, ParkedEvent, Position, Standing
from .schema import CHECKPOINT_PAGES, PAGE_BYTES, open_writer

_log = logging.getLogger("doorstep.journal")

CHUNK_BYTES = 256 * 1024
"""Pieces are joined into one row up to this size; a piece that is bigger is a row of its own."""
ATTEMPT_SPAN = 2**16
"""How far apart the numbers in one row of attempts may be: so a look-up knows where to stop."""
DELETED_AT_ONCE = 8
"""Chunks, in one commit: what is deleted is more than what a busy commit adds, and no commit takes long."""
BALLAST_BYTES = 16 * 2**20
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""SQLite tells a full disk from a broken one only when it writes, and takes a limit on the size of files for a broken disk."""
_SYNCHRONOUS = {"disk": "FULL", "os": "NORMAL"}

T = TypeVar("T")


class Arrival(msgspec.Struct, frozen=True):
    """A piece on its way in, with what is indexed of it."""

    piece: Piece
    hashes: bytes
    """Four bytes per event: CRC-32 of its `messageId` (`hash_of`), zeros for none."""
    digests: bytes = b""
    """Sixteen bytes per event with a `messageId`, if repeats are recognised."""


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
    at_most: int = DELETED_AT_ONCE
    """Chunks."""


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


class Store:
    """Owns the folder. Not thread-safe: whoever made it uses and closes it. Raises JournalError if the folder is not to be had."""

    def __init__(self, folder: Path, durability: Literal["disk", "os"] = "disk", *, vfs: str | None = None) -> None:
        self.folder = folder
        self._synchronous = _SYNCHRONOUS[durability]
        self._vfs = vfs
        self._lock = _locked(folder)
        self._wal_pages = 0
        try:
            try:
                self._open()
            except JournalFull:
                if not self.release_ballast():
                    raise
                self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self.refill_ballast()

    def _open(self) -> None:
        with translated(), ExitStack() as undo:
            self._side = os.open(self.folder / "durable", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            undo.callback(os.close, self._side)
            self._connection = open_writer(self.folder, synchronous=self._synchronous, vfs=self._vfs)
            undo.callback(self._connection.close, True)
            with translated(self._connection):
                self._connection.set_wal_hook(self._count_wal)
                self._load()
            undo.pop_all()

    # What was found ----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        row = self._one("SELECT first + count, total + size FROM chunks ORDER BY first DESC LIMIT 1") or (1, 0)
        self._held_end, self._total = max(1, integer(row[0])), integer(row[1])
        self._used = int(self._one("SELECT coalesce(sum(size), 0) FROM chunks")[0])
        self._end = max(self._held_end, self._durable_end())

    def opened(self) -> Opened:
        """Everything but the events. From here on the journal counts as in use, until `close`."""
        with translated(self._connection):
            id_, clean = self._one("SELECT id, clean FROM journal") or ("", 0)
            rows = self._all("SELECT name, row FROM accounts")
            accounts = {name: self._account(name, row) for name, row in rows if isinstance(name, str)}
            accounts |= {name: self._account(name, b"") for name in self._vanished() if name not in accounts}
            self._end = max(self._end, *(account.position.scan for account in accounts.values()), 1)
            self._connection.execute("UPDATE journal SET clean = 0")
        lost = Gap(self._held_end, self._end - 1, "damaged") if self._end > self._held_end else None
        return Opened(
            id=id_,
            end=self._end,
            oldest=self._oldest(),
            used_bytes=self._used,
            was_clean=bool(clean),
            accounts=accounts,
            lost=lost,
        )

    def _vanished(self) -> Iterator[str]:
        """Destinations whose row a damaged page does not show any more: taken for new ones, they would lose all there is."""
        with suppress(apsw.CorruptError):
            for (name,) in self._all("SELECT DISTINCT destination FROM uses EXCEPT SELECT name FROM accounts"):
                if isinstance(name, str):
                    yield name

    def _account(self, name: str, row: bytes) -> Found:
        try:
            position, standing = msgspec.msgpack.decode(unsealed(row), type=tuple[Position, Standing])
        except (Damaged, msgspec.DecodeError):
            position, standing = Position(self._oldest()), Standing()
            facts = {"destination": name, "starts_at": position.scan}
            _log.error("a cursor is damaged: what the journal still holds is sent again", extra={"facts": facts})
        return Found(
            name=name,
            position=position,
            standing=standing,
            parked=list(self._parked(name)),
            backlog_bytes=self._bytes_from(position.scan),
        )

    def _parked(self, name: str) -> Iterator[ParkedEvent]:
        rows = self._connection.execute("SELECT number, row FROM parked WHERE destination = ? ORDER BY number", (name,))
        for number, row in rows:
            try:
                yield msgspec.msgpack.decode(unsealed(row), type=ParkedEvent)
            except (Damaged, msgspec.DecodeError):
                facts = {"destination": name, "number": number}
                _log.error("a parked event is damaged and was left where it is", extra={"facts": facts})

    def _bytes_from(self, number: int) -> int:
        row = self._one("SELECT total FROM chunks WHERE first >= ? ORDER BY first LIMIT 1", number)
        return max(0, self._total - integer(row[0])) if row else 0

    def _oldest(self) -> int:
        row = self._one("SELECT first FROM chunks ORDER BY first LIMIT 1")
        return int(row[0]) if row else self._end

    def digests(self, since: float) -> Iterator[tuple[float, str, bytes]]:
        """What was seen since then: when, by which source, sixteen bytes each. A damaged row is passed over, and said."""
        rows = self._connection.execute(
            "SELECT first, received, digests FROM digests WHERE received >= ? ORDER BY first", (since,)
        )
        for first, received, row in rows:
            try:
                by_source = msgspec.msgpack.decode(unsealed(row), type=list[tuple[str, bytes]])
            except (Damaged, msgspec.DecodeError):
                _log.error(
                    "digests are damaged: repeats of these events will be taken", extra={"facts": {"first": first}}
                )
                continue
            yield from ((received, source, found) for source, found in by_source)

    # Writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Committed:
        """Writes all of it, or nothing. Returns when it is as durable as configured.

        Raises JournalFull when the disk is, JournalError when it fails; the same commit may be tried again after either.
        """
        before = self._end, self._held_end, self._total, self._used
        try:
            with translated(self._connection):
                self._connection.execute("BEGIN IMMEDIATE")
                chunks = self._append(commit.arrivals)
                for changes in commit.changes:
                    self._write(changes)
                deleted = self._dispose(commit.disposal) if commit.disposal else 0
                self._connection.execute("COMMIT")
        except BaseException:
            self._end, self._held_end, self._total, self._used = before
            self._roll_back()
            raise
        if chunks:
            self._note_durable()
        return Committed(
            chunks=chunks,
            used_bytes=self._used,
            deleted=deleted,
            oldest=self._oldest() if deleted else 0,
        )

    def _append(self, arrivals: Sequence[Arrival]) -> list[StoredChunk]:
        return [self._insert(arrivals, start, stop) for start, stop in _joined(arrivals)]

    def _insert(self, arrivals: Sequence[Arrival], start: int, stop: int) -> StoredChunk:
        group, first = arrivals[start:stop], self._end
        body = encode(first, [arrival.piece for arrival in group])
        count = sum(len(arrival.piece.lines) for arrival in group)
        received = group[0].piece.received
        hashes = b"".join([arrival.hashes for arrival in group])
        run = self._connection.execute
        run("INSERT INTO chunks VALUES(?, ?, ?, ?, ?)", (first, count, len(body), self._total, received))
        run("INSERT INTO ids VALUES(?, ?)", (first, sealed(hashes)))
        run("INSERT INTO bodies VALUES(?, ?)", (first, body))
        if any(arrival.digests for arrival in group):
            run("INSERT INTO digests VALUES(?, ?, ?)", (first, received, _packed(_by_source(group))))
        self._end = self._held_end = first + count
        self._total += len(body)
        self._used += len(body)
        return StoredChunk(first, start, stop)

    def _write(self, changes: Changes) -> None:
        name, run = changes.name, self._connection.execute
        run("INSERT OR REPLACE INTO accounts VALUES(?, ?)", (name, _packed((changes.position, changes.standing))))
        for number, parked in changes.parked.items():
            if parked is None:
                run("DELETE FROM parked WHERE destination = ? AND number = ?", (name, number))
            else:
                run("INSERT OR REPLACE INTO parked VALUES(?, ?, ?)", (name, number, _packed(parked)))
        for letter in changes.dead:
            values = (name, letter.number, letter.reason, letter.last_at, _packed(letter))
            run("INSERT OR IGNORE INTO dead(destination, number, reason, at, row) VALUES(?, ?, ?, ?, ?)", values)
        for low, high, attempts in _rows_of(changes.attempts):
            run(
                "INSERT INTO attempts(destination, low, high, row) VALUES(?, ?, ?, ?)",
                (name, low, high, _packed(attempts)),
            )
        for gap in changes.gaps:
            run("INSERT INTO gaps VALUES(?, ?, ?, ?)", (name, gap.first, gap.last, _packed(gap)))
        if changes.version:
            self._use(name, changes.used_from, changes.version, changes.plan)

    def _use(self, name: str, number: int, version: str, plan: bytes) -> None:
        """Notes from where on a plan holds, unless it held already."""
        before = self._one("SELECT hash FROM uses WHERE destination = ? ORDER BY number DESC LIMIT 1", name)
        if before is None or before[0] != version:
            self._connection.execute("INSERT OR IGNORE INTO plans VALUES(?, ?)", (version, sealed(plan)))
            self._connection.execute("INSERT OR REPLACE INTO uses VALUES(?, ?, ?)", (name, number, version))

    def _dispose(self, disposal: Disposal) -> int:
        """The oldest chunks that nobody needs, a few at a time. The newest stays, so that numbers go on from it."""
        rows = self._all(
            "SELECT first, count, size, received FROM chunks WHERE first < ? ORDER BY first LIMIT ?",
            min(disposal.floor, self._held_end - 1),
            disposal.at_most + len(disposal.keep),
        )
        deleted = 0
        for first, count, size, received in rows:
            if first in disposal.keep or deleted == disposal.at_most or first + integer(count) >= self._held_end:
                continue
            if seconds(received) >= disposal.before and self._used <= disposal.max_bytes:
                break
            for table in ("chunks", "ids", "bodies"):
                self._connection.execute(f"DELETE FROM {table} WHERE first = ?", (first,))
            self._used = max(0, self._used - integer(size))
            deleted += 1
        self._connection.execute(
            "DELETE FROM digests WHERE first IN (SELECT first FROM digests ORDER BY first LIMIT ?) AND received < ?",
            (4 * DELETED_AT_ONCE, disposal.digests_before),
        )
        if deleted:
            self._connection.execute("DELETE FROM attempts WHERE high < ?", (rows[0][0],))
        return deleted

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the WAL is long enough."""
        return self._wal_pages >= CHECKPOINT_PAGES

    def checkpoint(self) -> None:
        """Plays the WAL back into the file, as far as readers let it. What fails is done the next time: nothing depends on it."""
        self._wal_pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            _log.warning("a checkpoint failed", extra={"facts": {"journal": str(self.folder), "error": str(error)}})

    def _count_wal(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return int(apsw.SQLITE_OK)

    def work(self, job: Callable[[apsw.Connection], T]) -> T:
        """`job`, in a transaction of its own."""
        with translated(self._connection):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = job(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            return result

    # Room --------------------------------------------------------------------------------------------------------

    def release_ballast(self) -> bool:
        """The disk is full: gives up what was put aside, so that cursors can still be saved. Whether there was anything."""
        try:
            os.unlink(self.folder / "ballast")
        except FileNotFoundError:
            return False
        return True

    def refill_ballast(self) -> bool:
        """Puts it aside again. Whether that is done: not while the disk is nearly full."""
        path = self.folder / "ballast"
        if path.exists():
            return True
        try:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        except OSError:
            self.release_ballast()
            return False
        return True

    def spare_bytes(self) -> int:
        """Free pages inside the file, which what is written next uses first."""
        with translated(self._connection):
            return PAGE_BYTES * integer(self._connection.pragma("freelist_count"))

    # The end -----------------------------------------------------------------------------------------------------

    def close(self, *, clean: bool) -> None:
        """`clean`: all that was decided is written. Closing plays the WAL back into the file."""
        with ExitStack() as last:
            last.callback(os.close, self._lock)
            last.callback(os.close, self._side)
            last.callback(self._connection.close, True)
            if clean:
                with translated(self._connection):
                    self._connection.execute("UPDATE journal SET clean = 1")

    def _roll_back(self) -> None:
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _note_durable(self) -> None:
        """Beside the file: how far acknowledgements have gone, so that a loss is noticed. Not synced: that would be a second sync."""
        end = self._end.to_bytes(8, "big")
        with suppress(OSError):
            os.pwrite(self._side, end + zlib.crc32(end).to_bytes(4, "big"), 0)

    def _durable_end(self) -> int:
        noted = os.pread(self._side, 12, 0)
        whole = len(noted) == 12 and zlib.crc32(noted[:8]) == int.from_bytes(noted[8:], "big")
        return int.from_bytes(noted[:8], "big") if whole else 1

    def _all(self, statement: str, *values: apsw.SQLiteValue) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: apsw.SQLiteValue) -> Any:
        return self._connection.execute(statement, values).fetchone()

    def __repr__(self) -> str:
        return f"<Store {self.folder}, next {self._end}, {self._used} bytes>"


def sealed(row: bytes) -> bytes:
    """`row` with its checksum in front."""
    return zlib.crc32(row).to_bytes(4, "big") + row


def unsealed(row: object) -> bytes:
    """What was sealed. Raises Damaged if it is not what was written: in a damaged file it may not even be bytes."""
    if not isinstance(row, bytes) or len(row) < 4 or zlib.crc32(row[4:]) != int.from_bytes(row[:4], "big"):
        raise Damaged("a row is not what was written")
    return row[4:]


def integer(value: object) -> int:
    """A number of a damaged file may be anything: then it is 0."""
    return value if isinstance(value, int) else 0


def seconds(value: object) -> float:
    """A time of a damaged file may be anything: then it is long ago."""
    return value if isinstance(value, float) else 0.0


def hash_of(message_id: str | None) -> int:
    """What `ids` knows an event by: two of a million events in one look-up share it, and then a chunk is read for nothing."""
    return zlib.crc32(message_id.encode("utf-8", "surrogatepass")) if message_id else 0


def _packed(value: object) -> bytes:
    return sealed(msgspec.msgpack.encode(value))


def _by_source(group: Sequence[Arrival]) -> list[tuple[str, bytes]]:
    return [(arrival.piece.source, arrival.digests) for arrival in group if arrival.digests]


def _joined(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, int]]:
    """Runs of arrivals that fit a row."""
    start = size = 0
    for index, arrival in enumerate(arrivals):
        added = sum(map(len, arrival.piece.lines)) + len(arrival.piece.lines)
        if size and size + added > CHUNK_BYTES:
            yield start, index
            start, size = index, 0
        size += added
    if arrivals:
        yield start, len(arrivals)


def _rows_of(attempts: Sequence[Attempt]) -> Iterator[tuple[int, int, list[Attempt]]]:
    """Rows of attempts, each of a bounded span."""
    rows: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_row: dict[int, list[tuple[int, int]]] = {}
        for first, last in attempt.ranges:
            by_row.setdefault(first // ATTEMPT_SPAN, []).append((first, last))
        for key, ranges in by_row.items():
            rows.setdefault(key, []).append(msgspec.structs.replace(attempt, ranges=ranges))
    for row in rows.values():
        numbers = [number for attempt in row for pair in attempt.ranges for number in pair]
        yield min(numbers), max(numbers), row


def _locked(folder: Path) -> int:
    """The folder, made if it is not there, for us alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(f"{folder} cannot be used as data_dir: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise JournalError(
            f"{folder} is in use by another doorstep; stop that one, or choose another data_dir"
        ) from None
    return lock


@contextmanager
def translated(connection: apsw.Connection | None = None) -> Iterator[None]:
    """The one table from SQLite's errors, and the system's, to ours. `connection` knows what the system had said."""
    try:
        yield
    except apsw.FullError as error:
        raise JournalFull("the disk is full") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise JournalError(
            f"the journal is damaged ({error}); `doorstep journal salvage` rescues what it holds"
        ) from error
    except apsw.Error as error:
        if connection is not None and isinstance(error, apsw.IOError) and connection.system_errno in _FULL:
            raise JournalFull(
                f"the disk is full, or a limit is reached: {os.strerror(connection.system_errno)}"
            ) from error
        raise JournalError(f"the journal's disk failed: {error}") from error
    except OSError as error:
        if error.errno in _FULL:
            raise JournalFull("the disk is full") from error
        raise JournalError(f"the journal's disk failed: {error}") from error
