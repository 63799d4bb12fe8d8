"""Disks that are full, or fail, and what is in the file all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from doorstep.engine.errors import JournalError, JournalFull
from doorstep.engine.journal.records import Position
from doorstep.engine.journal.sealing import unsealed
from doorstep.engine.journal.store import Store

from bench.faults.shim import Shim


class Disk:
    """What goes wrong with the commits of every journal: `fault` is asked before each, and may raise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fault: Callable[[Any], None] = lambda commit: None
        self.commits: list[Any] = []
        real = Store.commit

        def commit(store: Store, commit: Any) -> Any:
            self.fault(commit)
            self.commits.append(commit)
            return real(store, commit)

        monkeypatch.setattr(Store, "commit", commit)

    def full(self, commit: Any) -> None:
        """There is room for cursors, as the ballast gives it, and for nothing else."""
        if commit.arrivals:
            raise JournalFull("the disk is full")

    def wholly_full(self, commit: Any) -> None:
        raise JournalFull("the disk is full")

    def broken(self, commit: Any) -> None:
        raise JournalError("the journal's disk failed: disk I/O error")

    def well(self, commit: Any) -> None:
        """Nothing is wrong."""


class Grown(Shim):
    """A disk that other programs fill: once it `is_full`, no file gets longer. What there is may be overwritten."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.is_full = folder, False
        super().__init__("doorstep-grown")

    def on_write(self, file: str, data: bytes, offset: int, real: Callable[[int], int]) -> int:
        if self.is_full and offset + len(data) > (self.folder / file).stat().st_size:
            return apsw.SQLITE_FULL
        return super().on_write(file, data, offset, real)


def written(folder: Path, name: str = "a") -> Position | None:
    """Where a destination stands in the file."""
    connection = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows: list[Any] = connection.execute("SELECT row FROM accounts WHERE name = ?", (name,)).fetchall()
    connection.close()
    if not rows:
        return None
    position, _ = msgspec.msgpack.decode(unsealed(rows[0][0]), type=tuple[Position, Any])
    return position
