"""The log: events are written once, numbered, and read by each destination at its own pace.

    pipeline -> append -> (stored) -> offer to the fleet -> ... -> release, once a destination has settled a chunk

`Log` is the seam; `MemoryLog` holds what is unsettled in memory, within a bound, and promises nothing across a crash.
Knows events and chunks, nothing of destinations but that there are readers.
"""

from .log import Log
from .memory import MemoryLog

__all__ = ["Log", "MemoryLog"]
