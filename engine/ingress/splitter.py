"""Bytes to lines: what a read left unfinished is held until the rest of the line has come.

A line ends with LF or CRLF, or where the input ends. A line of nothing but white space is left out; it counts in the numbering, as
every line does. A UTF-8 byte order mark is dropped where the input starts, as jq does: programs on Windows write it,
nobody means it. Anywhere else it is not JSON, and the decoder says so.

Pure. A `BytesIO` finds the line ends with `memchr`, `bytes.split` byte by byte: 0.25 against 0.4 us for an 820-byte line, the copy
without the end included. Each look at the lines is one pass in C, and only a read with a blank or an overlong line in it is gone
through one by one.
"""

from __future__ import annotations

from io import BytesIO
from itertools import repeat

from ..model.lines import Lines

_BOM = b"\xef\xbb\xbf"
_PAST_SPACE = b"!"
"""A line that begins with white space, or has nothing in it, sorts before this."""


class LineSplitter:
    """Of one input. Holds at most `max_event_bytes` and two bytes of an unfinished line, however long that is.

    Two more, because a carriage return may follow a line of exactly the limit: what is longer even then is too long, whatever comes.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._held = bytearray()
        self._at_start = True
        self._last = 0

    def __repr__(self) -> str:
        return f"<LineSplitter {self._last} lines, {len(self._held)} bytes held>"

    def feed(self, data: bytes) -> Lines | None:
        """The lines that `data` completes; None if it completes none. How the input was cut makes no difference to what comes out."""
        if self._at_start:
            data = self._skip_bom(data)
        lines = list(map(bytes.removesuffix, BytesIO(data), repeat(b"\n")))
        tail = b"" if not data or data.endswith(b"\n") else lines.pop()
        if not lines:
            self._hold(tail)
            return None
        if self._held:
            lines[0] = bytes(self._held) + lines[0]
            self._held.clear()
        self._hold(tail)
        if b"\r" in data or lines[0].endswith(b"\r"):
            lines = [line.removesuffix(b"\r") for line in lines]
        return self._number(lines)

    def finish(self) -> Lines | None:
        """The last line, if the input ended without a line end."""
        return self.feed(b"\n") if self._held else None

    def _skip_bom(self, data: bytes) -> bytes:
        head = bytes(self._held) + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._held += data
            return b""
        self._at_start = False
        self._held.clear()
        return head.removeprefix(_BOM)

    def _hold(self, piece: bytes) -> None:
        room = self._max_event_bytes + 2 - len(self._held)
        self._held += piece if len(piece) <= room else piece[:room]

    def _number(self, lines: list[bytes]) -> Lines:
        first = self._last + 1
        self._last += len(lines)
        if min(lines) < _PAST_SPACE or max(map(len, lines)) > self._max_event_bytes:
            return self._sift(lines, first)
        return Lines(lines, range(first, first + len(lines)), (), self._last)

    def _sift(self, lines: list[bytes], first: int) -> Lines:
        kept: list[bytes] = []
        numbers: list[int] = []
        too_large: list[int] = []
        for number, line in enumerate(lines, first):
            if len(line) > self._max_event_bytes:
                too_large.append(number)
            elif line and not line.isspace():
                kept.append(line)
                numbers.append(number)
        return Lines(kept, numbers, too_large, self._last)
