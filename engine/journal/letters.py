"""Dead letters in SQL: count, page through, add, delete. Each function is one short transaction; whoever calls goes on where it stopped.

LetterQuery -> Condition (columns in SQL, FQL in Python) -> a page of letters, and the id to go on after
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from math import inf, nextafter
from typing import Any

import apsw
import msgspec

from .blob import Damaged
from .desk import LetterCount, LetterQuery
from .records import DeadLetter
from .rows import SLICE_BYTES, SLICE_ROWS, all_rows, first_row, matcher
from .sealing import packed, unpacked

_log = logging.getLogger("doorstep.journal")

COUNTED_AT_ONCE = 20_000
"""Entries of an index: 20 ms."""

STRANGERS = 2**40
"""Events of other journals are numbered from minus this on: before all others, and settled by any cursor."""

Row = tuple[int, bytes]


class Condition:
    """A query, compiled. Raises FqlError."""

    def __init__(self, query: LetterQuery) -> None:
        self.matches = matcher(query.where)
        self.reads_lines = query.where is not None
        asked = {
            "destination = ?": query.destination,
            "reason = ?": query.reason,
            "at >= ?": query.since,
            "at < ?": query.until,
            "id IN (SELECT value FROM json_each(?))": None if query.ids is None else str(list(query.ids)),
        }
        given = {clause: value for clause, value in asked.items() if value is not None}
        self.sql = "".join(f" AND {clause}" for clause in given)
        self.values: tuple[Any, ...] = tuple(given.values())
        self.first_id = min(query.ids, default=1) if query.ids is not None else 1


class Page(msgspec.Struct, frozen=True):
    """Some of what was asked for."""

    letters: list[DeadLetter]
    after: int
    """The id to go on after ..."""
    done: bool
    """... unless that was all."""


def page(connection: apsw.Connection, condition: Condition, after: int, limit: int) -> Page:
    """The letters after id `after`, at most `limit`; maybe fewer although more follow, since what is read at once is bounded."""
    after = max(after, condition.first_id - 1)
    edge = first_row(connection, "SELECT id FROM dead WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", after, SLICE_ROWS - 1)
    last = edge[0] if edge else 2**63 - 1
    statement = f"SELECT id, row FROM dead WHERE id > ? AND id <= ?{condition.sql} ORDER BY id"
    found: list[DeadLetter] = []
    read = 0
    rows = connection.execute(statement, (after, last, *condition.values))
    for id_, row in rows:
        if len(found) == limit or read >= SLICE_BYTES:
            rows.close()
            return Page(found, after, False)
        found += [letter for letter in letters_of([(id_, row)]) if condition.matches(letter.line)]
        after, read = id_, read + len(row)
    return Page(found, last, edge is None)


def letters_of(rows: Iterable[Row]) -> Iterator[DeadLetter]:
    """Rows as letters; a damaged one is said, and left where it is."""
    for id_, row in rows:
        try:
            yield msgspec.structs.replace(unpacked(row, DeadLetter), id=id_)
        except Damaged:
            _log.error("a dead letter is damaged and was left where it is", extra={"facts": {"id": id_}})


def letter(connection: apsw.Connection, id_: int) -> DeadLetter:
    """Raises LookupError, or Damaged."""
    row = first_row(connection, "SELECT row FROM dead WHERE id = ?", id_)
    if row is None:
        raise LookupError(f"there is no dead letter {id_}")
    return msgspec.structs.replace(unpacked(row[0], DeadLetter), id=id_)


# Counting ------------------------------------------------------------------------------------------------------------


class Tally:
    """Letters by destination and reason, added up page by page."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, float, float]] = {}

    def add(self, destination: str, reason: str, at: float) -> None:
        """One more."""
        count, first_at, last_at = self._counts.get((destination, reason), (0, inf, -inf))
        self._counts[destination, reason] = (count + 1, min(first_at, at), max(last_at, at))

    @property
    def counts(self) -> list[LetterCount]:
        """In order of destination, the most frequent first."""
        counts = [
            LetterCount(destination=destination, reason=reason, count=count, first_at=first_at, last_at=last_at)
            for (destination, reason), (count, first_at, last_at) in self._counts.items()
        ]
        return sorted(counts, key=lambda one: (one.destination, -one.count, one.reason))


