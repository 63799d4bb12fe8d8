"""The pages of a SQLite file and of its WAL as bytes, for when SQLite itself cannot read them (https://www.sqlite.org/fileformat2.html).

    folder -> Pages: page(n) in its newest version -> chunks(): each blob whose own pages are whole, wherever it stands

A frame of the WAL proves itself against the checksum that the frame before it carries, so one that is damaged spoils no other.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .blob import HEADER_BYTES, MAGIC, Damaged, decode, header_of
from .folder import unreadable
from .schema import FILE, PAGE_BYTES

_WAL_HEADER = 32
_FRAME_HEADER = 24
_BIG_ENDIAN_WAL = 0x377F0683
_MAGICS = (0x377F0682, _BIG_ENDIAN_WAL)
_MASK = 0xFFFFFFFF


class Place(msgspec.Struct, frozen=True):
    """Where a chunk was found: it can be read again from there."""

    first: int
    count: int
    page: int
    offset: int
    view: int
    """Which version of the pages it is in."""


class Pages:
    """Of one journal. A context manager; reads only."""

    def __init__(self, folder: Path) -> None:
        self._main = _File(folder / FILE)
        self._log = _File(folder / (FILE + "-wal"))
        head = self._main.read(0, 100)
        self.page_bytes = _page_bytes(head)
        self._usable = self.page_bytes - (head[20] if _has_header(head) else 0)
        self._views = self._versions()

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._main.close()
        self._log.close()

    def chunks(self) -> Iterator[Place]:
        """Every whole chunk, those of the WAL first: where two claim a number, the first one found is the newer one."""
        seen: set[int] = set()
        for view, starts in enumerate(self._views[:-1]):
            for number, start in sorted(starts.items()):
                if start not in seen:
                    seen.add(start)
                    yield from self._chunks_in(number, view)
        for number in range(1, self._main.size // self.page_bytes + 1):
            yield from self._chunks_in(number, len(self._views) - 1)

    def read(self, place: Place) -> bytes:
        """The blob at `place`. Raises Damaged if it is not whole, whatever version its other pages are taken in."""
        page = self._page(place.page, place.view)
        for view in range(place.view, len(self._views)):
            try:
                blob = self._blob(page, place.offset, view)
                decode(blob)
            except Damaged:
                continue
            return blob
        raise Damaged("a page of the chunk is not what was written")

    # Chunks ------------------------------------------------------------------------------------------------------

    def _chunks_in(self, number: int, view: int) -> Iterator[Place]:
        page = self._page(number, view)
        offset = page.find(MAGIC)
        while offset >= 0:
            try:
                header = header_of(page[offset : offset + HEADER_BYTES])
                place = Place(header.first, header.count, number, offset, view)
                self.read(place)
                yield place
            except Damaged:
                pass  # those letters somewhere in an event, or a chunk that is not whole: the next may be
            offset = page.find(MAGIC, offset + 1)

    def _blob(self, page: bytes, offset: int, view: int) -> bytes:
        """The bytes of the blob that begins there: what is in the cell, then what its chain of overflow pages holds."""
        length = HEADER_BYTES + header_of(page[offset : offset + HEADER_BYTES]).length
        local, is_all = self._local(length)
        parts = [page[offset : offset + local]]
        if is_all:
            return parts[0]
        following = int.from_bytes(page[offset + local : offset + local + 4], "big")
        left = length - local
        while left > 0:
            page = self._page(following, view)
            if len(page) <= 4:
                raise Damaged("a chain of pages ends too early")
            parts.append(page[4 : 4 + min(left, self._usable - 4)])
            left -= len(parts[-1])
            following = int.from_bytes(page[:4], "big")
        return b"".join(parts)

    def _local(self, length: int) -> tuple[int, bool]:
        """How much of a blob is in its leaf, and whether that is all. In front of it is a record's head: two columns, one NULL."""
        head = 2 + _varint_bytes(12 + 2 * length)
        payload = head + length
        most, least = self._usable - 35, (self._usable - 12) * 32 // 255 - 23
        if payload <= most:
            return length, True
        local = least + (payload - least) % (self._usable - 4)
        return (local if local <= most else least) - head, False

    # Pages -------------------------------------------------------------------------------------------------------

    def _page(self, number: int, view: int) -> bytes:
        start = self._views[view].get(number)
        if start is not None:
            return self._log.read(start, self.page_bytes)
        return self._main.read((number - 1) * self.page_bytes, self.page_bytes) if number else b""

    def _versions(self) -> list[dict[int, int]]:
        """Where in the WAL the newest version of each page is, three times: by all frames that are whole, by those that SQLite itself
        would read, and without the WAL. The first may hold what was never committed, but also what comes after a damaged frame."""
        newest: dict[int, int] = {}
        strict: dict[int, int] = {}
        unbroken = True
        for number, start, follows in self._frames():
            unbroken = unbroken and follows
            newest[number] = start
            if unbroken:
                strict[number] = start
        return [newest, strict, {}]

    def _frames(self) -> Iterator[tuple[int, int, bool]]:
        """Of each page in the WAL that is whole: its number, its place, and whether the frame before it is whole, too.

        What is left of an older WAL has another salt.
        """
        head = self._log.read(0, _WAL_HEADER)
        if len(head) < _WAL_HEADER:
            return
        magic, _, _, _, salt_1, salt_2, *sums_said = struct.unpack(">8I", head)
        is_big, sums, follows = magic == _BIG_ENDIAN_WAL, (sums_said[0], sums_said[1]), True
        if magic not in _MAGICS or _checksum((0, 0), head[: _WAL_HEADER - 8], is_big) != sums:
            first = self._log.read(_WAL_HEADER + 8, 8)
            is_big, follows, salt_1, salt_2 = False, False, *struct.unpack(">2I", first.ljust(8, b"\0"))
        step = _FRAME_HEADER + self.page_bytes
        for start in range(_WAL_HEADER, self._log.size - step + 1, step):
            frame = self._log.read(start, step)
            number, _, *salts, sum_1, sum_2 = struct.unpack(">6I", frame[:_FRAME_HEADER].ljust(_FRAME_HEADER, b"\0"))
            if salts != [salt_1, salt_2] or len(frame) < step:
                follows = False
                continue
            if _checksum(sums, frame[:8] + frame[_FRAME_HEADER:], is_big) == (sum_1, sum_2):
                yield number, start + _FRAME_HEADER, follows
                follows = True
            else:
                follows = False
            sums = (sum_1, sum_2)


