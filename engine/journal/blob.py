"""A chunk as bytes: what is stored of it, and how it proves that it is whole.

    header: magic, first number, count, length of the pieces, length and CRC-32 of all that follows, CRC-32 of the header itself
    pieces: msgpack, a list of [source, received, count]
    lines:  each event as it came in, joined by a line end (an event has none inside)

The header is found again in a damaged file (`salvage.py`), so its own checksum keeps a damaged length from misleading.
Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
from zlib_ng.zlib_ng import crc32

from ..errors import DoorstepError

MAGIC = b"DSc1"
_HEADER = struct.Struct(">4sQIIII")
_CHECK = struct.Struct(">I")
HEADER_BYTES = _HEADER.size + _CHECK.size
_BITE_BYTES = 5 * 1024
"""As much as is summed up without letting go of the interpreter."""


class Damaged(DoorstepError):
    """Bytes that are not what was written; never retried."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What one read of one ingress brought, as it is read back."""

    source: str
    received: float
    lines: Sequence[bytes]


class Joined(msgspec.Struct, frozen=True):
    """A piece on its way in, as it is stored: its lines with line ends between them."""

    source: str
    received: float
    count: int
    body: bytes


def joined(source: str, received: float, lines: Sequence[bytes]) -> Joined:
    """The piece of `lines`."""
    return Joined(source, received, len(lines), b"\n".join(lines))


class Header(msgspec.Struct, frozen=True):
    """What a chunk says of itself."""

    first: int
    count: int
    table: int
    length: int
    crc: int


def encode(first: int, pieces: Sequence[Joined]) -> bytearray:
    """The chunk of `pieces`, whose events are numbered from `first` on. Copied together once, header and all."""
    table = msgspec.msgpack.encode([(piece.source, piece.received, piece.count) for piece in pieces])
    blob = bytearray().join([bytes(HEADER_BYTES), table, b"\n".join([piece.body for piece in pieces])])
    count = sum(piece.count for piece in pieces)
    length = len(blob) - HEADER_BYTES
    _HEADER.pack_into(blob, 0, MAGIC, first, count, len(table), length, _crc(memoryview(blob)[HEADER_BYTES:]))
    _CHECK.pack_into(blob, _HEADER.size, crc32(blob[: _HEADER.size]))
    return blob


def header_of(blob: bytes) -> Header:
    """The header at the start of `blob`. Raises Damaged."""
    if len(blob) < HEADER_BYTES:
        raise Damaged("shorter than a header")
    magic, *numbers = _HEADER.unpack_from(blob)
    if magic != MAGIC or _CHECK.unpack_from(blob, _HEADER.size)[0] != crc32(blob[: _HEADER.size]):
        raise Damaged("no header of a chunk")
    return Header(*numbers)


def decode(blob: bytes) -> tuple[int, list[Piece]]:
    """The number of the first event, and the pieces. Raises Damaged if a single bit is not as it was."""
    header = header_of(blob)
    body = memoryview(blob)[HEADER_BYTES:]
    if len(body) != header.length or crc32(body) != header.crc:
        raise Damaged(f"chunk {header.first} is not what was written")
    table = msgspec.msgpack.decode(body[: header.table], type=list[tuple[str, float, int]])
    lines = bytes(body[header.table :]).split(b"\n")
    pieces, start = [], 0
    for source, received, count in table:
        pieces.append(Piece(source, received, lines[start : start + count]))
        start += count
    return header.first, pieces


def _crc(data: memoryview) -> int:
    """`crc32` in bites: one call for all lets go of the interpreter, and waits a millisecond for it under load."""
    value = 0
    for start in range(0, len(data), _BITE_BYTES):
        value = crc32(data[start : start + _BITE_BYTES], value)
    return value
