"""The life of one event, put together from what the journal keeps: where each destination stands, what waits, what was given up, attempts.

    messageId -> CRC-32 in `ids` (newest first) -> the line itself -> Traces -> a Story per destination

There is no index of ids: 10 million events are 40 MB of hashes, which `bytes.find` goes through in 50 ms. Nothing here says "never seen"
of an event that may have been: what a damaged chunk or a deleted one leaves is told as what it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import apsw
import msgspec

from ..model.outcome import UNREADABLE
from .blob import Damaged, decode
from .desk import Life, Story
from .letters import letters_of
from .plans import PlanRecord
from .records import Attempt, DeadLetter, Gap, ParkedEvent, Position, Standing
from .rows import SLICE_ROWS, all_rows, first_row
from .sealing import unpacked, unsealed
from .store import ATTEMPT_SPAN, hash_of

SLICE_IDS = 4000
"""Rows of `ids`, with one or two kilobytes each, in one transaction: about 10 ms."""


class Seen(msgspec.Struct, frozen=True):
    """An event that was accepted. `line` is empty if its chunk is damaged."""

    number: int
    source: str
    received: float
    line: bytes
    is_held: bool
    """Whether its chunk is there: then its attempts are, too."""


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one event at one destination."""

    destination: str
    position: Position | None
    parked: ParkedEvent | None
    letters: list[DeadLetter]
    """In order of id; several if actions gave it up one by one."""
    gap: Gap | None
    attempts: list[Attempt]
    version: str
    began: int | None
    """The number from which the destination is known; None if that is not known."""


_ENDS = ("delivered", "filtered")
"""Attempts that nothing follows, at a destination or in an action."""


class _Ident(msgspec.Struct):
    messageId: Any = None


_ident = msgspec.json.Decoder(_Ident).decode


def message_id_of(line: bytes) -> str | None:
    """What `explain` finds it by."""
    try:
        found = _ident(line).messageId
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


# Finding it ----------------------------------------------------------------------------------------------------------


def hashed_like(
    connection: apsw.Connection, message_id: str, before: int, *, thorough: bool
) -> tuple[list[int], int | None]:
    """Numbers of events before `before` whose id may be this one, the newest first; and where to go on, None at the end.

    SQLite looks for the hash: it does not hold the interpreter while it goes from row to row, as we would, thousands of times a question.
    It does not look at checksums, though: `thorough` does, and takes any event of a damaged row for one that may be meant.
    """
    wanted = hash_of(message_id).to_bytes(4, sys.byteorder)
    edge = first_row(
        connection, "SELECT first FROM ids WHERE first < ? ORDER BY first DESC LIMIT 1 OFFSET ?", before, SLICE_IDS - 1
    )
    rows = all_rows(
        connection,
        "SELECT first, hashes FROM ids WHERE first < ? AND first >= ? AND (? OR instr(hashes, ?)) ORDER BY first DESC",
        before,
        edge[0] if edge else 0,
        thorough,
        wanted,
    )
    numbers = [number for first, row in rows for number in reversed(_numbers(connection, first, row, wanted))]
    return numbers, edge[0] if edge else None


