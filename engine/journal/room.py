"""Room for so many bytes, first come, first served."""

from __future__ import annotations

from collections import deque

import anyio

from ..errors import Closed


class Room:
    """Whoever finds it empty is always let in, however big."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._waiting: deque[anyio.Event] = deque()
        self._closed = False
        self._held = False

    async def enter(self, cost: int) -> None:
        """Waits for room, and takes it. Raises `Closed` after `close`. A cancelled call took nothing."""
        self._expect_open()
        if self._waiting or not self._fits(cost):
            await self._queue(cost)
        self.used_bytes += cost

    def squeeze_in(self, cost: int) -> None:
        """Takes room that may not be there."""
        self.used_bytes += cost

    def leave(self, cost: int) -> None:
        """Gives it back."""
        self.used_bytes -= cost
        self._call_next()

    def hold(self, held: bool) -> None:
        """Lets nobody in, or does so again, whatever room there is."""
        self._held = held
        self._call_next()

    def close(self) -> None:
        """Refuses what comes, and what waits."""
        self._closed = True
        for turn in self._waiting:
            turn.set()

    @property
    def waiting(self) -> int:
        """Callers."""
        return len(self._waiting)

    def __repr__(self) -> str:
        return f"<Room {self.used_bytes} of {self.max_bytes} bytes, {len(self._waiting)} waiting>"

    def _fits(self, cost: int) -> bool:
        return not self._held and (not self.used_bytes or self.used_bytes + cost <= self.max_bytes)

    async def _queue(self, cost: int) -> None:
        """Whoever is not at the head of the queue waits, room or not."""
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            while self._waiting[0] is not turn or not self._fits(cost):
                await turn.wait()
                self._expect_open()
                self._waiting[self._waiting.index(turn)] = turn = anyio.Event()
        finally:
            self._waiting.remove(turn)
            self._call_next()

    def _expect_open(self) -> None:
        if self._closed:
            raise Closed("the engine is shutting down")

    def _call_next(self) -> None:
        if self._waiting:
            self._waiting[0].set()
