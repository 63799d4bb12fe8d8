"""The batch window: which events travel together, and when.

A batch is due when there are enough events (`max_events`), enough bytes (`max_bytes`, line ends included), or the oldest has waited
`max_wait`. With a key, a batch holds the events of one key only; order is kept within a key. What is empty admits one item,
however big.

    add (a chunk at a time) -> [ line of one key ] ... -> take (a batch at a time)

Events come by the hundred and leave by the hundred, so all work is on slices, by C-level calls; there is a loop per event only with
a key, where events have to be told apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate, count
from typing import Annotated

import msgspec

from ..model.batch import Batch
from ..model.envelope import Envelope
from ..settings import Duration, Settings, Size
from .due import seconds_left


class BatchSettings(Settings, frozen=True, kw_only=True):
    """`batch`: what makes a batch complete, whichever comes first."""

    max_events: Annotated[int, msgspec.Meta(ge=1, description="Events in a batch.", examples=[500])] = 500
    max_bytes: Annotated[
        Size, msgspec.Meta(description="Bytes of events in a batch; a single event may be bigger.", examples=["512KiB"])
    ] = Size("512KiB")
    max_wait: Annotated[
        Duration, msgspec.Meta(description="How long an event waits for company.", examples=["100ms"])
    ] = Duration("100ms")

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ValueError('`max_bytes` must be at least 1; write for example "512KiB"')


class WindowStatistics(msgspec.Struct, frozen=True):
    """What waits in a window now."""

    events: int
    size_bytes: int
    keys: int
    oldest: float | None
    """When the event that waits longest was added, in monotonic seconds; None if empty."""


class _Line:
    """Events that may share a batch, in order, with the moments at which they came."""

    __slots__ = (
        "_added",
        "_head",
        "_items",
        "_max_bytes",
        "_max_events",
        "_runs",
        "_sizes",
        "_taken",
        "oldest",
        "size",
        "version",
    )

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._items: list[Envelope] = []
        self._sizes: list[int] = []
        self._head = 0
        self._added = self._taken = 0
        self._runs: deque[tuple[float, int]] = deque()
        """Of each `add`: when, and what `_added` was after it; there until all of it is taken."""
        self.size = 0
        self.oldest = 0.0
        self.version = 0
        """Another one after each cut: tells whether what was noted about the line still holds."""

    def __len__(self) -> int:
        return self._added - self._taken

    def is_full(self) -> bool:
        return self._added - self._taken >= self._max_events or self.size >= self._max_bytes

    def add(self, envelopes: Sequence[Envelope], now: float) -> None:
        sizes = [len(envelope.line) for envelope in envelopes]  # a third faster than map(attrgetter)
        self._items += envelopes
        self._sizes += sizes
        self.size += sum(sizes) + len(sizes)
        self._added += len(sizes)
        if not self._runs:
            self.oldest = now
        self._runs.append((now, self._added))

    def cut(self) -> list[Envelope]:
        """The next batch's worth, taken out: at least one event. The line must not be empty."""
        head, waiting = self._head, self._added - self._taken
        number, size = waiting, self.size
        if number > self._max_events:
            number = self._max_events
            size = sum(self._sizes[head : head + number]) + number
        if size > self._max_bytes and number > 1:
            number, size = self._fitting(head, number)
        part = self._items[head : head + number]
        self._drop(number, size)
        return part

    def _fitting(self, head: int, number: int) -> tuple[int, int]:
        """How many of the next `number` fit into the byte limit, at least one, and their bytes."""
        sums = list(accumulate(self._sizes[head : head + number]))
        number = max(1, bisect_right(range(number), self._max_bytes, key=lambda index: sums[index] + index + 1))
        return number, sums[number - 1] + number

    def _drop(self, number: int, size: int) -> None:
        self._taken += number
        self._head += number
        self.size -= size
        self.version += 1
        if self._head * 2 >= len(self._items):  # what moves is at most what left: constant work per event
            del self._items[: self._head]
            del self._sizes[: self._head]
            self._head = 0
        runs = self._runs
        while runs and runs[0][1] <= self._taken:
            runs.popleft()
        if runs:
            self.oldest = runs[0][0]


