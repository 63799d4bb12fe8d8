"""Connections, as their deadlines see them. Pure: the time comes from `now`, and what ends a connection is given.

    idle --first byte--> head --head complete--> busy --answer ready--> idle
                          |                                                 |
                          +--- longer than `head_s`: ended                  +--- longer than `idle_s`: ended

Nobody is ended to make room whose answer is still being sent.

A client that is told no before it has sent all of its body is in `rest` until the rest has come: closing on unread data would reset the
connection, and the reset can overtake the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Literal

import msgspec

Phase = Literal["idle", "head", "busy", "rest"]


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may take, and how many there may be."""

    head_bytes: int = 64 * 1024
    """Of a request's head. Counted by reads, so a head may be longer by one read."""
    head_s: float = 10.0
    """From a head's first byte to its last."""
    idle_s: float = 75.0
    """Without a byte, before the first request or after an answer."""
    rest_s: float = 2.0
    """For the rest of a body that is not wanted."""
    connections: int = 10_000


class Watch:
    """One connection."""

    __slots__ = ("_all", "_busy", "_sending", "deadline", "end", "head_bytes", "phase", "then")

    def __init__(self, all_: Watches, end: Callable[[], None]) -> None:
        self.end = end
        """Ends the connection, now."""
        self.then: Callable[[], None] | None = None
        """Called once no request is under way any more."""
        self.phase: Phase = "idle"
        self.head_bytes = 0
        self.deadline = inf
        self._all = all_
        self._busy = self._sending = 0

    def received(self, size_bytes: int) -> None:
        """Bytes came that are not of a body."""
        if self.phase == "idle":
            self.phase = "head"
            self.head_bytes = 0
            self.deadline = self._all.now() + self._all.limits.head_s
        self.head_bytes += size_bytes

    @property
    def is_head_too_long(self) -> bool:
        """Whether more has come than a head may have."""
        return self.phase == "head" and self.head_bytes > self._all.limits.head_bytes

    def received_rest(self) -> None:
        """Bytes of a body came that was refused already."""
        if self.phase == "idle":
            self.phase = "rest"
            self.deadline = self._all.now() + self._all.limits.rest_s

    def rest_is_over(self) -> None:
        """All of such a body has come."""
        if self.phase == "rest":
            self._wait()

    def begin(self) -> None:
        """A request's head is complete."""
        self._busy += 1
        self.phase = "busy"
        self.deadline = inf
        self._all.waiting.pop(self, None)

    def answer(self) -> None:
        """The end of its answer is about to be sent. The client may go on as soon as it has that, before whoever sends it does."""
        self._busy -= 1
        self._sending += 1
        if not self._busy and self in self._all.open:
            self._turn_idle()

    def finish(self) -> None:
        """It was sent."""
        self._sending -= 1
        if not self._busy and not self._sending and self in self._all.open:
            if self.then is not None:
                self.then()
            self._all.waiting[self] = None

    def _wait(self) -> None:
        self._turn_idle()
        if not self._sending:
            self._all.waiting[self] = None

    def _turn_idle(self) -> None:
        self.phase = "idle"
        self.deadline = self._all.now() + self._all.limits.idle_s


class Watches:
    """All connections of one server."""

    def __init__(self, limits: ConnectionLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self.now = now
        self.open: dict[Watch, None] = {}
        self.waiting: dict[Watch, None] = {}
        """Those that no request is under way on, the longest first."""
        self.seen = 0
        self.cut = 0
        """Ended by a deadline, or to make room."""

    def add(self, end: Callable[[], None]) -> Watch:
        """A new connection."""
        watch = Watch(self, end)
        self.seen += 1
        self.open[watch] = None
        watch._wait()
        return watch

    def remove(self, watch: Watch) -> None:
        """It has ended."""
        self.open.pop(watch, None)
        self.waiting.pop(watch, None)

    def overdue(self) -> list[Watch]:
        """Those whose time is up."""
        now = self.now()
        late = [watch for watch in self.open if watch.deadline <= now]
        self.cut += len(late)
        return late

    def make_room(self) -> None:
        """Ends whoever has waited longest. If all are busy, nobody."""
        watch = next(iter(self.waiting), None)
        if watch is not None:
            del self.waiting[watch]
            self.cut += 1
            watch.end()

    @property
    def is_full(self) -> bool:
        """Whether a new connection has to wait."""
        return len(self.open) >= self.limits.connections

    def __repr__(self) -> str:
        return f"<Watches {len(self.open)} open, {len(self.waiting)} waiting>"
