"""The latest events of the journal: what people choose from, and what an edited mapping is tried on."""

from __future__ import annotations

import apsw

from .blob import Damaged, decode
from .explaining import Seen
from .rows import first_row


def latest(connection: apsw.Connection, before: int, limit: int) -> tuple[list[Seen], int | None]:
    """Events of the last chunk that begins before `before`, the newest first; and where to go on, None at the end."""
    row = first_row(connection, "SELECT first, body FROM bodies WHERE first < ? ORDER BY first DESC LIMIT 1", before)
    if row is None:
        return [], None
    first, body = row
    try:
        _, pieces = decode(body if isinstance(body, bytes) else b"")
    except Damaged:
        return [], first
    found: list[Seen] = []
    number = first
    for piece in pieces:
        found += [Seen(number + at, piece.source, piece.received, line, True) for at, line in enumerate(piece.lines)]
        number += len(piece.lines)
    return found[: -limit - 1 : -1], first
