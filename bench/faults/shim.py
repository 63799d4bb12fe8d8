"""A VFS of SQLite's own, with a Python function around each call that reaches a disk.

    SQLite -> open, read, write, truncate, sync, delete -> `Shim.on_...` -> the default VFS -> the file
           -> locks, shared memory, sizes, access        ------------------^  (straight through)

Why not a subclass of `apsw.VFS`: an exception that such a class raises comes out of `execute` even where SQLite forgives the
error, above all that of an automatic checkpoint after a COMMIT that *did* succeed. Code would be tested against a failure
that no disk can cause. Here a call returns a result code, as the real VFS does, and SQLite alone decides what becomes of it.

How: a copy of the default VFS with two functions replaced is linked into SQLite's list; a file it opens is a plain file of the
default VFS whose table of methods is a copy with five functions replaced. Nothing is compiled, and shared memory is untouched. Reads
through a memory map (`mmap_size`, off by default) are not seen.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Self

import apsw

OK = 0

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_TRANSFER = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        ("others", c_void_p * 14),
    ]


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        ("others", c_void_p * 13),
    ]


class _File(ctypes.Structure):
    """The head of every `sqlite3_file`."""

    _fields_ = [("methods", c_void_p)]


_IN_USE: set[Shim] = set()
"""Every shim that C can still reach: linked, or closed before the last of its connections."""


class Shim:
    """A VFS under `name`. A subclass overrides what it wants to see; what it does not is passed on.

    Each `on_...` is called in the thread that uses the connection and returns a result code of SQLite (0 is well); `real()`
    does the thing. `file` is the name without its folder: one shim serves one folder. Use it as a context manager or call
    `close()`, which takes the name away: connections that are open go on, but close them first or its memory is never freed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._names: dict[int, str] = {}
        self._tables: dict[int, _Methods] = {}
        self._base = _Vfs.from_address(_default_vfs())
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.zName = name.encode()
        self._open = _OPEN(self._base.xOpen)
        self._delete = _DELETE(self._base.xDelete)
        self._callbacks: list[object] = []
        self._vfs.xOpen = self._given(_OPEN(self._c_open))
        self._vfs.xDelete = self._given(_DELETE(self._c_delete))
        self._link()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def close(self) -> None:
        """Take the name out of SQLite's list. Harmless if done twice."""
        at = self._base
        while at.pNext and at.pNext != ctypes.addressof(self._vfs):
            at = _Vfs.from_address(at.pNext)
        if at.pNext:
            at.pNext = self._vfs.pNext
        if not self._names:
            _IN_USE.discard(self)

    # What a subclass may override.

    def on_open(self, path: str, real: Callable[[], int]) -> int:
        """A main file, rollback journal or WAL, by full path; it may be there already, or be created now."""
        return real()

    def on_read(self, file: str, real: Callable[[], int]) -> int:
        return real()

    def on_write(self, file: str, data: bytes, offset: int, real: Callable[[int], int]) -> int:
        """`real(n)` writes the first `n` bytes."""
        return real(len(data))

    def on_truncate(self, file: str, size: int, real: Callable[[], int]) -> int:
        return real()

    def on_sync(self, file: str, real: Callable[[], int]) -> int:
        return real()

    def on_delete(self, file: str, folder_too: bool, real: Callable[[], int]) -> int:
        """`folder_too`: the folder is synced afterwards, so that the deletion lasts."""
        return real()

    # What C calls.

    def _link(self) -> None:
        if self.name in apsw.vfs_names():
            raise ValueError(f"there is a VFS named {self.name!r} already")
        self._vfs.pNext = self._base.pNext
        self._base.pNext = ctypes.addressof(self._vfs)
        _IN_USE.add(self)

    def _c_open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        def real() -> int:
            return int(self._open(vfs, name, file, flags, out))

        if not name:
            return real()  # a temporary file has no name, and nobody's events
        path = os.fsdecode(ctypes.string_at(name))
        # SQLite calls `xClose` of a file whose open failed, unless it has no methods.
        _File.from_address(file).methods = None
        code = self.on_open(path, real)
        head = _File.from_address(file)
        if code == OK and head.methods:
            self._names[file] = os.path.basename(path)
            head.methods = ctypes.addressof(self._patched(head.methods))
        return code

    def _c_delete(self, vfs: int, name: int, folder_too: int) -> int:
        file = os.path.basename(os.fsdecode(ctypes.string_at(name)))
        return self.on_delete(file, bool(folder_too), lambda: int(self._delete(vfs, name, folder_too)))

    def _patched(self, address: int) -> _Methods:
        """The default VFS's table of methods at `address`, with ours in five places; made once for each table."""
        if (known := self._tables.get(address)) is not None:
            return known
        base = _Methods.from_address(address)
        table = _Methods.from_buffer_copy(base)
        table.xClose = self._given(self._closer(_CLOSE(base.xClose)))
        table.xRead = self._given(self._reader(_TRANSFER(base.xRead)))
        table.xWrite = self._given(self._writer(_TRANSFER(base.xWrite)))
        table.xTruncate = self._given(self._truncater(_TRUNCATE(base.xTruncate)))
        table.xSync = self._given(self._syncer(_SYNC(base.xSync)))
        self._tables[address] = table
        return table

    def _given(self, callback: Any) -> int:
        """The C address of a callback, which lives as long as this object."""
        self._callbacks.append(callback)
        return int(ctypes.cast(callback, c_void_p).value or 0)

    def _closer(self, real: Any) -> Any:
        def close(file: int) -> int:
            self._names.pop(file, None)
            return int(real(file))

        return _CLOSE(close)

    def _reader(self, real: Any) -> Any:
        def read(file: int, buffer: int, amount: int, offset: int) -> int:
            return self.on_read(self._names[file], lambda: int(real(file, buffer, amount, offset)))

        return _TRANSFER(read)

    def _writer(self, real: Any) -> Any:
        def write(file: int, buffer: int, amount: int, offset: int) -> int:
            data = ctypes.string_at(buffer, amount)
            return self.on_write(self._names[file], data, offset, lambda n: int(real(file, buffer, n, offset)))

        return _TRANSFER(write)

    def _truncater(self, real: Any) -> Any:
        def truncate(file: int, size: int) -> int:
            return self.on_truncate(self._names[file], size, lambda: int(real(file, size)))

        return _TRUNCATE(truncate)

    def _syncer(self, real: Any) -> Any:
        def sync(file: int, flags: int) -> int:
            return self.on_sync(self._names[file], lambda: int(real(file, flags)))

        return _SYNC(sync)


def _default_vfs() -> int:
    """The address of SQLite's default VFS, which a connection tells."""
    pointer = c_void_p()
    connection = apsw.Connection(":memory:")
    try:
        connection.file_control("main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(pointer))
    finally:
        connection.close()
    if not pointer.value:
        raise RuntimeError("SQLite told no address of its default VFS")
    return pointer.value
