"""Events that are sent again, in SQL: which come next, and the one transaction that moves them.

    dead:     next_letters (reader) -> move_letters (writer): the letter goes, a parked row comes, the job moves on
    journal:  next_events (reader)  -> park_events (writer): a parked row comes, the job moves on

What was read may have changed by the time it is written, so the writing looks again: at the job (somebody may have moved it on), at the
letter (it may be gone), at the parked row (it is never overwritten). Killed anywhere and run again, nothing is lost and nothing doubled.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import inf

import apsw
import msgspec

from .blob import HEADER_BYTES, Damaged, Piece, decode, header_of
from .desk import Replay
from .letters import STRANGERS, Condition, end_of, letters_of
from .records import DeadLetter, ParkedEvent
from .rows import SLICE_BYTES, SLICE_ROWS, Matches, all_rows, first_row
from .sealing import packed, unpacked
from .standing import journal_end, position_of

_log = logging.getLogger("doorstep.journal")

Piecemeal = list[tuple[str, float, int]]


class Candidate(msgspec.Struct, frozen=True):
    """An event of the journal that a replay asks for."""

    number: int
    line: bytes
    source: str
    received: float


class Letters(msgspec.Struct, frozen=True):
    """Dead letters that come next."""

    letters: list[DeadLetter]
    position: int
    """The number to go on from."""
    done: bool


class Events(msgspec.Struct, frozen=True):
    """Events of the journal that come next."""

    events: list[Candidate]
    position: int
    done: bool


class Moved(msgspec.Struct, frozen=True):
    """What a transaction came to."""

    replay: Replay | None
    """The job as it stands now; None if it is done."""
    parked: list[ParkedEvent]


# The jobs ------------------------------------------------------------------------------------------------------------


def bounded(connection: apsw.Connection, replay: Replay) -> Replay:
    """A new job: from the beginning to what is there now. What the destination has not scanned yet comes by itself."""
    if replay.kind == "dead":
        query = msgspec.structs.replace(replay.query, destination=replay.destination)
        return msgspec.structs.replace(
            replay, query=query, id=0, position=-STRANGERS, moved=0, until=end_of(connection)
        )
    end, position = journal_end(connection), position_of(connection, replay.destination)
    until = min(end, position.scan) if position else end
    return msgspec.structs.replace(replay, id=0, position=1, moved=0, until=until)


def begin(connection: apsw.Connection, replay: Replay) -> int:
    """Writes the job down. Returns its id."""
    values = (replay.destination, packed(replay))
    connection.execute("INSERT INTO replays(destination, row) VALUES(?, ?)", values)
    return connection.last_insert_rowid()


def jobs(connection: apsw.Connection, said: set[int]) -> list[Replay]:
    """Those that are not done. A damaged one is left where it is and said, unless it was `said` before: this is asked all the time."""
    found = []
    for id_, destination, row in all_rows(connection, "SELECT id, destination, row FROM replays ORDER BY id"):
        try:
            found.append(msgspec.structs.replace(unpacked(row, Replay), id=id_))
        except Damaged:
            if id_ not in said:
                said.add(id_)
                facts = {"destination": destination, "replay": id_}
                _log.error("a replay is damaged and will not go on: ask for it again", extra={"facts": facts})
    return found


def _current(connection: apsw.Connection, id_: int) -> Replay | None:
    row = first_row(connection, "SELECT row FROM replays WHERE id = ?", id_)
    return msgspec.structs.replace(unpacked(row[0], Replay), id=id_) if row else None


def _moved_on(connection: apsw.Connection, job: Replay, position: int, done: bool, parked: list[ParkedEvent]) -> Moved:
    if done:
        connection.execute("DELETE FROM replays WHERE id = ?", (job.id,))
        return Moved(None, parked)
    job = msgspec.structs.replace(job, position=position, moved=job.moved + len(parked))
    connection.execute("UPDATE replays SET row = ? WHERE id = ?", (packed(job), job.id))
    return Moved(job, parked)


# Dead letters --------------------------------------------------------------------------------------------------------


def next_letters(
    connection: apsw.Connection, job: Replay, condition: Condition, *, max_events: int, max_bytes: int
) -> Letters:
    """The next ones in order of number, as events came in; letters that are newer than the job (`until`) are not part of it."""
    edge = first_row(
        connection,
        "SELECT number FROM dead WHERE number >= ? ORDER BY number LIMIT 1 OFFSET ?",
        job.position,
        SLICE_ROWS - 1,
    )
    last = edge[0] if edge else 2**63 - 1
    rows = connection.execute(
        "SELECT id, number, row FROM dead INDEXED BY dead_by_number "
        f"WHERE number >= ? AND number <= ? AND id < ?{condition.sql} ORDER BY number, id",
        (job.position, last, job.until, *condition.values),
    )
    found: list[DeadLetter] = []
    position, taken, read = job.position, 0, 0
    for id_, number, row in rows:
        if number != position and (len(found) >= max_events or taken >= max_bytes or read >= SLICE_BYTES):
            rows.close()
            return Letters(found, number, False)
        position, read = number, read + len(row)
        for letter in letters_of([(id_, row)]):
            if condition.matches(letter.line):
                found.append(letter)
                taken += len(letter.line)
    return Letters(found, last + 1 if edge else job.position, edge is None)


def move_letters(connection: apsw.Connection, job: Replay, letters: Letters, dues: Sequence[float]) -> Moved:
    """They are parked and no dead letters any more. One whose event is under way for another action stays: it can be sent again
    afterwards."""
    current = _current(connection, job.id)
    if current is None or current.position != job.position:
        return Moved(current, [])
    position = position_of(connection, job.destination)
    parked: dict[int, ParkedEvent] = {}
    for letter, due in zip(letters.letters, dues, strict=True):
        if first_row(connection, "SELECT 1 FROM dead WHERE id = ?", letter.id) is None:
            continue  # purged meanwhile
        if position is not None and not position.is_settled(letter.number):
            continue  # on its first way yet
        row = ParkedEvent(
            number=letter.number,
            line=letter.line,
            source=letter.source,
            received=letter.received,
            due=due,
            tries=letter.tries,
            replay=job.id,
            actions=[letter.action] if letter.action else [],
            origin=letter.origin if letter.number < 0 else "",
        )
        if _park(connection, job.destination, row):
            parked[row.number] = row
        elif not (there := _parked(connection, job.destination, row.number)) or there.line != row.line:
            continue  # mended since it was sent again, or damaged
        elif there.actions and not set(row.actions) <= set(there.actions):
            if row.number not in parked:
                continue  # parked for another action
            parked[row.number] = both = msgspec.structs.replace(there, actions=[*there.actions, *row.actions])
            _repark(connection, job.destination, both)
        connection.execute("DELETE FROM dead WHERE id = ?", (letter.id,))
    return _moved_on(connection, current, letters.position, letters.done, list(parked.values()))


# The journal ---------------------------------------------------------------------------------------------------------


def next_events(
    connection: apsw.Connection, job: Replay, matches: Matches, *, max_events: int, max_bytes: int
) -> Events:
    """The next ones that were received in time and match. A chunk that is damaged is passed over: its destinations had their gap."""
    since, until = _times(job)
    position, taken, read = job.position, 0, 0
    found: list[Candidate] = []
    rows = all_rows(
        connection,
        "SELECT first, count, size FROM chunks WHERE first >= ? AND first < ? ORDER BY first LIMIT ?",
        _chunk_of(connection, position),
        job.until,
        SLICE_ROWS,
    )
    for first, count, size in rows:
        if read and read + size > SLICE_BYTES:
            return Events(found, position, False)
        for number, line, piece in _events_in(connection, first, since, until):
            if number < position or number >= job.until or not matches(line):
                continue
            if found and (len(found) >= max_events or taken >= max_bytes):
                return Events(found, number, False)
            found.append(Candidate(number, line, piece.source, piece.received))
            taken += len(line)
        read += size
        position = first + count
    return Events(found, position, len(rows) < SLICE_ROWS)


def park_events(connection: apsw.Connection, job: Replay, events: Events, dues: Sequence[float]) -> Moved:
    """They are parked, but for those that will be sent anyway: parked already, or not settled yet."""
    current = _current(connection, job.id)
    if current is None or current.position != job.position:
        return Moved(current, [])
    position = position_of(connection, job.destination)
    parked = []
    for event, due in zip(events.events, dues, strict=True):
        row = ParkedEvent(
            number=event.number, line=event.line, source=event.source, received=event.received, due=due, replay=job.id
        )
        is_settled = position is None or position.is_settled(event.number)
        if is_settled and _park(connection, job.destination, row):
            parked.append(row)
    return _moved_on(connection, current, events.position, events.done, parked)


def events_at_most(connection: apsw.Connection, job: Replay) -> int:
    """About how many, at no cost: the events of the chunks that were received then."""
    since, until = _times(job)
    row = first_row(
        connection,
        "SELECT coalesce(sum(count), 0) FROM chunks WHERE first < ? AND received >= ? AND received < ?",
        job.until,
        since - 60.0,
        until,
    )
    return int(row[0])


def _events_in(connection: apsw.Connection, first: int, since: float, until: float) -> list[tuple[int, bytes, Piece]]:
    """Those of one chunk that were received in time. The body is read only if there may be any."""
    try:
        if not any(since <= received < until for _, received, _ in _table_of(connection, first)):
            return []
        row = first_row(connection, "SELECT body FROM bodies WHERE first = ?", first)
        number, pieces = decode(row[0] if row else b"")
    except (Damaged, apsw.CorruptError, apsw.IOError):
        return []
    found = []
    for piece in pieces:
        if since <= piece.received < until:
            found += [(number + index, line, piece) for index, line in enumerate(piece.lines)]
        number += len(piece.lines)
    return found


def _table_of(connection: apsw.Connection, first: int) -> Piecemeal:
    """The pieces of a chunk, from its beginning alone: its other pages stay where they are."""
    try:
        blob = connection.blob_open("main", "bodies", "body", first, False)
    except apsw.SQLError as error:
        raise Damaged("the body is not there") from error
    try:
        header = header_of(blob.read(HEADER_BYTES))
        return msgspec.msgpack.decode(blob.read(header.table), type=Piecemeal)
    except msgspec.DecodeError as error:
        raise Damaged("the table cannot be read") from error
    finally:
        blob.close()


def _times(job: Replay) -> tuple[float, float]:
    since, until = job.query.since, job.query.until
    return -inf if since is None else since, inf if until is None else until


def _chunk_of(connection: apsw.Connection, number: int) -> int:
    row = first_row(connection, "SELECT first FROM chunks WHERE first <= ? ORDER BY first DESC LIMIT 1", number)
    return int(row[0]) if row else number


# Parked --------------------------------------------------------------------------------------------------------------


def _park(connection: apsw.Connection, destination: str, row: ParkedEvent) -> bool:
    connection.execute("INSERT OR IGNORE INTO parked VALUES(?, ?, ?)", (destination, row.number, packed(row)))
    return bool(connection.changes())


def _repark(connection: apsw.Connection, destination: str, row: ParkedEvent) -> None:
    """One that was parked in this very transaction."""
    values = (packed(row), destination, row.number)
    connection.execute("UPDATE parked SET row = ? WHERE destination = ? AND number = ?", values)


def _parked(connection: apsw.Connection, destination: str, number: int) -> ParkedEvent | None:
    row = first_row(connection, "SELECT row FROM parked WHERE destination = ? AND number = ?", destination, number)
    try:
        return unpacked(row[0], ParkedEvent) if row else None
    except Damaged:
        return None
