"""The journal's file, as the thread that writes it sees it: one commit at a time, each a single transaction.

    Commit (pieces, changes of destinations, what may be deleted) -> Store.commit -> Committed (chunks with their numbers, bytes in use)

Numbers are given inside the transaction: one that fails has used none. Every row but the plain numbers carries a CRC-32 of its own, since
SQLite's pages have none: a damaged cursor is noticed, and the destination starts at the oldest chunk again: repeats, and no loss.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw
import msgspec
from zlib_ng.zlib_ng import crc32

from ..errors import JournalError, JournalFull
from .blob import Damaged, encode
from .commits import Arrival, Commit, Committed, Found, Opened, StoredChunk
from .disposing import Disposal, Disposed, Disposer, Undeletable
from .folder import Folder
from .letters import bury
from .records import Attempt, Changes, Gap, ParkedEvent, Position, Standing, Waiting
from .schema import CHECKPOINT_PAGES, PAGE_BYTES, open_writer
from .sealing import integer, packed, sealed, text, unpacked
from .translating import translated

_log = logging.getLogger("doorstep.journal")

CHUNK_BYTES = 256 * 1024
"""Pieces are joined into one row up to this size; a piece that is bigger is a row of its own."""
DAMAGED_AT_ONCE = 8
"""So many damaged chunks are passed over in one commit; then it is made, and deletes nothing."""
ATTEMPT_SPAN = 2**16
"""How far apart the numbers in one row of attempts may be: so a look-up knows where to stop."""
_SYNCHRONOUS = {"disk": "FULL", "os": "NORMAL"}

T = TypeVar("T")
Row = tuple["apsw.SQLiteValue", ...]


class Store:
    """Owns the folder. Not thread-safe: whoever made it uses and closes it. Raises JournalError if the folder is not to be had."""

    def __init__(self, folder: Path, durability: Literal["disk", "os"] = "disk", *, vfs: str | None = None) -> None:
        self.folder = folder
        self._synchronous = _SYNCHRONOUS[durability]
        self._vfs = vfs
        self._beside = Folder(folder)
        self._wal_pages = 0
        self._is_stuffed = False
        """Whether the WAL cannot be played back, for want of room."""
        try:
            try:
                self._open()
            except JournalFull:
                if not self.release_ballast():
                    raise
                self._open()
        except BaseException:
            self._beside.close()
            raise
        self.starts_full = not self._beside.first_ballast()
        """Whether the disk was full when it was opened, and nothing could be put aside."""

    def _open(self) -> None:
        with translated(), ExitStack() as undo:
            self._connection = open_writer(self.folder, synchronous=self._synchronous, vfs=self._vfs)
            undo.callback(self._connection.close, True)
            with translated(self._connection):
                self._connection.set_wal_hook(self._count_wal)
                self._load()
            self._disposer = Disposer(self._connection, self.folder)
            undo.pop_all()

    # What was found ----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        row = self._one("SELECT first + count, total + size FROM chunks ORDER BY first DESC LIMIT 1") or (1, 0)
        self._held_end, self._total = max(1, integer(row[0])), integer(row[1])
        self._used = int(self._one("SELECT coalesce(sum(size), 0) FROM chunks")[0])
        self._end = max(self._held_end, self._beside.durable_end())

    def opened(self) -> Opened:
        """Everything but the events. From here on the journal counts as in use, until `close`."""
        with translated(self._connection):
            id_, clean = self._one("SELECT id, clean FROM journal") or ("", 0)
            rows = [(text(name), row) for name, row in self._all("SELECT CAST(name AS BLOB), row FROM accounts")]
            accounts = {name: self._account(name, row) for name, row in rows if name is not None}
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
            position, standing = unpacked(row, tuple[Position, Standing])
        except Damaged:
            position, standing = Position(self._oldest()), Standing()
            facts = {"destination": name, "starts_at": position.scan}
            _log.error("a cursor is damaged: what the journal still holds is sent again", extra={"facts": facts})
        return Found(
            name=name,
            position=position,
            standing=standing,
            parked=list(self._parked(name, standing.waiting)),
            backlog_bytes=self._bytes_from(position.scan),
        )

    def _parked(self, name: str, expected: Waiting | None) -> Iterator[ParkedEvent]:
        """What waits for it. What is damaged, or not there any more, is said."""
        numbers = []
        rows = self._connection.execute("SELECT number, row FROM parked WHERE destination = ? ORDER BY number", (name,))
        for number, row in rows:
            numbers.append(integer(number))
            try:
                yield unpacked(row, ParkedEvent)
            except Damaged:
                facts = {"destination": name, "number": number}
                _log.error("a parked event is damaged and was left where it is", extra={"facts": facts})
        missing, number = expected.missing(numbers) if expected else (0, None)
        if missing:
            facts = {"destination": name, "count": missing} | ({} if number is None else {"number": number})
            _log.error("parked events are missing from the journal", extra={"facts": facts})

    def _bytes_from(self, number: int) -> int:
        row = self._one("SELECT total FROM chunks WHERE first >= ? ORDER BY first LIMIT 1", number)
        return max(0, self._total - integer(row[0])) if row else 0

    def _oldest(self) -> int:
        oldest = self._disposer.oldest()
        return self._end if oldest is None else oldest

    def digests(self, since: float) -> Iterator[tuple[float, str, bytes]]:
        """What was seen since then: when, by which source, sixteen bytes each. A damaged row is passed over, and said."""
        rows = self._connection.execute(
            "SELECT first, received, digests FROM digests WHERE received >= ? ORDER BY first", (since,)
        )
        for first, received, row in rows:
            try:
                by_source = unpacked(row, list[tuple[str, bytes]])
            except Damaged:
                _log.error(
                    "digests are damaged: repeats of these events will be taken", extra={"facts": {"first": first}}
                )
                continue
            yield from ((received, source, found) for source, found in by_source)

    # Writing -----------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Committed:
        """Writes all of it, or nothing. Returns when it is as durable as configured.

        Raises JournalFull when the disk is, JournalError when it fails; the same commit may be tried again after either. While the WAL
        cannot be played back no events are taken: it would grow, and use up the room that is kept for playing it back.
        """
        if self._is_stuffed and commit.arrivals:
            self.checkpoint()
            if self._is_stuffed:
                raise JournalFull("the disk is full")
        for _ in range(1 + DAMAGED_AT_ONCE):  # the first may say no more than that one of them is damaged
            with suppress(Undeletable):
                return self._commit(commit, commit.disposal)
        return self._commit(commit, None)

    def _commit(self, commit: Commit, disposal: Disposal | None) -> Committed:
        before = self._end, self._held_end, self._total, self._used
        try:
            with translated(self._connection):
                self._connection.execute("BEGIN IMMEDIATE")
                chunks = self._append(commit.arrivals)
                for changes in commit.changes:
                    self._write(changes)
                disposed = self._dispose(disposal) if disposal else Disposed()
                self._connection.execute("COMMIT")
        except BaseException:
            self._end, self._held_end, self._total, self._used = before
            self._roll_back()
            raise
        if chunks:
            self._beside.note_durable(self._end)
        return Committed(
            chunks=chunks,
            used_bytes=self._used,
            deleted=disposed.chunks,
            oldest=self._end if disposed.oldest is None else disposed.oldest,
            is_bare=disposed.is_bare,
        )

    def _append(self, arrivals: Sequence[Arrival]) -> list[StoredChunk]:
        """The rows of all chunks first, then a statement for each table: after every statement the thread waits for the interpreter."""
        chunks: list[StoredChunk] = []
        rows: dict[str, list[Row]] = {"chunks": [], "ids": [], "bodies": [], "digests": []}
        for start, stop in _joined(arrivals):
            group, first = arrivals[start:stop], self._end
            body = encode(first, [arrival.piece for arrival in group])
            count = sum(arrival.piece.count for arrival in group)
            received = group[0].piece.received
            rows["chunks"].append((first, count, len(body), self._total, received))
            rows["ids"].append((first, sealed(b"".join([arrival.hashes for arrival in group]))))
            rows["bodies"].append((first, body))
            if any(arrival.digests for arrival in group):
                rows["digests"].append((first, received, packed(_by_source(group))))
            chunks.append(StoredChunk(first, start, stop))
            self._end = self._held_end = first + count
            self._total += len(body)
            self._used += len(body)
        for table, its_rows in rows.items():
            self._insert(table, its_rows)
        return chunks

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            marks = f"({', '.join('?' * len(rows[0]))})"
            self._connection.execute(
                f"INSERT INTO {table} VALUES {', '.join([marks] * len(rows))}", tuple(chain.from_iterable(rows))
            )

    def _write(self, changes: Changes) -> None:
        name, run = changes.name, self._connection.execute
        run("INSERT OR REPLACE INTO accounts VALUES(?, ?)", (name, packed((changes.position, changes.standing))))
        for number, parked in changes.parked.items():
            if parked is None:
                run("DELETE FROM parked WHERE destination = ? AND number = ?", (name, number))
            else:
                run("INSERT OR REPLACE INTO parked VALUES(?, ?, ?)", (name, number, packed(parked)))
        for letter in changes.dead:
            bury(self._connection, letter)
        for low, high, attempts in _rows_of(changes.attempts):
            run(
                "INSERT INTO attempts(destination, low, high, row) VALUES(?, ?, ?, ?)",
                (name, low, high, packed(attempts)),
            )
        for gap in changes.gaps:
            self._write_gap(name, gap)
        if changes.version:
            self._use(name, changes.used_from, changes.version, changes.plan)

    def _write_gap(self, name: str, gap: Gap) -> None:
        """One row for what is missed without a break: a destination that is down and lets events expire misses some four times a second."""
        with suppress(Damaged, apsw.CorruptError):
            newest = "SELECT rowid, row FROM gaps WHERE destination = ? ORDER BY rowid DESC LIMIT 1"
            for rowid, row in self._all(newest, name):
                before = unpacked(row, Gap)
                if before.reason == gap.reason and before.first <= gap.first <= before.last + 1:
                    gap = msgspec.structs.replace(gap, first=before.first, last=max(before.last, gap.last))
                    self._connection.execute("DELETE FROM gaps WHERE rowid = ?", (rowid,))
        self._connection.execute("INSERT INTO gaps VALUES(?, ?, ?, ?)", (name, gap.first, gap.last, packed(gap)))

    def _use(self, name: str, number: int, version: str, plan: bytes) -> None:
        """Notes from where on a plan holds, unless it held already."""
        before = self._one("SELECT hash FROM uses WHERE destination = ? ORDER BY number DESC LIMIT 1", name)
        if before is None or before[0] != version:
            self._connection.execute("INSERT OR IGNORE INTO plans VALUES(?, ?)", (version, sealed(plan)))
            self._connection.execute("INSERT OR REPLACE INTO uses VALUES(?, ?, ?)", (name, number, version))

    def _dispose(self, disposal: Disposal) -> Disposed:
        disposed = self._disposer.dispose(disposal, end=self._held_end, used_bytes=self._used)
        self._used = max(0, self._used - disposed.size_bytes)
        return disposed

    @property
    def undeletable(self) -> int:
        """Chunks that are damaged, and stay for it."""
        return self._disposer.damaged

    def checkpoint_if_due(self) -> None:
        """`checkpoint`, if the WAL is long enough."""
        if self._wal_pages >= CHECKPOINT_PAGES:
            self.checkpoint()

    def checkpoint(self) -> bool:
        """Plays the WAL back into the file, as far as readers let it. What fails is done the next time; see `commit` for want of room.

        Whether there was room for it.
        """
        self._wal_pages = 0
        self._is_stuffed = False
        try:
            with translated(self._connection):
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except JournalFull:
            self._is_stuffed = True
        except JournalError as error:
            _log.warning("a checkpoint failed", extra={"facts": {"journal": str(self.folder), "error": str(error)}})
        return not self._is_stuffed

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
        """See `Folder`."""
        return self._beside.release_ballast()

    def refill_ballast(self) -> bool:
        """See `Folder`."""
        return self._beside.refill_ballast()

    def spare_bytes(self) -> int:
        """Free pages inside the file, which what is written next uses first."""
        with translated(self._connection):
            return PAGE_BYTES * integer(self._connection.pragma("freelist_count"))

    # The end -----------------------------------------------------------------------------------------------------

    def close(self, *, clean: bool) -> None:
        """`clean`: all that was decided is written. Closing plays the WAL back into the file."""
        with ExitStack() as last:
            last.callback(self._beside.close)
            last.callback(self._connection.close, True)
            if clean:
                with translated(self._connection):
                    self._connection.execute("UPDATE journal SET clean = 1")

    def _roll_back(self) -> None:
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _all(self, statement: str, *values: apsw.SQLiteValue) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: apsw.SQLiteValue) -> Any:
        return self._connection.execute(statement, values).fetchone()

    def __repr__(self) -> str:
        return f"<Store {self.folder}, next {self._end}, {self._used} bytes>"


def hash_of(message_id: str | None) -> int:
    """What `ids` knows an event by: two of a million events in one look-up share it, and then a chunk is read for nothing."""
    return crc32(message_id.encode("utf-8", "surrogatepass")) if message_id else 0


def hashes_of(message_ids: Sequence[str | None]) -> bytes:
    """Four bytes for each. The loop is in C, as it can be where all are there and Unicode: 0.1 in place of 0.3 us."""
    try:
        return array("I", map(crc32, map(str.encode, message_ids))).tobytes()  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        return array("I", map(hash_of, message_ids)).tobytes()


def _by_source(group: Sequence[Arrival]) -> list[tuple[str, bytes]]:
    return [(arrival.piece.source, arrival.digests) for arrival in group if arrival.digests]


def _joined(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, int]]:
    """Runs of arrivals that fit a row."""
    start = size = 0
    for index, arrival in enumerate(arrivals):
        added = len(arrival.piece.body) + 1
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