class _Order:
    """Lines by their oldest event. Entries go stale when their line is cut; those are dropped on the way."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, Hashable, _Line]] = []
        self._ticket = count()

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, key: Hashable, line: _Line) -> None:
        heappush(self._heap, (line.oldest, next(self._ticket), line.version, key, line))

    def first(self) -> tuple[Hashable, _Line] | None:
        """The line with the oldest event, left in; None if there is none."""
        heap = self._heap
        while heap and heap[0][2] != heap[0][4].version:
            heappop(heap)
        return (heap[0][3], heap[0][4]) if heap else None

    def prune(self, lines: int) -> None:
        """Keeps stale entries fewer than live ones (`lines` at most), or few."""
        if len(self._heap) > 2 * lines + 64:
            self._heap = [entry for entry in self._heap if entry[2] == entry[4].version]
            heapify(self._heap)


class BatchWindow:
    """One per destination. Times are monotonic seconds; an event's age counts from its `add`."""

    def __init__(
        self,
        max_events: int,
        max_bytes: int,
        max_wait_s: float,
        key: Callable[[Envelope], Hashable] | None = None,
        limits: Callable[[Hashable], tuple[int, int]] | None = None,
    ) -> None:
        """`limits` says how many events and bytes a batch of one key takes, where that is less than for the others."""
        self._limits = (max_events, max_bytes)
        self._limits_of = limits
        self._max_wait_s = max_wait_s
        self._key = key
        self.clear()

    def __len__(self) -> int:
        """The number of events in it."""
        return len(self._single) if self._key is None else self._events

    @property
    def size_bytes(self) -> int:
        """The sum of the lines in it, each with its line end."""
        return self._single.size if self._key is None else sum(line.size for line in self._lines.values())

    def add(self, envelopes: Sequence[Envelope], now: float) -> None:
        """Puts events in, in their order."""
        if not envelopes:
            return
        if self._key is None:
            self._single.add(envelopes, now)
        else:
            self._add_by_key(envelopes, now)

    def due(self, now: float) -> float | None:
        """Seconds until a batch is due: 0.0 is now; None if the window is empty."""
        if self._key is None:
            line = self._single
            if not len(line):
                return None
            return 0.0 if line.is_full() else seconds_left(line.oldest + self._max_wait_s, now)
        first = self._by_age.first()
        if first is None:
            return None
        return 0.0 if self._full.first() else seconds_left(first[1].oldest + self._max_wait_s, now)

    def take(self, now: float) -> Batch | None:
        """The next batch that is due, the one with the oldest event first; None if none is."""
        if self._key is None:
            line = self._single
            is_due = line.is_full() or (len(line) and seconds_left(line.oldest + self._max_wait_s, now) == 0.0)
            return Batch(line.cut()) if is_due else None
        first = self._by_age.first()
        if first is not None and seconds_left(first[1].oldest + self._max_wait_s, now) > 0.0:
            first = self._full.first()
        return self._cut(first)

    def flush(self, now: float) -> Batch | None:
        """The next batch, due or not, the one with the oldest event first; None if the window is empty."""
        if self._key is None:
            return Batch(self._single.cut()) if len(self._single) else None
        return self._cut(self._by_age.first())

    def clear(self) -> None:
        """Forgets everything in it."""
        self._single = _Line(*self._limits)
        self._lines: dict[Hashable, _Line] = {}
        self._events = 0
        self._by_age = _Order()
        self._full = _Order()

    def statistics(self) -> WindowStatistics:
        """What waits in it."""
        if self._key is None:
            line = self._single if len(self._single) else None
        else:
            first = self._by_age.first()
            line = first[1] if first else None
        keys = len(self._lines) if self._key else int(line is not None)
        return WindowStatistics(len(self), self.size_bytes, keys, line.oldest if line else None)

    def __repr__(self) -> str:
        keys = f" of {len(self._lines)} keys" if self._key else ""
        return f"<BatchWindow {len(self)} events{keys}, {self.size_bytes} bytes>"

    def _add_by_key(self, envelopes: Sequence[Envelope], now: float) -> None:
        assert self._key is not None
        parts: dict[Hashable, list[Envelope]] = {}
        for envelope in envelopes:
            parts.setdefault(self._key(envelope), []).append(envelope)
        for key, part in parts.items():
            line = self._lines.get(key)
            was_full = line is not None and line.is_full()
            if line is None:
                line = self._lines[key] = self._line(key)
            line.add(part, now)
            if len(line) == len(part):
                self._by_age.push(key, line)
            if line.is_full() and not was_full:
                self._full.push(key, line)
        self._events += len(envelopes)

    def _line(self, key: Hashable) -> _Line:
        if self._limits_of is None:
            return _Line(*self._limits)
        return _Line(*map(min, self._limits, self._limits_of(key)))

    def _cut(self, first: tuple[Hashable, _Line] | None) -> Batch | None:
        if first is None:
            return None
        key, line = first
        batch = Batch(line.cut())
        self._events -= len(batch)
        if len(line):
            self._by_age.push(key, line)
            if line.is_full():
                self._full.push(key, line)
        else:
            del self._lines[key]
        self._by_age.prune(len(self._lines))
        self._full.prune(len(self._lines))
        return batch
