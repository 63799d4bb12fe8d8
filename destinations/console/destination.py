"""Events to standard output, a line each: for a look, for `--to -`, for a pipe into the next program.

Whoever reads may be slow or gone. Standard output belongs to our parent too, so it is never made non-blocking; a thread polls it and
writes what fits, looking in between whether it is still wanted.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from contextlib import suppress
from typing import Annotated, ClassVar

import anyio.from_thread
import anyio.to_thread
import msgspec
from doorstep.engine.sdk import DELIVERED, Batch, Failure, Fault, Limits, Settings, Sink, Verdict
from msgspec import Meta

_POLL_MS = 50
"""How long a cancelled write may go on waiting for a reader."""
_FAULTS = {
    errno.EPIPE: (Fault.CONFIGURATION, "stdout_closed"),
    errno.EBADF: (Fault.CONFIGURATION, "stdout_closed"),
    errno.ENOSPC: (Fault.TRANSIENT, "disk_full"),
}


class ConsoleSettings(Settings, frozen=True):
    """How events are printed."""

    pretty: Annotated[bool, Meta(description="Indented JSON over several lines, for people.")] = False


class Console(Sink[ConsoleSettings]):
    """Prints what it gets."""

    label = "Console"
    description = "Prints events to standard output, one line of JSON each."
    Settings = ConsoleSettings
    limits = Limits(in_flight=1)

    descriptor: ClassVar[int] = 1
    _own: int | None = None

    def __init__(self, settings: ConsoleSettings) -> None:
        super().__init__(settings)
        self._lock = anyio.Lock()
        self._numbers: list[int] = []
        """Of the events whose printing was broken off: by a timeout, say, since the reader took a break."""
        self._rest = memoryview(b"")
        """What of them is not out yet."""

    async def open(self) -> None:
        if self._own is None:
            self._own = _reopened(self.descriptor)

    async def write(self, batch: Batch) -> Verdict:
        async with self._lock:
            try:
                await anyio.to_thread.run_sync(self._print, batch)
            except OSError as error:
                fault, reason = _FAULTS.get(error.errno or 0, (Fault.TRANSIENT, "write_failed"))
                return Failure(fault, reason, detail=str(error))
        return DELIVERED

    async def close(self) -> None:
        if self._own is not None:
            with suppress(OSError):
                os.close(self._own)
            self._own = None

    def _print(self, batch: Batch) -> None:
        """In a thread. Goes on where it was broken off if the same batch comes again; before another one, ends the torn line."""
        numbers = [envelope.number for envelope in batch.envelopes]
        if not self._rest or numbers != self._numbers:
            torn = [b""] if self._rest else []
            lines = (
                [msgspec.json.format(line, indent=2) for line in batch.lines] if self.settings.pretty else batch.lines
            )
            self._numbers, self._rest = numbers, memoryview(b"\n".join([*torn, *lines, b""]))
        descriptor, size = (
            (self.descriptor, _safe_size(self.descriptor)) if self._own is None else (self._own, len(self._rest))
        )
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        while self._rest:
            anyio.from_thread.check_cancelled()
            if poll.poll(_POLL_MS):
                with suppress(BlockingIOError):
                    self._rest = self._rest[os.write(descriptor, self._rest[:size]) :]


def _reopened(descriptor: int) -> int | None:
    """A pipe opened anew, without blocking: what we set there is ours alone. None where that cannot be done (not Linux, no pipe)."""
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode) or not os.path.isdir("/proc/self/fd"):
            return None
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _safe_size(descriptor: int) -> int:
    """How much can be written without blocking once a poll says that there is room: to a file everything, else what POSIX grants."""
    return 2**30 if stat.S_ISREG(os.fstat(descriptor).st_mode) else select.PIPE_BUF
