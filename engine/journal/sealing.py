"""A row as bytes with its checksum in front, and what is made of columns that have none: in a damaged file they may be anything."""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from ..text import storable
from .blob import Damaged

T = TypeVar("T")


def sealed(row: bytes) -> bytes:
    """`row` with its checksum in front."""
    return zlib.crc32(row).to_bytes(4, "big") + row


def unsealed(row: object) -> bytes:
    """What was sealed. Raises Damaged if it is not what was written: in a damaged file it may not even be bytes."""
    if not isinstance(row, bytes) or len(row) < 4 or zlib.crc32(row[4:]) != int.from_bytes(row[:4], "big"):
        raise Damaged("a row is not what was written")
    return row[4:]


def packed(value: object) -> bytes:
    """A row, with its checksum. What is no text in it is made one: a row that cannot be written would be tried for ever."""
    try:
        row = msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        row = msgspec.msgpack.encode(_storable(msgspec.to_builtins(value, builtin_types=(bytes,))))
    return sealed(row)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_storable(key): _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else value


def unpacked(row: object, type_: type[T]) -> T:
    """What was packed. Raises Damaged."""
    try:
        return msgspec.msgpack.decode(unsealed(row), type=type_)
    except msgspec.DecodeError as error:
        raise Damaged("a row cannot be read") from error


def integer(value: object) -> int:
    """A number of a damaged file may be anything: then it is 0."""
    return value if isinstance(value, int) else 0


def text(value: object) -> str | None:
    """The text that a blob is; of a damaged file it may be none."""
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def seconds(value: object) -> float:
    """A time of a damaged file may be anything: then it is long ago."""
    return value if isinstance(value, float) else 0.0
