"""What stands beside the file: the lock, the ballast that is given up when the disk is full, and how far acknowledgements have gone."""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path

from ..errors import ConfigError, JournalError, JournalFull, Problem
from .schema import FILE
from .translating import translated

BALLAST_BYTES = 16 * 2**20
_MAKING = "ballast.new"
_NOT_OURS = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)
)
"""Of a folder that is the wrong one, whatever the disk does: the configuration has to change."""


class Folder:
    """Ours alone until it is closed. Made if it is not there; raises JournalError if it cannot be had now, ConfigError if never."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _locked(path)
        with ExitStack() as undo:
            undo.callback(os.close, self._lock)
            _expect_writable(path)
            with suppress(OSError):
                (path / _MAKING).unlink()
            try:
                self._side = self._open_side()
            except JournalFull:
                if not self.release_ballast():
                    raise
                self._side = self._open_side()
            undo.pop_all()

    def _open_side(self) -> int:
        with translated():
            return os.open(self.path / "durable", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def release_ballast(self) -> bool:
        """The disk is full: gives up what was put aside, so that cursors can still be saved. Whether there was anything."""
        try:
            os.unlink(self.path / "ballast")
        except FileNotFoundError:
            return False
        return True

    def refill_ballast(self) -> bool:
        """Puts it aside again. Whether that is done: not while the disk is nearly full."""
        return (self.path / "ballast").exists() or self._put_aside(BALLAST_BYTES)

    def first_ballast(self) -> bool:
        """For the beginning: half of what is left will do. False if that is next to nothing, and events would take what cursors need."""
        if self.refill_ballast():
            return True
        disk = os.statvfs(self.path)
        some = disk.f_bavail * disk.f_frsize // 2
        return self._put_aside(min(some, BALLAST_BYTES)) or some >= BALLAST_BYTES // 16

    def _put_aside(self, size: int) -> bool:
        """Under another name first: what a crash leaves half made is no ballast, and would be taken for one."""
        making = self.path / _MAKING
        try:
            with open(os.open(making, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            making.rename(self.path / "ballast")
        except OSError:
            making.unlink(missing_ok=True)
            return False
        return True

    def note_durable(self, end: int) -> None:
        """Beside the file: how far acknowledgements have gone, so that a loss is noticed. Not synced: that would be a second sync."""
        noted = end.to_bytes(8, "big")
        with suppress(OSError):
            os.pwrite(self._side, noted + zlib.crc32(noted).to_bytes(4, "big"), 0)

    def durable_end(self) -> int:
        """How far they had gone; 1 if that is not known."""
        noted = os.pread(self._side, 12, 0)
        whole = len(noted) == 12 and zlib.crc32(noted[:8]) == int.from_bytes(noted[8:], "big")
        return int.from_bytes(noted[:8], "big") if whole else 1

    def close(self) -> None:
        """Somebody else may have it."""
        os.close(self._side)
        os.close(self._lock)


def expect_journal(folder: Path) -> None:
    """Raises ConfigError if there is none, or if this user may not look."""
    try:
        (folder / FILE).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"there is no journal in {folder}; name the folder with --data-dir, or the file that does with -c"
        raise ConfigError([Problem("engine.data_dir", message)]) from error
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(path: Path, error: OSError) -> ConfigError | JournalError:
    """Of a journal that is only looked at: what to raise where the system does not let us at `path`."""
    if error.errno in _NOT_OURS:
        message = f"{path} cannot be used: {error.strerror}; ask as the user that the engine runs as"
        return ConfigError([Problem("engine.data_dir", message)])
    return JournalError(f"{path} cannot be read: {error.strerror}")


def _expect_writable(folder: Path) -> None:
    """Before SQLite opens them: it would make the files beside a read-only one just as read-only, and fail only when it writes."""
    paths = [folder / name for name in ("durable", FILE, f"{FILE}-wal", f"{FILE}-shm")]
    refused = [path for path in paths if path.exists() and not os.access(path, os.R_OK | os.W_OK)]
    if refused:
        advice = "may not be read and written by this user; allow it, or run this as a user that may"
        raise ConfigError([Problem("engine.data_dir", f"{path} {advice}") for path in refused])


def _locked(folder: Path) -> int:
    """The folder, made if it is not there, for us alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(folder.iterdir()) and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)  # made for us beforehand, by whom an umask of 022 gave it to everybody
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NOT_OURS:
            message = f"{folder} cannot be used: {error.strerror}; name a folder that may be made and written to"
            raise ConfigError([Problem("engine.data_dir", message)]) from error
        raise JournalError(f"{folder} cannot be used as data_dir: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise JournalError(
            f"{folder} is in use by another doorstep; stop that one, or choose another data_dir"
        ) from None
    return lock
