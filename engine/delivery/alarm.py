"""A bell for sleepers: ringing costs next to nothing when nobody sleeps, which is most of the time on the hot path."""

from __future__ import annotations

from math import inf

import anyio


class Alarm:
    """A ring before the wait is not remembered: check first, then wait, without an await between."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wakes who sleeps, if anybody does."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, timeout_s: float = inf) -> None:
        """Returns at the next ring, or after `timeout_s`."""
        if self._event is None:
            self._event = anyio.Event()
        with anyio.move_on_after(None if timeout_s == inf else timeout_s):
            await self._event.wait()
