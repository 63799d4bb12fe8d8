"""A disk that is soon full: a small tmpfs, or a limit on the size of a process's files.

    limited_folder(size)       a folder on a tmpfs of its own; ENOSPC, so SQLITE_FULL. Needs root: ask `can_mount()`
    limited_files(pid, size)   RLIMIT_FSIZE of a process that runs; EFBIG, so SQLITE_IOERR_WRITE. Needs nothing

Both are undone when the block ends, however it ends. Space comes back in between by deleting a file from the folder, or by
nesting: the inner limit ends first. Linux only.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_PATIENCE = 10.0
"""Seconds that a mount may take."""


@cache
def can_mount() -> bool:
    """Whether `limited_folder` works here; found out by doing it."""
    if os.geteuid() != 0:
        return False
    try:
        with limited_folder(64 * 1024):
            return True
    except OSError:
        return False


@contextmanager
def limited_folder(size: int) -> Iterator[Path]:
    """An empty folder that holds `size` bytes (whole pages of 4 KiB) and goes away afterwards. Raises OSError if it cannot be."""
    with tempfile.TemporaryDirectory(prefix="small-disk-") as name:
        folder = Path(name)
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "small-disk", name)
        try:
            yield folder
        finally:
            _unmount(name)


def _unmount(name: str) -> None:
    """At once if nobody is in it, else as soon as the last one leaves: never left behind."""
    try:
        _run("umount", name)
    except OSError:
        _run("umount", "--lazy", name)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise OSError(f"{' '.join(command[:3])} failed: {said or error}") from error


@contextmanager
def limited_files(pid: int, size: int) -> Iterator[None]:
    """No file of process `pid` (0: this one) may grow past `size` bytes; what is longer already stays, and can be overwritten.

    The soft limit only, so that the process is healed afterwards; a process that has ended meanwhile is no error. Python
    ignores SIGXFSZ, so a Python process sees EFBIG; another kind of process may be ended by the signal.
    """
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
