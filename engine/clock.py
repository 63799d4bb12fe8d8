"""Time, injected: nothing else in the engine asks what time it is.

`monotonic` orders and spaces things inside one run; `utc` is for what leaves it (receipts, logs, disk). In a test both
come from trio's virtual clock, so that an hour passes in a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import anyio
import msgspec
import sniffio


class LoopTime:
    """The clock of the loop that it is first called in. `anyio.current_time` finds out which loop it is at every call, 0.9 us."""

    def __init__(self) -> None:
        self._time: Callable[[], float] | None = None

    def __call__(self) -> float:
        if self._time is None:
            on_asyncio = sniffio.current_async_library() == "asyncio"
            self._time = asyncio.get_running_loop().time if on_asyncio else anyio.current_time
        return self._time()


class Clock(msgspec.Struct, frozen=True):
    """Two functions without arguments, both returning seconds as a float."""

    monotonic: Callable[[], float] = msgspec.field(default_factory=LoopTime)
    """The event loop's own clock: comparable with its timers, meaningless outside the loop."""
    utc: Callable[[], float] = time.time
    """Seconds since the epoch."""