def _numbers(connection: apsw.Connection, first: int, row: bytes, wanted: bytes) -> list[int]:
    try:
        hashes = unsealed(row)
    except Damaged:
        return _any_of(connection, first)
    return [first + place // 4 for place in _places(hashes, wanted)]


def _any_of(connection: apsw.Connection, first: int) -> list[int]:
    """The hashes of a chunk are damaged: it may be any of its events; if they are damaged too, the first stands for all."""
    found = first_row(connection, "SELECT count FROM chunks WHERE first = ?", first)
    seen = held(connection, first)
    return list(range(first, first + found[0])) if found and seen and seen.line else [first]


def _places(hashes: bytes, wanted: bytes) -> Iterator[int]:
    place = hashes.find(wanted)
    while place >= 0:
        if place % 4 == 0:
            yield place
        place = hashes.find(wanted, place + 1)


def held(connection: apsw.Connection, number: int) -> Seen | None:
    """Event `number`, from its chunk; None if that is not held."""
    row = first_row(
        connection, "SELECT first, count, received FROM chunks WHERE first <= ? ORDER BY first DESC LIMIT 1", number
    )
    if row is None or number >= row[0] + row[1]:
        return None
    first, _, received = row
    try:
        body = first_row(connection, "SELECT body FROM bodies WHERE first = ?", first)
        _, pieces = decode(body[0] if body else b"")
    except (Damaged, apsw.CorruptError, apsw.IOError):
        return Seen(number, "", received, b"", True)
    for piece in pieces:
        if number < first + len(piece.lines):
            return Seen(number, piece.source, piece.received, piece.lines[number - first], True)
        first += len(piece.lines)
    return None


def copies(connection: apsw.Connection, message_id: str, after: int) -> tuple[list[Seen], int | None]:
    """Dead letters with this id (without one: this key), whose chunk may be gone, a slice of the table at a time; and where to go on, None
    at the end."""
    edge = first_row(connection, "SELECT id FROM dead WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", after, SLICE_ROWS - 1)
    rows = all_rows(
        connection,
        "SELECT id, row FROM dead WHERE id > ? AND id <= ? AND instr(row, ?) ORDER BY id",
        after,
        edge[0] if edge else 2**63 - 1,
        message_id.encode("utf-8", "surrogatepass"),
    )
    letters = [letter for letter in letters_of(rows) if message_id == (letter.message_id or letter.origin)]
    found = [Seen(letter.number, letter.source, letter.received, letter.line, False) for letter in letters]
    return found, edge[0] if edge else None


def parked_copies(
    connection: apsw.Connection, message_id: str, after: tuple[str, int]
) -> tuple[list[Seen], tuple[str, int] | None]:
    """The same for parked events, which go on after a destination and number."""
    rows = all_rows(
        connection,
        "SELECT destination, number, row FROM parked WHERE (destination, number) > (?, ?) "
        "ORDER BY destination, number LIMIT ?",
        *after,
        SLICE_ROWS,
    )
    parked = [event for _, _, row in rows if (event := _or_none(row, ParkedEvent)) is not None]
    found = [
        Seen(event.number, event.source, event.received, event.line, False)
        for event in parked
        if message_id == (message_id_of(event.line) or event.origin)
    ]
    return found, rows[-1][:2] if len(rows) == SLICE_ROWS else None


# What is known of it -------------------------------------------------------------------------------------------------


def traces_of(connection: apsw.Connection, number: int) -> list[Traces]:
    """Of every destination that the journal knows, by name."""
    positions = {
        name: account[0] if (account := _or_none(row, tuple[Position, Standing])) else None
        for name, row in all_rows(connection, "SELECT name, row FROM accounts")
    }
    rows = all_rows(connection, "SELECT id, row FROM dead WHERE number = ? ORDER BY id", number)
    letters: dict[str, list[DeadLetter]] = {}
    for letter in letters_of(rows):
        letters.setdefault(letter.destination, []).append(letter)
    attempts = _attempts(connection, number)
    names = sorted({*positions, *letters, *attempts})
    return [
        Traces(
            destination=name,
            position=positions.get(name),
            parked=_parked(connection, name, number),
            letters=letters.get(name, []),
            gap=_gap(connection, name, number),
            attempts=attempts.get(name, []),
            version=_version(connection, name, number),
            began=_began(connection, name),
        )
        for name in names
    ]


def _attempts(connection: apsw.Connection, number: int) -> dict[str, list[Attempt]]:
    """By destination, in order of time. A row is never wider than two spans, which bounds the look-up."""
    rows = all_rows(
        connection,
        "SELECT destination, row FROM attempts WHERE high >= ? AND high < ? AND low <= ? ORDER BY id",
        number,
        number + 2 * ATTEMPT_SPAN,
        number,
    )
    found: dict[str, list[Attempt]] = {}
    for name, row in rows:
        for attempt in _or_none(row, list[Attempt]) or []:
            if any(first <= number <= last for first, last in attempt.ranges):
                found.setdefault(name, []).append(attempt)
    return {name: sorted(attempts, key=lambda attempt: attempt.at) for name, attempts in found.items()}


def _parked(connection: apsw.Connection, name: str, number: int) -> ParkedEvent | None:
    row = first_row(connection, "SELECT row FROM parked WHERE destination = ? AND number = ?", name, number)
    return _or_none(row[0], ParkedEvent) if row else None


def _gap(connection: apsw.Connection, name: str, number: int) -> Gap | None:
    row = first_row(
        connection, "SELECT row FROM gaps WHERE destination = ? AND first <= ? AND last >= ?", name, number, number
    )
    return _or_none(row[0], Gap) if row else None


def _version(connection: apsw.Connection, name: str, number: int) -> str:
    row = first_row(
        connection,
        "SELECT hash FROM uses WHERE destination = ? AND number <= ? ORDER BY number DESC LIMIT 1",
        name,
        number,
    )
    return row[0] if row else ""


def plans_of(connection: apsw.Connection, versions: Sequence[str]) -> dict[str, PlanRecord]:
    """What those plans said, of those that can be read."""
    found = {}
    for version in versions:
        row = first_row(connection, "SELECT content FROM plans WHERE hash = ?", version)
        with suppress(Damaged, msgspec.DecodeError):
            if row:
                found[version] = msgspec.json.decode(unsealed(row[0]), type=PlanRecord)
    return found


def _began(connection: apsw.Connection, name: str) -> int | None:
    row = first_row(connection, "SELECT min(number) FROM uses WHERE destination = ?", name)
    return row[0] if row else None


def _or_none(row: Any, type_: Any) -> Any:
    """What is damaged says nothing."""
    try:
        return unpacked(row, type_)
    except Damaged:
        return None


# What became of it ---------------------------------------------------------------------------------------------------


def life_of(seen: Seen, message_id: str | None, traces: list[Traces], why: Callable[[str, str], str | None]) -> Life:
    """The whole story. `why(destination, version)` is asked where nothing else is known of a settled event."""
    return Life(
        number=seen.number,
        message_id=message_id,
        source=seen.source,
        received=seen.received,
        line=seen.line,
        stories=[story_of(seen, one, why) for one in traces],
    )


def story_of(seen: Seen, traces: Traces, why: Callable[[str, str], str | None]) -> Story:
    """What became of an event at one destination: the first of these that is known."""
    name, attempts, parked = traces.destination, traces.attempts, traces.parked
    letter = traces.letters[-1] if traces.letters else None
    last = next((one for one in reversed(attempts) if one.result in _ENDS), None)
    told = Story(
        destination=name,
        state="unknown",
        version=traces.version,
        attempts=attempts,
        letter_ids=[one.id for one in traces.letters],
    )
    if parked is not None:
        reason = parked.tries[-1].reason if parked.tries else ""
        return _told(told, state="parked", reason=reason, tries=parked.tries, due=parked.due)
    if letter is not None and (last is None or last.at <= letter.last_at or last.action != (letter.action or "")):
        version = letter.version or traces.version
        return _told(told, "dead", letter.reason, version=version, tries=letter.tries)
    if last is not None and last.action and traces.position and not traces.position.is_settled(seen.number):
        return _told(told, "pending")  # one action is done, another has its turn yet
    if last is not None and last.action and not _all_ended(attempts):
        return told  # the letter of an action is gone
    if last is not None:
        return _told(told, last.result, last.reason)
    if traces.gap is not None:
        return _told(told, traces.gap.reason)
    return _untold(seen, traces, told, why)


def _all_ended(attempts: Sequence[Attempt]) -> bool:
    """Whether each action that was tried came to an end."""
    tried = {attempt.action for attempt in attempts if attempt.action}
    return tried == {attempt.action for attempt in attempts if attempt.action and attempt.result in _ENDS}


def _untold(seen: Seen, traces: Traces, told: Story, why: Callable[[str, str], str | None]) -> Story:
    """No record says what happened: then where the destination stands does."""
    position, number = traces.position, seen.number
    if traces.began is not None and number < traces.began:
        return _told(told, "not_offered")
    if position is None:
        return told
    if not position.is_settled(number):
        return _told(told, "pending" if seen.line else "damaged")
    if traces.attempts or not seen.is_held or not seen.line:
        return told
    reason = why(traces.destination, traces.version) or ""
    if reason == UNREADABLE.reason:
        return told  # it was a dead letter, which is gone
    return _told(told, "filtered", reason)


def _told(story: Story, state: str, reason: str = "", **more: Any) -> Story:
    return msgspec.structs.replace(story, state=state, reason=reason, **more)
