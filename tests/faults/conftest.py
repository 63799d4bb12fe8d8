"""A folder in memory, and a writer of numbered rows that says what it has been promised."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from bench.faults import Record

PAGE = 4096
FAST = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, on tmpfs where there is one: a sync costs nothing there."""
    if not FAST.is_dir():
        yield tmp_path
        return
    path = Path(tempfile.mkdtemp(prefix="faults-", dir=FAST))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def connect(folder: Path) -> Iterator[Callable[..., apsw.Connection]]:
    """`connect(vfs, synchronous)` opens `folder/rows.db` in WAL, checkpointed at every 8 pages; closed at the end."""
    opened: list[apsw.Connection] = []

    def connect(vfs: str, synchronous: str = "FULL") -> apsw.Connection:
        connection = apsw.Connection(str(folder / "rows.db"), vfs=vfs)
        opened.append(connection)
        connection.pragma("page_size", PAGE)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", synchronous)
        connection.pragma("wal_autocheckpoint", 8)
        connection.execute("create table if not exists rows(n integer primary key, data blob)")
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def insert() -> Callable[[apsw.Connection, Record, range], None]:
    """Rows in a transaction each, marked ("acked", n) after it; every 16th time older rows go, ("gone", n) before it."""

    def insert(connection: apsw.Connection, record: Record, numbers: range) -> None:
        for n in numbers:
            connection.execute("insert into rows values (?, ?)", (n, n.to_bytes(2) * (n * 331 % 3000 + 1)))
            record.mark(("acked", n))
            if n % 16 == 15:
                record.mark(("gone", n - 40))
                connection.execute("delete from rows where n <= ?", (n - 40,))

    return insert
