"""`--leftovers FILE`: events that are left at the end, to be fed to a later run.

The file is made sure of before anything starts, and put in its place in one step: one that is there already stays whole until then, so
`run --from left.ndjson --leftovers left.ndjson` is safe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import anyio.to_thread

from ..errors import ConfigError, Problem
from ..model import Envelope


class Leftovers:
    """A context manager. Without a path it does nothing. Raises ConfigError on entering if the file could not be written."""

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path is not None else None
        self._file: BinaryIO | None = None

    @property
    def wanted(self) -> bool:
        """Whether what is left is to be written at all."""
        return self._path is not None

    def __enter__(self) -> Leftovers:
        if self._path is not None:
            try:
                self._file = open(_beside(self._path), "xb")
            except OSError as error:
                message = f"{self._path} cannot be written: {error.strerror}"
                raise ConfigError([Problem("--leftovers", message, "command line")]) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            with suppress(FileNotFoundError):
                os.unlink(self._file.name)

    async def write(self, envelopes: Sequence[Envelope]) -> None:
        """Each event as it came in, a line each, in order. Also when there is none: an old file must not be taken for this run's."""
        await anyio.to_thread.run_sync(self._write, envelopes)

    def _write(self, envelopes: Sequence[Envelope]) -> None:
        assert self._file is not None
        assert self._path is not None
        for envelope in envelopes:
            self._file.write(envelope.line + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._file.name, self._path)


def _beside(path: Path) -> Path:
    """An unfinished file in the same folder, which can be renamed."""
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file")
    return path.with_name(f".{path.name}.{os.getpid()}.unfinished")
