"""A journal opened without touching it: for looking at one that is damaged, or that may belong to nobody yet.

    Untouched -> a VFS of SQLite's that opens everything for reading and locks nothing, over a folder that is locked as a whole

SQLite writes even when it only reads: it makes a `-shm` file and plays the WAL back when it closes. Under this VFS it keeps the index of
the WAL in memory (`locking_mode = exclusive`), and there is nothing that it could write with.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ..errors import JournalError
from .folder import expect_journal, unreadable
from .schema import FILE
from .translating import translated

_NAME = "doorstep-untouched"


@contextmanager
def untouched(folder: Path) -> Iterator[apsw.Connection]:
    """A connection to the journal in `folder`, WAL included. Raises JournalError if it is damaged at its very beginning.

    And ConfigError if this user may not read it.
    """
    vfs = _Vfs()
    try:
        with translated():
            connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READONLY, vfs=_NAME)
        try:
            with translated():
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                connection.pragma("locking_mode", "exclusive")
                connection.pragma("user_version")
            yield connection
        finally:
            connection.close()
    finally:
        vfs.unregister()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While nobody else uses the journal. Raises JournalError if somebody does, ConfigError if there is none for this user."""
    expect_journal(folder)
    path = folder / "lock"
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a copy: nobody can be using it
        yield
        return
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise JournalError(f"{folder} is in use by another doorstep; stop that one first") from None
    finally:
        os.close(lock)


def acknowledged_end(folder: Path) -> int | None:
    """One past the newest event that was acknowledged, as the file beside the journal says; 0 if it says nothing, None if it is damaged."""
    try:
        noted = (folder / "durable").read_bytes()[:12]
    except OSError:
        return 0
    if len(noted) < 12:
        return 0
    return int.from_bytes(noted[:8], "big") if zlib.crc32(noted[:8]) == int.from_bytes(noted[8:], "big") else None


class _Vfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(_NAME, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # type: ignore[override]
        # apsw wants one of its own files; any object with the methods of one is taken.
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        return _File(path or os.devnull)

    def xAccess(self, pathname: str, flags: int) -> bool:
        return os.path.exists(pathname)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """SQLite would remove the WAL when it closes."""

    def xFullPathname(self, name: str) -> str:
        return os.path.abspath(name)


class _File:
    """What is not there, such as a WAL that nobody needed, is empty."""

    def __init__(self, path: str) -> None:
        try:
            self._fd: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = None
        except OSError as error:
            raise unreadable(Path(path), error) from error

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, amount, offset) if self._fd is not None else b""
        except (
            OSError
        ) as error:  # as SQLite's own would say it: whoever reads on where one page fails does so here, too
            raise apsw.IOError(f"{error}") from error

    def xFileSize(self) -> int:
        return os.fstat(self._fd).st_size if self._fd is not None else 0

    def xClose(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def xWrite(self, data: bytes, offset: int) -> None:
        raise apsw.ReadOnlyError("this file is only looked at")

    def xTruncate(self, newsize: int) -> None:
        raise apsw.ReadOnlyError("this file is only looked at")

    def xSync(self, flags: int) -> None:
        """Nothing was written."""

    def xLock(self, level: int) -> None:
        """The folder is locked as a whole."""

    def xUnlock(self, level: int) -> None:
        """As for `xLock`."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False
