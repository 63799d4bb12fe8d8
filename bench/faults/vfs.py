"""Two VFS for SQLite: one writes down what the disk was asked to do, one also fails at the moment it was told to.

    RecordingVfs   every open, write, truncate, sync and delete that was done -> a `Record`
    FaultyVfs      the same, and the k-th write (sync, read, ...) fails: once, for a stretch, or until `heal()`

A connection uses one by name: `apsw.Connection(path, vfs="recording")`. The codes are those that SQLite's own VFS returns when
the system call fails, so that the program sees the error it would see, and none where SQLite forgives it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Literal, NamedTuple

import apsw

from .record import Delete, FailedSync, Open, Record, Sync, Truncate, Write
from .shim import OK, Shim

Kind = Literal["open", "read", "write", "truncate", "sync", "delete"]


class RecordingVfs(Shim):
    """Passes everything on and records what succeeded, in `record`; of what failed, only syncs, because they do harm."""

    def __init__(self, name: str = "recording", record: Record | None = None) -> None:
        self.record = Record() if record is None else record
        self._known: set[str] = set()
        self._unsynced_names: set[str] = set()
        super().__init__(name)

    def on_open(self, path: str, real: Callable[[], int]) -> int:
        file = os.path.basename(path)
        # One that is empty was made a moment ago by the program itself: nobody has synced its name.
        before = None if file in self._known else _content(path) or None
        code = real()
        if code == OK and file not in self._known:
            self._known.add(file)
            self.record.add(Open(file, before))
            if before is None:
                self._unsynced_names.add(file)
        return code

    def on_write(self, file: str, data: bytes, offset: int, real: Callable[[int], int]) -> int:
        if (code := real(len(data))) == OK:
            self.record.add(Write(file, offset, data))
        return code

    def on_truncate(self, file: str, size: int, real: Callable[[], int]) -> int:
        if (code := real()) == OK:
            self.record.add(Truncate(file, size))
        return code

    def on_sync(self, file: str, real: Callable[[], int]) -> int:
        covers = len(self.record)
        if (code := real()) == OK:
            # SQLite's VFS syncs the folder too at the first sync of a journal or WAL that it created.
            folder = file in self._unsynced_names and file.endswith(("-wal", "-journal"))
            self._unsynced_names.discard(file)
            self.record.add(Sync(file, covers, folder))
        else:
            self.record.add(FailedSync(file, covers))
        return code

    def on_delete(self, file: str, folder_too: bool, real: Callable[[], int]) -> int:
        if (code := real()) == OK:
            self._known.discard(file)
            self.record.add(Delete(file, folder_too))
        return code


class Fault(Enum):
    """What goes wrong."""

    IO_ERROR = "the system call fails with EIO and does nothing"
    DISK_FULL = "it fails with ENOSPC and does nothing"
    SHORT_WRITE = "half of the bytes are written, then ENOSPC"


_IO_ERROR: dict[Kind, int] = {
    "open": apsw.SQLITE_CANTOPEN,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


class Failed(NamedTuple):
    """A fault that took place."""

    kind: Kind
    file: str
    fault: Fault


class _Order(NamedTuple):
    """Operations `first` to `last` (counted from 1 among those that match) fail; `last` None: until healed."""

    kind: Kind | Literal["any"]
    first: int
    last: int | None
    fault: Fault
    file: str


class FaultyVfs(RecordingVfs):
    """Fails what it was told to; `failed` says what took place."""

    def __init__(self, name: str = "faulty", record: Record | None = None) -> None:
        self.failed: list[Failed] = []
        self._order: _Order | None = None
        self._seen: Counter[str] = Counter()
        self._lock = Lock()
        super().__init__(name, record)

    def fail(
        self,
        kind: Kind | Literal["any"],
        k: int = 1,
        fault: Fault = Fault.IO_ERROR,
        *,
        times: int | None = 1,
        file: str = "",
    ) -> None:
        """From now on, fail the k-th operation of `kind` (the next is 1) and those after it, `times` in all.

        `times=None`: until `heal()`. `file`: only files whose name ends so (`"-wal"`, `".db"`). One order at a time.
        `SHORT_WRITE` leaves half of a write on the disk; for any other kind it is `DISK_FULL`.
        """
        if k < 1 or (times is not None and times < 1):
            raise ValueError("operations are counted from 1")
        with self._lock:
            self._seen.clear()
            self._order = _Order(kind, k, None if times is None else k + times - 1, fault, file)

    def heal(self) -> None:
        """Nothing fails any more. What was not written stays unwritten."""
        with self._lock:
            self._order = None

    def reset(self) -> None:
        """Count from the beginning and forget what failed; the order stays."""
        with self._lock:
            self._seen.clear()
            self.failed.clear()

    def counts(self) -> dict[str, int]:
        """How many operations of each kind were asked for since `fail` or `reset`, failed ones too."""
        with self._lock:
            return dict(self._seen)

    def on_open(self, path: str, real: Callable[[], int]) -> int:
        fault = self._next("open", os.path.basename(path))
        return super().on_open(path, real) if fault is None else _code("open", fault)

    def on_read(self, file: str, real: Callable[[], int]) -> int:
        fault = self._next("read", file)
        return super().on_read(file, real) if fault is None else _code("read", fault)

    def on_write(self, file: str, data: bytes, offset: int, real: Callable[[int], int]) -> int:
        fault = self._next("write", file)
        if fault is None:
            return super().on_write(file, data, offset, real)
        if fault is Fault.SHORT_WRITE:
            super().on_write(file, data[: len(data) // 2], offset, real)
        return _code("write", fault)

    def on_truncate(self, file: str, size: int, real: Callable[[], int]) -> int:
        fault = self._next("truncate", file)
        return super().on_truncate(file, size, real) if fault is None else _code("truncate", fault)

    def on_sync(self, file: str, real: Callable[[], int]) -> int:
        fault = self._next("sync", file)
        return super().on_sync(file, real if fault is None else lambda: _code("sync", fault))

    def on_delete(self, file: str, folder_too: bool, real: Callable[[], int]) -> int:
        fault = self._next("delete", file)
        return super().on_delete(file, folder_too, real) if fault is None else _code("delete", fault)

    def _next(self, kind: Kind, file: str) -> Fault | None:
        """Count this operation; how it must fail, if it must."""
        with self._lock:
            order = self._order
            if order is None or not file.endswith(order.file):
                self._seen[kind] += order is None
                return None
            self._seen[kind] += 1
            if order.kind not in (kind, "any"):
                return None
            number = self._seen.total() if order.kind == "any" else self._seen[kind]
            if number < order.first or (order.last is not None and number > order.last):
                return None
            self.failed.append(Failed(kind, file, order.fault))
            return order.fault


def _code(kind: Kind, fault: Fault) -> int:
    """What SQLite's VFS would return: only a write tells a full disk from a broken one."""
    return apsw.SQLITE_FULL if kind == "write" and fault is not Fault.IO_ERROR else _IO_ERROR[kind]


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
