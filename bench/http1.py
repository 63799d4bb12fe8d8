"""Just enough HTTP/1.1 for a receiver that is in nobody's way: finds whole requests in a growing buffer, copies no body.

Pure: bytes in, requests out; no socket. Knows `Content-Length` only: a request without it has no body, a chunked one is an
error (`NotUnderstood`). The caller reads straight into `free()`, so a body is where the kernel put it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding:", re.IGNORECASE)
_END = b"\r\n\r\n"


class NotUnderstood(ValueError):
    """What came is no request that this reader knows; the connection is of no more use."""


class Request(NamedTuple):
    """A whole request; its body is `buffer[start:end]`, valid until the next call of `Inbox.free`."""

    method: str
    target: str
    buffer: bytearray
    start: int
    end: int

    @property
    def body(self) -> bytes:
        """A copy of the body."""
        return bytes(self.buffer[self.start : self.end])


class Inbox:
    """What one connection has sent and not yet been answered.

    `begin` is where the request being received starts, `filled` how far the buffer has been written.
    """

    def __init__(self, capacity: int = 1024 * 1024) -> None:
        self._buffer = bytearray(capacity)
        self._begin = 0
        self._filled = 0
        self._need = 0

    def free(self) -> memoryview:
        """Where the next bytes go. Never empty, and room enough for all of a body whose length is known."""
        if self._begin == self._filled:
            self._begin = self._filled = 0
        if self._begin + self._need > len(self._buffer) or self._filled == len(self._buffer):
            self._move()
        return memoryview(self._buffer)[self._filled :]

    def received(self, count: int) -> None:
        """`count` bytes were written into `free()`."""
        self._filled += count

    def next(self) -> Request | None:
        """The next request, if it is whole. Raises NotUnderstood."""
        if self._filled - self._begin < self._need:
            return None
        head_end = self._buffer.find(_END, self._begin, self._filled)
        if head_end < 0:
            return None
        method, target, length = parse_head(bytes(self._buffer[self._begin : head_end]))
        start = head_end + len(_END)
        if start + length > self._filled:
            self._need = start + length - self._begin
            return None
        self._begin = start + length
        self._need = 0
        return Request(method, target, self._buffer, start, start + length)

    def _move(self) -> None:
        """Makes room at the end. A larger buffer is a new one: the old one may still be exported to the event loop."""
        kept = self._buffer[self._begin : self._filled]
        capacity = max(self._need, 2 * len(kept))
        if capacity > len(self._buffer):
            self._buffer = bytearray(capacity)
        self._buffer[: len(kept)] = kept
        self._begin, self._filled = 0, len(kept)


def parse_head(head: bytes) -> tuple[str, str, int]:
    """Method, target and length of the body of a request's head (without the empty line). Raises NotUnderstood."""
    words = head.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or _CHUNKED.search(head):
        raise NotUnderstood(head[:80].decode("latin-1"))
    found = _LENGTH.search(head)
    return words[0].decode("latin-1"), words[1].decode("latin-1"), int(found[1]) if found else 0
