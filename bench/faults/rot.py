"""Bit rot: one random wound in a file, and where it is.

damage(path, random) -> Damage -> .pages(page_size) of a database, .frame(page_size) of a WAL
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

Wound = Literal["bit", "byte", "truncate"]

WAL_HEADER = 32
FRAME_HEADER = 24


class Damage(NamedTuple):
    """What was done. `offset`: the byte that changed, or the new size; `size`: how long the file was."""

    file: Path
    kind: Wound
    offset: int
    size: int

    def pages(self, page_size: int) -> range:
        """The pages of a database that are hit, counted from 1 as SQLite does: one, or all to the end of what was the file."""
        first = self.offset // page_size + 1
        last = -(-self.size // page_size) if self.kind == "truncate" else first
        return range(first, last + 1)

    def frame(self, page_size: int) -> int | None:
        """The first frame of a WAL that is hit, counted from 0; frames before it are whole. None: the WAL's own header."""
        if self.offset < WAL_HEADER:
            return None
        return (self.offset - WAL_HEADER) // (FRAME_HEADER + page_size)


def damage(
    path: Path, random: Callable[[], float], kinds: Sequence[Wound] = ("bit", "byte", "bit", "byte", "truncate")
) -> Damage:
    """Flip a bit, change a byte to any other, or cut the file off, at a random place. Raises ValueError for an empty file.

    `kinds` are equally likely, so one may be named twice. The file always differs afterwards.
    """
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path} is empty: there is nothing to damage")
    kind, offset = kinds[int(random() * len(kinds))], int(random() * size)
    if kind == "truncate":
        os.truncate(path, offset)
    else:
        _change(path, offset, 1 << int(random() * 8) if kind == "bit" else 1 + int(random() * 255))
    return Damage(path, kind, offset, size)


def _change(path: Path, offset: int, mask: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(offset)
        old = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([old ^ mask]))
