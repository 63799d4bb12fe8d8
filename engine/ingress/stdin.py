"""Standard input, or any other descriptor that is read to its end: a pipe, a file, a terminal.

The descriptor must stay as it is: O_NONBLOCK belongs to the open file, which the parent's shell shares, and a regular file is never "not
ready" anyway. So what is there already is read on the spot, by a system call that can be told not to wait (RWF_NOWAIT), and only if
there is nothing, or the descriptor cannot be asked like that (a terminal, an old kernel), it is left to a thread that blocks. The
thread polls the descriptor together with a pipe of its own. In that pipe a byte is leave to read one chunk, and its end is the end of
the thread, at once, however silent the terminal. Nothing is read ahead: what waits for us waits in the pipe.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import sys
import threading
from collections import deque
from contextlib import suppress

import anyio
import anyio.lowlevel

from ..errors import Closed
from ..model.lines import Lines
from ..waker import Waker
from .intake import Intake
from .port import IngressStatistics, pass_on
from .splitter import LineSplitter

_READ_BYTES = 384 * 1024
"""Below, what is done once for a chunk shows (256: 4 % slower, 128: a sixth); above, chunks leave the processor's cache."""
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_PIPE_BYTES = 1024 * 1024
"""What an unprivileged process may ask for on Linux: fewer switches between writer and reader than with the 64 KiB of a new pipe."""
_THREAD_END_S = 1.0


def standard_input() -> int | None:
    """The descriptor of standard input; None if the process was started without one, when 0 may be anything opened since."""
    return None if sys.__stdin__ is None else 0


class StdinIngress:
    """Reads `fd` to its end (None: has ended already). Does not close it. The last line needs no line end."""

    def __init__(self, name: str, fd: int | None, max_event_bytes: int) -> None:
        self.name = name
        self._fd = fd
        self._splitter = LineSplitter(max_event_bytes)
        self._reader: _Reader | None = None
        self._stopped = False
        self._size_bytes = 0
        self._lines = 0

    def __repr__(self) -> str:
        return f"<StdinIngress {self.name!r} fd={self._fd} {self._lines} lines>"

    async def run(self, intake: Intake) -> None:
        """See `Ingress`. After `stop` an unfinished line is dropped: the rest of it was never read."""
        if self._fd is None or self._stopped:
            return
        self._reader = _Reader(self._fd)
        try:
            with suppress(Closed):
                await self._read_all(self._reader, intake)
        finally:
            await self._reader.aclose()

    def stop(self) -> None:
        """See `Ingress`."""
        self._stopped = True
        if self._reader is not None:
            self._reader.stop()

    def statistics(self) -> IngressStatistics:
        """See `Ingress`."""
        return IngressStatistics(self.name, self._size_bytes, self._lines)

    async def _read_all(self, reader: _Reader, intake: Intake) -> None:
        while data := await reader.read():
            self._size_bytes += len(data)
            read = self._splitter.feed(data)
            del data  # the lines are copies, and accepting them can take its time
            await self._pass_on(read, intake)
        if not self._stopped:
            await self._pass_on(self._splitter.finish(), intake)

    async def _pass_on(self, read: Lines | None, intake: Intake) -> None:
        if read is not None:
            self._lines += len(read.lines) + len(read.too_large)
            await pass_on(read, intake, self.name)


class _Reader:
    """Reads `fd`: what is there, at once; what is still to come, in a thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waker = Waker()
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._tells = _NOWAIT is not None
        """Whether `fd` can be read without waiting, as far as we know."""
        self._found: deque[bytes | OSError] = deque()
        """What the thread read: one chunk at most."""
        self._leave, self._grant = os.pipe()
        self._granting = True
        self._is_asked = False
        """Whether the thread has leave."""
        self._ended = False
        _widen(fd)
        self._thread = threading.Thread(target=self._main, name=f"doorstep reads fd {fd}", daemon=True)
        self._thread.start()

    async def read(self) -> bytes:
        """The next chunk, at most 384 KiB; empty at the end of input, or once stopped and all that was read is taken."""
        await anyio.lowlevel.checkpoint()
        if self._granting and not self._is_asked:
            if self._tells and (chunk := self._what_is_there()) is not None:
                return chunk
            self._is_asked = True
            with suppress(BrokenPipeError):  # the thread has ended
                os.write(self._grant, b".")
        while not self._found and not self._ended:
            await self._waker.wait()
        if not self._found:
            return b""
        self._is_asked = False
        found = self._found.popleft()
        if isinstance(found, OSError):
            raise found
        return found

    def _what_is_there(self) -> bytes | None:
        """None if that is nothing. Whether it is the end, or nobody writes yet, or what is wrong is for the thread to find out."""
        try:
            size = os.preadv(self._fd, [self._buffer], -1, _NOWAIT or 0)
        except OSError as error:
            self._tells = error.errno == errno.EAGAIN
            return None
        return bytes(self._buffer[:size]) if size else None

    def stop(self) -> None:
        """Ends the thread. What it has read already can still be taken."""
        if self._granting:
            self._granting = False
            os.close(self._grant)

    async def aclose(self) -> None:
        """Ends the thread and waits for that, but not for one that is lost in a read.

        That happens when another process emptied the pipe between our poll and our read. The thread is a daemon: it keeps no one.
        """
        self.stop()
        with anyio.move_on_after(_THREAD_END_S, shield=True):
            while not self._ended:
                await self._waker.wait()
            self._thread.join()

    def _main(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._leave, select.POLLIN)
        try:
            while os.read(self._leave, 1) and (chunk := self._next(poll)):
                self._found.append(chunk)
                self._waker.wake()
        except OSError as error:
            self._found.append(error)
        finally:
            os.close(self._leave)
            self._ended = True
            with suppress(RuntimeError):  # the loop has gone, we were lost in a read: see aclose
                self._waker.wake()

    def _next(self, poll: select.poll) -> bytes:
        while all(fd == self._fd for fd, _ in poll.poll()):
            try:
                return os.read(self._fd, _READ_BYTES)
            except BlockingIOError:  # set so by the parent, and another process was faster
                continue
            except OSError as error:
                if error.errno != errno.EIO:  # how Linux reports a terminal whose other side has gone
                    raise
                break
        return b""


def _widen(fd: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # not a pipe, or the user has no more pages to give: as good as before
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
