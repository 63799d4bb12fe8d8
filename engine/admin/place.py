"""Where the admin socket is, from both sides.

`admin.sock` in the journal's folder, if a socket can be there. If not (a path of more than 107 bytes fits into no socket address, and some
shared file systems know no sockets), it is in a new folder of its own below the system's temporary one, and the file `admin` in the
journal's folder says where. Either way nobody but the user may open it.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from ..errors import NotRunning
from ..journal.folder import unreadable

_SOCKET = "admin.sock"
_POINTER = "admin"
_OWN = "doorstep-"
_BACKLOG = 100


class Place(msgspec.Struct, frozen=True):
    """A socket that listens, and the files that it needs."""

    listener: socket.socket
    path: Path
    files: tuple[Path, ...]
    folder: Path | None = None
    """Made for it alone."""

    def remove(self) -> None:
        """Nobody finds it any more. The socket itself is closed by whoever accepts from it."""
        _remove(self.files, self.folder)


def open_place(folder: Path) -> Place:
    """Listens. Whoever calls holds the folder's lock, so what is there already is a dead engine's. Raises OSError."""
    folder = folder.absolute()
    _clear(folder)
    path = folder / _SOCKET
    try:
        return Place(_listen(path), path, (path,))
    except OSError:
        return _elsewhere(folder)


def find_place(folder: Path) -> Path:
    """Where an engine on `folder` listens; a dead one may have left it.

    Raises NotRunning if there is no such place, ConfigError if this user may not use it: whether an engine runs is not known then.
    """
    folder = folder.absolute()
    path = folder / _SOCKET
    try:
        path = _pointed_at(folder) or path
        path.stat()
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except PermissionError as error:
        raise unreadable(folder, error) from error
    except OSError as error:
        raise NotRunning(f"no engine listens at {path}") from error
    return path


def _elsewhere(folder: Path) -> Place:
    """A folder with a name of its own every time: one with a name that can be guessed could be somebody else's trap."""
    own = Path(tempfile.mkdtemp(prefix=_OWN))
    path, pointer = own / _SOCKET, folder / _POINTER
    try:
        pointer.write_text(f"{path}\n", encoding="utf-8")
        return Place(_listen(path), path, (path, pointer), own)
    except OSError:
        _remove((path, pointer), own)
        raise


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect before `listen`, so nobody slips in under the umask
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _clear(folder: Path) -> None:
    """What an engine has left that did not end by itself."""
    pointed_at = None
    with suppress(PermissionError):
        pointed_at = _pointed_at(folder)
    if pointed_at is not None and pointed_at.name == _SOCKET and pointed_at.parent.name.startswith(_OWN):
        _remove((pointed_at,), pointed_at.parent)
    _remove((folder / _POINTER, folder / _SOCKET), None)


def _remove(files: tuple[Path, ...], folder: Path | None) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()
    if folder is not None:
        with suppress(OSError):
            folder.rmdir()


def _pointed_at(folder: Path) -> Path | None:
    """Raises PermissionError: what may not be read may well point at an engine."""
    try:
        text = (folder / _POINTER).read_text(encoding="utf-8").strip()
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError):
        return None
    return Path(text) if os.path.isabs(text) else None
