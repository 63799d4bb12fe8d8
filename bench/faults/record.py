"""What a disk was asked to do, in one order, with the user's marks between. Pure data.

    RecordingVfs, or anyone: record.add(Write("journal.db-wal", 32, b"..."))  ·  record.mark(n)
    Disk and images read `record.operations`; *boundary i* is the moment after the first i of them.

An operation is added when it is done. A sync tells how many operations had been added when it began: it covers those and no
more, whatever other threads added while it ran. A mark is added at once and waits for nothing, so that an ack that comes too
early stands before its sync.
"""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock
from typing import NamedTuple


class Open(NamedTuple):
    """A file was opened; `content` is what it held if it was there before the record began, None if it is new (or empty)."""

    file: str
    content: bytes | None


class Write(NamedTuple):
    file: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    file: str
    size: int


class Sync(NamedTuple):
    """All of `file` that was done by boundary `covers` is on the disk, with the file's name; with `folder`, every name is."""

    file: str
    covers: int
    folder: bool = False


class FailedSync(NamedTuple):
    """The sync of `file` failed. What it would have covered is lost or not, and *no later sync covers it either*: after an
    error Linux takes the pages for clean, and the next sync says that all is well."""

    file: str
    covers: int


class Delete(NamedTuple):
    file: str
    folder: bool
    """The folder was synced afterwards: the file is gone for good."""


class Mark(NamedTuple):
    """Not an operation of the disk: what the user wanted to remember at this place."""

    value: object


Operation = Open | Write | Truncate | Sync | FailedSync | Delete | Mark


class Record:
    """Operations and marks in one order, from any thread."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._marked: list[int] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.operations)

    def __repr__(self) -> str:
        return f"<Record of {len(self.operations)} operations, {len(self._marked)} of them marks>"

    def add(self, operation: Operation) -> int:
        """Add at the end; returns its place (0 for the first)."""
        with self._lock:
            place = len(self.operations)
            self.operations.append(operation)
            if isinstance(operation, Mark):
                self._marked.append(place)
            return place

    def mark(self, value: object) -> int:
        """Remember `value` here; returns its place. A checker's `("acked", n)`."""
        return self.add(Mark(value))

    def marks(self) -> list[tuple[int, object]]:
        """Every mark as (its place, its value), in order. Boundary `place + 1` is the first moment after it."""
        return [(place, self._value(place)) for place in self._marked]

    def marks_before(self, boundary: int) -> list[object]:
        """The values of the marks among the first `boundary` operations, in order."""
        return [self._value(place) for place in self._marked[: bisect_left(self._marked, boundary)]]

    def last_mark_before(self, boundary: int) -> object:
        """The last of `marks_before`, or None."""
        count = bisect_left(self._marked, boundary)
        return self._value(self._marked[count - 1]) if count else None

    def _value(self, place: int) -> object:
        mark = self.operations[place]
        assert isinstance(mark, Mark)
        return mark.value
