"""Events to numbered files: a file a batch, whole or not there at all, and never replaced by anything but itself.

    batch -> bytes -> .temporary -> fsync -> rename -> fsync of the folder -> delivered

When a file is complete is what the batch window decides: so many events, so many bytes, so much time. Nothing is appended to, so there is
no half-written file to mend after a crash. The name has the first sequence number and a hash of the content: what is written again after
a crash lands on itself, and a replay, or another journal that counts from 1 again, lands beside it.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import anyio.to_thread
from doorstep.engine.sdk import DELIVERED, Batch, Failure, Fault, Limits, Settings, Sink, Verdict
from msgspec import Meta

from .table import COLUMNS, csv_bytes

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SUBFOLDERS = {"none": "", "day": "%Y-%m-%d", "hour": "%Y-%m-%d/%H"}
_FAULTS = {
    errno.ENOSPC: (Fault.TRANSIENT, "disk_full"),
    errno.EDQUOT: (Fault.TRANSIENT, "disk_full"),
    errno.EACCES: (Fault.CONFIGURATION, "not_writable"),
    errno.EPERM: (Fault.CONFIGURATION, "not_writable"),
    errno.EROFS: (Fault.CONFIGURATION, "not_writable"),
    errno.ENOTDIR: (Fault.CONFIGURATION, "not_a_folder"),
    errno.EEXIST: (Fault.CONFIGURATION, "not_a_folder"),
    errno.ENAMETOOLONG: (Fault.CONFIGURATION, "name_too_long"),
}


class FileSettings(Settings, frozen=True):
    """Where files go, and what is in them."""

    folder: Annotated[
        str,
        Meta(
            min_length=1, description="Where the files are written; made if it is not there.", examples=["/srv/events"]
        ),
    ]
    format: Annotated[
        Literal["ndjson", "csv"],
        Meta(description="`ndjson`: an event a line, byte for byte as it came in. `csv`: a row each."),
    ] = "ndjson"
    prefix: Annotated[str, Meta(description="What names begin with.", examples=["orders"])] = "events"
    subfolders: Annotated[
        Literal["none", "day", "hour"],
        Meta(
            description="A folder for each day, or each hour of it: when the file's first event was received, in UTC."
        ),
    ] = "none"
    gzip: Annotated[bool, Meta(description="Whether files are compressed.")] = False
    columns: Annotated[
        dict[str, str] | None,
        Meta(
            description="CSV: the columns in their order, each with the path of what is in it. Default: "
            + ", ".join(COLUMNS)
            + ".",
            examples=[{"user": "userId", "total": "properties.total"}],
        ),
    ] = None

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("`prefix` must be letters, digits, `.`, `_`, `-`, and begin with one of the first two")
        if self.columns is not None and self.format != "csv":
            raise ValueError('`columns` are for `format = "csv"`')
        if self.columns is not None and not self.columns:
            raise ValueError("`columns` must have one at least; leave it out for the usual ones")


class File(Sink[FileSettings]):
    """Writes a file for each batch."""

    label = "File"
    description = "Writes events to numbered files of NDJSON or CSV."
    Settings = FileSettings
    limits = Limits(max_events=10_000, max_bytes=8 * 1024 * 1024, max_wait_s=30.0, in_flight=1, are_fixed=False)

    def __init__(self, settings: FileSettings) -> None:
        super().__init__(settings)
        self._folder = Path(settings.folder)
        self._ending = settings.format + (".gz" if settings.gzip else "")

    def check(self) -> None:
        """Whether the folder, or the nearest one above it that is there, may be written to."""
        folder = next(place for place in (self._folder, *self._folder.absolute().parents) if place.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    async def open(self) -> None:
        await anyio.to_thread.run_sync(self._sweep)

    async def write(self, batch: Batch) -> Verdict:
        try:
            await anyio.to_thread.run_sync(self._write, batch)
        except OSError as error:
            fault, reason = _FAULTS.get(error.errno or 0, (Fault.TRANSIENT, "write_failed"))
            return Failure(fault, reason, detail=str(error))
        return DELIVERED

    async def close(self) -> None:
        """Nothing is held open."""

    # In a thread -----------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Removes what a crash left unfinished. A folder that is not there, or not ours, is for `write` to complain about."""
        with suppress(OSError):
            for path in self._folder.glob(f".{self.settings.prefix}.{'[0-9]' * 20}-*.tmp"):
                path.unlink(missing_ok=True)

    def _write(self, batch: Batch) -> None:
        data = self._content(batch)
        name = f"{self.settings.prefix}.{batch.first:020}-{hashlib.sha256(data).hexdigest()[:8]}.{self._ending}"
        if self.settings.gzip:
            data = gzip.compress(data, 6, mtime=0)  # without the time: the same batch makes the same file
        folder = self._folder / self._subfolder(batch)
        _make_folders(folder)
        unfinished = self._folder / f".{name}.tmp"
        try:
            _write_durably(unfinished, data)
            unfinished.replace(folder / name)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(folder)

    def _content(self, batch: Batch) -> bytes:
        if self.settings.format == "csv":
            return csv_bytes(batch, self.settings.columns or COLUMNS)
        return b"".join([line + b"\n" for line in batch.lines])

    def _subfolder(self, batch: Batch) -> str:
        received = datetime.fromtimestamp(batch.envelopes[0].receipt.received, UTC)
        return received.strftime(_SUBFOLDERS[self.settings.subfolders])


def _make_folders(folder: Path) -> None:
    """The folder and what is missing above it; each is on the disk before anything in it is."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    _sync_folder(folder.parent)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
