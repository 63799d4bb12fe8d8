"""Time, injected: nothing else in the engine asks what time it is.

`monotonic` orders and spaces things inside one run; `utc` is for what leaves it (receipts, logs, disk). In a test both
come from trio's virtual clock, so that an hour passes in a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
import msgspec


class Clock(msgspec.Struct, frozen=True):
    """Two functions without arguments, both returning seconds as a float."""

    monotonic: Callable[[], float] = anyio.current_time
    """The event loop's own clock: comparable with its timers, meaningless outside the loop."""
    utc: Callable[[], float] = time.time
    """Seconds since the epoch."""
