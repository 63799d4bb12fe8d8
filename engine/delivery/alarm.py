"""A bell for one sleeper: ringing costs next to nothing when nobody sleeps, which is most of the time on the hot path."""

from __future__ import annotations

from math import inf

import anyio


class Alarm:
    """At most one task waits at a time. A ring before the wait is not remembered: check first, then wait, without an await between."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wakes the sleeper, if there is one."""
        if self._event is not None:
            self._event.set()

    async def wait(self, timeout_s: float = inf) -> None:
        """Returns at the next ring, or after `timeout_s`."""
        if self._event is not None:
            raise RuntimeError("somebody waits for this alarm already")
        self._event = event = anyio.Event()
        try:
            with anyio.move_on_after(None if timeout_s == inf else timeout_s):
                await event.wait()
        finally:
            self._event = None