class _File:
    """A file that may be on a disk that fails: what cannot be read of it is not there. Raises ConfigError if this user may not."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._fd: int | None = None
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unreadable(path, error) from error
        self.size = os.fstat(self._fd).st_size

    def read(self, start: int, length: int) -> bytes:
        """Less at the end, nothing where it cannot be read."""
        if self._fd is None:
            return b""
        try:
            return os.pread(self._fd, length, start)
        except OSError:
            return b""

    def close(self) -> None:
        """Lets go of it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _has_header(data: bytes) -> bool:
    return data[:16] == b"SQLite format 3\0"


def _page_bytes(data: bytes) -> int:
    """As the file says, if its beginning can be believed."""
    said = int.from_bytes(data[16:18], "big") if _has_header(data) else 0
    said = 65536 if said == 1 else said
    return said if 512 <= said <= 65536 and said & (said - 1) == 0 else PAGE_BYTES


def _varint_bytes(value: int) -> int:
    return max(1, (value.bit_length() + 6) // 7)


def _checksum(sums: tuple[int, int], data: bytes, is_big: bool) -> tuple[int, int]:
    """SQLite's: two sums over pairs of words, each feeding the other."""
    words = array("I", data)
    if is_big != (sys.byteorder == "big"):
        words.byteswap()
    one, two = sums
    pairs = iter(words)
    for first, second in zip(pairs, pairs, strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return one, two
