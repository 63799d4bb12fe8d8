"""Who changed what: a line of JSON for each change asked for, done or refused, in a file of bounded size beside the journal.

`admin-audit.ndjson` holds the latest; when it is full it becomes `admin-audit.1.ndjson`, and the one before is gone. Nothing of an event
is in it. Without a folder (memory durability) the engine's log has the lines alone.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

_log = logging.getLogger("doorstep.audit")

NAME = "admin-audit.ndjson"
OLD_NAME = "admin-audit.1.ndjson"
MAX_BYTES = 4 * 2**20
"""Some 20 000 changes; twice that are kept."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change that was asked for."""

    at: float
    who: str
    role: str
    method: str
    resource: str
    """The route, such as `/admin/v1/destinations/{name}/pause` ..."""
    of: dict[str, Any] = {}
    """... and what it was asked of: names, numbers and times (see `asked.py`)."""
    status: int


class AuditLog:
    """Of one engine."""

    def __init__(self, folder: Path | None, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = anyio.Lock()

    async def note(self, change: Change) -> None:
        """Written when it returns, as far as the operating system goes. A disk that fails is said, and stops nobody."""
        facts: dict[str, Any] = msgspec.to_builtins(change)
        _log.info("changed by a person" if change.status < 400 else "a change was refused", extra={"facts": facts})
        if self._folder is None:
            return
        try:
            async with self._lock:
                await anyio.to_thread.run_sync(self._write, msgspec.json.encode(change) + b"\n")
        except OSError as error:
            _log.error("the audit log could not be written", extra={"facts": {"error": str(error)}})

    def _write(self, line: bytes) -> None:
        assert self._folder is not None
        path = self._folder / NAME
        if path.exists() and path.stat().st_size + len(line) > self._max_bytes:
            path.replace(self._folder / OLD_NAME)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def __repr__(self) -> str:
        return f"<AuditLog {self._folder or 'nowhere'}>"
