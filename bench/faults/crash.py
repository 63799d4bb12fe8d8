"""What may be left when the power goes: from a record and a moment in it, legal surviving states of the files.

    record + boundary -> Disk -> which pending changes survive -> Image (name -> bytes) -> write_to(folder)

Each pending write is kept, dropped or torn, in any combination: torn is a prefix that ends at a 512-byte sector, or any of its
4 KiB pages, because the page cache writes pages in any order; a gap left by a dropped write reads as zeros. A truncation is
kept or dropped, and so is each creation and deletion of a file, in order for one name. What is certain is told in `disk`.

Shared memory (`-shm`) is never among the files. Files that are written beside SQLite take part if the user records their writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .disk import Change, Disk, Inode, apply
from .record import Record, Truncate, Write

SECTOR = 512
PAGE = 4096

Random = Callable[[], float]
Choice = Callable[[list[Change]], list[Change]]
"""From all pending changes, in order, to those that survive, in order (a torn write becomes the parts that survive)."""
Pick = Callable[[int], int]
"""Which of n versions of a name survives; the last is the newest."""


@dataclass(frozen=True)
class Image:
    """One legal state after a crash at `boundary`. `variant`: kept, dropped, prefix, all but the first, the last alone, random."""

    boundary: int
    variant: str
    files: dict[str, bytearray]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{file}: {len(content)}" for file, content in self.files.items())
        return f"<Image {self.variant} at boundary {self.boundary} ({sizes})>"

    def write_to(self, folder: Path, keep: Collection[str] = ()) -> None:
        """Make `folder` hold exactly these files (it is created; all others in it go, but for those named in `keep`).

        Every file is a new one: SQLite shares locks and memory by inode, so a connection to an earlier image in this process
        that someone forgot to close would otherwise spoil this one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for entry in os.scandir(folder):
            if entry.name not in keep:
                os.unlink(entry.path)
        for file, content in self.files.items():
            (folder / file).write_bytes(content)


def images(record: Record, boundary: int, random: Random, variants: int = 8) -> Iterator[Image]:
    """Legal states after a crash at `boundary`, at most `variants` of them (at least 3).

    Always: all that is unsynced kept, all of it dropped, and a random prefix of it in order (its last write torn). Then all
    but the first change, the last change alone, and random ones. Only one if nothing is unsynced.
    """
    return crash_images(record, [boundary], random, variants)


def crash_images(record: Record, boundaries: Iterable[int], random: Random, variants: int = 8) -> Iterator[Image]:
    """`images` for each of `boundaries`, which ascend: one walk over the record for all of them."""
    disk = Disk(record)
    for boundary in boundaries:
        disk.advance(boundary)
        yield from _variants(disk, random, max(3, variants))


def _variants(disk: Disk, random: Random, variants: int) -> Iterator[Image]:
    yield _image(disk, "kept", lambda changes: changes, _newest)
    if not disk.unsettled():
        return
    yield _image(disk, "dropped", lambda _: [], _oldest)
    pending = disk.pending()
    survivors, torn = _prefix(pending, random)
    yield _image(
        disk, "prefix", lambda changes: [part for one in changes for part in _in(one, survivors, torn)], _newest
    )
    for index in range(variants - 3):
        yield _further(disk, pending, index, random)


def _further(disk: Disk, pending: list[Change], index: int, random: Random) -> Image:
    if index == 0 and len(pending) > 1:
        first = pending[0]
        return _image(disk, "all but the first", lambda changes: [one for one in changes if one is not first], _newest)
    if index == 1 and len(pending) > 1:
        last = pending[-1]
        return _image(disk, "the last alone", lambda changes: [one for one in changes if one is last], _newest)
    share = (0.5, 0.9, 0.1)[index % 3]
    return _image(disk, "random", lambda changes: _some(changes, share, random), lambda count: int(random() * count))


def _newest(count: int) -> int:
    return count - 1


def _oldest(count: int) -> int:
    return 0


def _prefix(pending: list[Change], random: Random) -> tuple[set[int], dict[int, list[Change]]]:
    """The ids of the changes before a random place, and what is left of the one at it."""
    cut = int(random() * (len(pending) + 1))
    torn = {id(pending[cut]): _torn(pending[cut], random)} if cut < len(pending) else {}
    return {id(one) for one in pending[:cut]}, torn


def _in(change: Change, survivors: set[int], torn: dict[int, list[Change]]) -> list[Change]:
    return [change] if id(change) in survivors else torn.get(id(change), [])


def _some(changes: list[Change], share: float, random: Random) -> list[Change]:
    """Each change kept with probability `share`; of the others a third is torn."""
    survivors: list[Change] = []
    for change in changes:
        if random() < share:
            survivors.append(change)
        elif random() < 1 / 3:
            survivors += _torn(change, random)
    return survivors


def _torn(change: Change, random: Random) -> list[Change]:
    """What is left of a write that was under way: a prefix of whole sectors, or some of its pages. Never all by intent."""
    if isinstance(change, Truncate):
        return []
    if random() < 0.5:
        sectors = list(_blocks(change, SECTOR))
        return sectors[: int(random() * len(sectors))]
    return [page for page in _blocks(change, PAGE) if random() < 0.5]


def _blocks(write: Write, size: int) -> Iterator[Change]:
    """A write cut where blocks of `size` bytes end in the file."""
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        to = min(end, at - at % size + size)
        yield Write(write.file, at, write.data[at - write.offset : to - write.offset])
        at = to


def _image(disk: Disk, variant: str, choose: Choice, pick: Pick) -> Image:
    files = {}
    for file, name in disk.names.items():
        versions = name.versions()
        inode = versions[pick(len(versions))]
        if inode is not None:
            files[file] = _content(inode, choose)
    return Image(disk.boundary, variant, files)


def _content(inode: Inode, choose: Choice) -> bytearray:
    content = bytearray(inode.durable)
    for change in choose([change for _, change in inode.pending]):
        apply(content, change)
    return content
