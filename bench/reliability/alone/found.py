"""What a folder holds, by the journal's own eyes: opened as after a crash, everything in it read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
from doorstep.engine.journal.commits import Opened
from doorstep.engine.journal.letters import letters_of
from doorstep.engine.journal.queries import Queries, StoredPieces
from doorstep.engine.journal.records import Gap, Position
from doorstep.engine.journal.store import Store

from .book import Found, Page, run, set_of

FAR = 2**20
"""Numbers beyond this are nobody's here: sets of events are as long as the greatest number in them."""


def look(folder: Path, event: Callable[[int], bytes]) -> Found:
    """Opens the journal in `folder`, reads all of it and closes it. `event` is what an event must be, by number."""
    store = Store(folder)
    try:
        opened = store.opened()
        queries = Queries(folder)
        try:
            return found_in(opened, queries, event)
        finally:
            queries.close()
    finally:
        store.close(clean=False)


def found_in(opened: Opened, queries: Queries, event: Callable[[int], bytes]) -> Found:
    """All that is there."""
    held, altered, gaps = walk(queries, opened.oldest, min(opened.end, FAR), event)
    letters: Counter[tuple[str, int]] = Counter()
    with suppress(apsw.CorruptError):  # nothing is promised of a damaged table but that nothing else suffers
        letters.update(letters_in(queries))
    pages = {
        name: page_of(
            account.position,
            [parked.number for parked in account.parked],
            [number for destination, number in letters if destination == name],
        )
        for name, account in opened.accounts.items()
    }
    return Found(
        end=opened.end,
        held=held,
        altered=altered,
        named=gaps,
        pages=pages,
        doubled=letters.total() - len(letters),
        lost=opened.lost is not None,
    )


def letters_in(queries: Queries) -> list[tuple[str, int]]:
    """Of each dead letter that is whole, whose it is and which event. Raises the errors of SQLite."""
    rows: list[Any] = queries.connection.execute("SELECT id, row FROM dead").fetchall()
    return [(letter.destination, letter.number) for letter in letters_of(rows)]


def page_of(position: Position, parked: list[int], dead: list[int]) -> Page:
    """A cursor and its rows, as sets."""
    settled = run(1, position.scan)
    for chunk in position.open:
        settled &= ~run(chunk.first, chunk.first + chunk.count)
        settled |= int.from_bytes(chunk.bits, "little") << chunk.first
    return Page(settled, set_of(parked), set_of(dead))


def walk(queries: Queries, number: int, end: int, event: Callable[[int], bytes]) -> tuple[int, int, int]:
    """The events that are what they must be, those that are not, those that are named missing, of `number` to `end - 1`."""
    held = altered = gaps = 0
    while number < end:
        stored = queries.chunk(number) or Gap(number, end - 1, "damaged")
        if isinstance(stored, StoredPieces):
            lines = [line for piece in stored.pieces for line in piece.lines]
            held |= run(stored.first, stored.end)
            if lines != [event(n) for n in range(stored.first, stored.end)]:
                altered |= run(stored.first, stored.end)
            number = stored.end
        else:
            gaps |= run(number, min(stored.last + 1, end))
            number = stored.last + 1
    return held, altered, gaps