Key = tuple[str, str, float, int]
BEGINNING: Key = ("", "", -inf, 0)


def count_some(connection: apsw.Connection, condition: Condition, key: Key, tally: Tally) -> Key | None:
    """Counts on after `key`, from the index alone: no line is looked at. Returns where to go on; None at the end."""
    rows: list[Key] = all_rows(
        connection,
        "SELECT destination, reason, at, id FROM dead INDEXED BY dead_by_destination "
        f"WHERE (destination, reason, at, id) > (?, ?, ?, ?){condition.sql} "
        "ORDER BY destination, reason, at, id LIMIT ?",
        *key,
        *condition.values,
        COUNTED_AT_ONCE,
    )
    for destination, reason, at, _ in rows:
        tally.add(destination, reason, at)
    return rows[-1] if len(rows) == COUNTED_AT_ONCE else None


# Writing -------------------------------------------------------------------------------------------------------------


def insert(connection: apsw.Connection, one: DeadLetter) -> bool:
    """Unless there is one of that event, destination and moment. Whether there was none."""
    values = (one.destination, one.number, one.reason, one.last_at, packed(msgspec.structs.replace(one, id=0)))
    connection.execute("INSERT OR IGNORE INTO dead(destination, number, reason, at, row) VALUES(?, ?, ?, ?, ?)", values)
    return bool(connection.changes())


def bury(connection: apsw.Connection, one: DeadLetter) -> None:
    """Writes a new one, unless it was written by a commit whose end was not heard of. Two actions of one event may give it up at the same
    moment: then the second one's is put a little later."""
    while not insert(connection, one):
        row = first_row(
            connection,
            "SELECT id, row FROM dead WHERE number = ? AND destination = ? AND at = ?",
            one.number,
            one.destination,
            one.last_at,
        )
        if any(there.action == one.action for there in letters_of([row])):
            return
        one = msgspec.structs.replace(one, last_at=nextafter(one.last_at, inf))


def add(connection: apsw.Connection, letters: Sequence[DeadLetter]) -> int:
    """Letters that are not there yet get ids of their own. Returns how many those were.

    One of another journal gets a number of its own, too: the one that it had there is another event's here.
    """
    (here,) = first_row(connection, "SELECT id FROM journal")
    added = 0
    for one in letters:
        if one.origin == f"{here}-{one.number}":
            added += insert(connection, one)
        elif not _is_there(connection, one):
            added += insert(connection, msgspec.structs.replace(one, number=_makeshift(connection)))
    return added


def _is_there(connection: apsw.Connection, stranger: DeadLetter) -> bool:
    """Whether it was brought in before."""
    rows = all_rows(
        connection,
        "SELECT id, row FROM dead WHERE destination = ? AND reason = ? AND at = ?",
        stranger.destination,
        stranger.reason,
        stranger.last_at,
    )
    return any(_identity(one) == _identity(stranger) for one in letters_of(rows))


def _identity(letter: DeadLetter) -> tuple[str | bytes, str | None]:
    """By the event, or its text if nobody knows which it was: a text may have been mended."""
    return letter.origin or letter.line, letter.action


def _makeshift(connection: apsw.Connection) -> int:
    """A number that no event has or had, for the letter that is inserted next: made of its id, which is never given again."""
    given = first_row(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'dead'")
    return (given[0] if given else 0) + 1 - STRANGERS


def patch(connection: apsw.Connection, id_: int, patched: DeadLetter) -> None:
    """Writes `patched` in place of letter `id_`, which only keeps its place. Raises LookupError if that has gone."""
    row = packed(msgspec.structs.replace(patched, id=0))
    connection.execute("UPDATE dead SET row = ? WHERE id = ?", (row, id_))
    if not connection.changes():
        raise LookupError(f"there is no dead letter {id_}")


def delete(connection: apsw.Connection, ids: Sequence[int]) -> int:
    """Deletes them for good. Returns how many were there."""
    connection.execute("DELETE FROM dead WHERE id IN (SELECT value FROM json_each(?))", (str(list(ids)),))
    return connection.changes()


def end_of(connection: apsw.Connection) -> int:
    """One past the newest id."""
    row = first_row(connection, "SELECT max(id) FROM dead")
    return int(row[0] or 0) + 1 if row else 1
