"""Destinations in SQL: where each stands, what waits for it, whether it is paused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import apsw
import msgspec

from .blob import Damaged
from .desk import DestinationRow
from .letters import STRANGERS
from .records import Gap, ParkedEvent, Position, Standing
from .rows import SLICE_BYTES, SLICE_ROWS, all_rows, first_row
from .sealing import packed, unpacked


def position_of(connection: apsw.Connection, destination: str) -> Position | None:
    """Where a destination stands; None if the journal does not know it. Raises Damaged."""
    row = first_row(connection, "SELECT row FROM accounts WHERE name = ?", destination)
    return unpacked(row[0], tuple[Position, Standing])[0] if row else None


def journal_end(connection: apsw.Connection) -> int:
    """One past the newest event."""
    row = first_row(connection, "SELECT first + count FROM chunks ORDER BY first DESC LIMIT 1")
    return int(row[0]) if row else 1


def names(connection: apsw.Connection) -> list[str]:
    """Those that the journal knows."""
    return [name for (name,) in all_rows(connection, "SELECT name FROM accounts ORDER BY name")]


def parked(
    connection: apsw.Connection, destination: str, after: int, limit: int
) -> tuple[list[ParkedEvent], int | None]:
    """By number, some after `after` (0: from the beginning); and where to go on, None at the end. A damaged row hides no other: it was
    named at the start."""
    found: list[ParkedEvent] = []
    read = 0
    statement = "SELECT number, row FROM parked WHERE destination = ? AND number > ? ORDER BY number LIMIT ?"
    rows = connection.execute(statement, (destination, after or -STRANGERS, min(limit, SLICE_ROWS)))
    last = None
    for number, row in rows:
        last = number
        with suppress(Damaged):
            found.append(unpacked(row, ParkedEvent))
        read += len(row)
        if read >= SLICE_BYTES:
            break
    rows.close()
    return found, last


def destinations(connection: apsw.Connection, dead: Mapping[str, int]) -> list[DestinationRow]:
    """By name; `dead` is how many dead letters each has. Raises Damaged."""
    rows = all_rows(connection, "SELECT name, row FROM accounts ORDER BY name")
    waiting: dict[str, int] = dict(
        all_rows(connection, "SELECT destination, count(*) FROM parked GROUP BY destination")
    )
    gaps: dict[str, list[Gap]] = {}
    for name, row in all_rows(connection, "SELECT destination, row FROM gaps ORDER BY first"):
        gaps.setdefault(name, []).append(unpacked(row, Gap))
    end = journal_end(connection)
    found = []
    for name, row in rows:
        position, standing = unpacked(row, tuple[Position, Standing])
        found.append(
            DestinationRow(
                name=name,
                watermark=position.watermark,
                unsettled=position.unsettled(max(end, position.scan)),
                parked=waiting.get(name, 0),
                dead=dead.get(name, 0),
                standing=standing,
                gaps=gaps.get(name, []),
            )
        )
    return found


def stand(connection: apsw.Connection, destination: str, paused: bool) -> None:
    """Pauses it, or lets it go on. Raises LookupError, or Damaged."""
    rows: dict[str, bytes] = dict(all_rows(connection, "SELECT name, row FROM accounts"))
    if destination not in rows:
        raise unknown(destination, sorted(rows))
    position, standing = unpacked(rows[destination], tuple[Position, Standing])
    row = packed((position, msgspec.structs.replace(standing, paused=paused)))
    connection.execute("UPDATE accounts SET row = ? WHERE name = ?", (row, destination))


def forget(connection: apsw.Connection, destination: str) -> None:
    """Deletes what is known of a destination, but for its dead letters."""
    connection.execute("DELETE FROM accounts WHERE name = ?", (destination,))
    for table in ("parked", "attempts", "gaps", "uses", "replays"):
        connection.execute(f"DELETE FROM {table} WHERE destination = ?", (destination,))


def unknown(destination: str, known: Iterable[str]) -> LookupError:
    """What to say of a destination that is not among those that are known."""
    names = ", ".join(sorted(known))
    return LookupError(f"there is no destination {destination!r} in this journal; it knows {names or 'none yet'}")
