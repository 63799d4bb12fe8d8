"""A disk along a record: what is certain at a boundary, and what a crash may still take.

    record -> Disk.advance(boundary) -> names -> versions of each -> Inode: durable bytes + pending changes

The model, which is a disk that keeps its promises and no others:

- what a sync covered survives, unless a sync before it failed: what that one would have covered stays pending until a write
  that survives replaces it;
- a write, truncation, creation or deletion since then is pending;
- a file's own sync makes its name last (as ext4, XFS and Btrfs do); the sync of a folder makes every name in it last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .record import Delete, FailedSync, Mark, Open, Record, Sync, Truncate, Write

_END = 1 << 62

Change = Write | Truncate


class Inode:
    """The content of one file: `durable` for certain, and (place, change) of what is pending."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[tuple[int, Change]] = []
        self._forsaken: set[int] = set()

    def settle(self, covers: int) -> None:
        """What was done by boundary `covers` is on the disk, but for what a failed sync gave up."""
        pending: list[tuple[int, Change]] = []
        for place, change in self.pending:
            if place >= covers or place in self._forsaken:
                pending.append((place, change))
                continue
            apply(self.durable, change)
            if self._forsaken:
                pending = [(older, part) for older, one in pending for part in _without(one, change)]
        self.pending = pending

    def forsake(self, covers: int) -> None:
        """A sync of what was done by `covers` failed. (A truncation is in the file system's own journal.)"""
        self._forsaken |= {place for place, change in self.pending if place < covers and isinstance(change, Write)}


@dataclass
class Name:
    """One name in the folder: what it leads to for certain (None: no file), and (place, inode) of what was done to it since."""

    durable: Inode | None = None
    pending: list[tuple[int, Inode | None]] = field(default_factory=list)

    @property
    def current(self) -> Inode | None:
        return self.pending[-1][1] if self.pending else self.durable

    def settle(self, covers: int) -> None:
        while self.pending and self.pending[0][0] < covers:
            self.durable = self.pending.pop(0)[1]

    def change(self, place: int, inode: Inode | None) -> None:
        self.pending.append((place, inode))

    def versions(self) -> list[Inode | None]:
        """What it may lead to after a crash, the oldest first."""
        return [self.durable, *(inode for _, inode in self.pending)]


class Disk:
    """The state of a disk along a record; `advance` goes forward only, so many boundaries cost one walk."""

    def __init__(self, record: Record) -> None:
        self.boundary = 0
        self.names: dict[str, Name] = {}
        self._record = record

    def __repr__(self) -> str:
        pending = sum(len(inode.pending) for inode in self._inodes())
        return f"<Disk at boundary {self.boundary}: {len(self.names)} names, {pending} changes pending>"

    def advance(self, boundary: int) -> None:
        """Go on until the first `boundary` operations are done. Raises ValueError for one that lies behind."""
        if boundary < self.boundary:
            raise ValueError(f"the disk is at boundary {self.boundary} already")
        for place, operation in enumerate(self._record.operations[self.boundary : boundary], self.boundary):
            if not isinstance(operation, Mark):
                self._do(place, operation)
        self.boundary = boundary

    def pending(self) -> list[Change]:
        """Every change that no sync covers yet, of all files, in the order in which they were made."""
        return [change for _, change in sorted(self._pending(), key=lambda one: one[0])]

    def unsettled(self) -> bool:
        """Whether there is anything that a crash may take."""
        return any(name.pending for name in self.names.values()) or any(inode.pending for inode in self._inodes())

    def _do(self, place: int, operation: Open | Write | Truncate | Sync | FailedSync | Delete) -> None:
        name = self.names.setdefault(operation.file, Name())
        match operation:
            case Open(content=None):
                name.change(place, Inode())
            case Open(content=bytes() as content):
                name.durable = Inode(content)
            case Write() | Truncate():
                self._current(name, place).pending.append((place, operation))
            case Sync():
                self._settle(name, operation, place)
            case FailedSync():
                self._current(name, place).forsake(operation.covers)
            case Delete():
                name.change(place, None)
                if operation.folder:
                    self._settle_names(place + 1)

    def _current(self, name: Name, place: int) -> Inode:
        """The file that a write goes to; one that was never opened here (a file beside SQLite) is created by it."""
        if (inode := name.current) is not None:
            return inode
        name.change(place, inode := Inode())
        return inode

    def _settle(self, name: Name, sync: Sync, place: int) -> None:
        self._current(name, place).settle(sync.covers)
        name.settle(sync.covers)
        if sync.folder:
            self._settle_names(sync.covers)

    def _settle_names(self, covers: int) -> None:
        for name in self.names.values():
            name.settle(covers)

    def _inodes(self) -> list[Inode]:
        return [inode for name in self.names.values() for inode in name.versions() if inode is not None]

    def _pending(self) -> Iterator[tuple[int, Change]]:
        for inode in self._inodes():
            yield from inode.pending


def apply(content: bytearray, change: Change) -> None:
    """Change `content` as the disk does: a gap before the change reads as zeros."""
    size = change.size if isinstance(change, Truncate) else change.offset
    if len(content) < size:
        content.extend(bytes(size - len(content)))
    if isinstance(change, Truncate):
        del content[size:]
    else:
        content[size : size + len(change.data)] = change.data


def _without(older: Change, newer: Change) -> list[Change]:
    """What is left of a pending change when a newer one is on the disk for certain."""
    if isinstance(older, Truncate):
        return [older]
    start, end = (newer.size, _END) if isinstance(newer, Truncate) else (newer.offset, newer.offset + len(newer.data))
    before = older.data[: max(0, start - older.offset)]
    after = older.data[max(0, end - older.offset) :]
    if len(before) == len(older.data) or len(after) == len(older.data):
        return [older]
    parts = [Write(older.file, older.offset, before), Write(older.file, max(end, older.offset), after)]
    return [part for part in parts if part.data]
