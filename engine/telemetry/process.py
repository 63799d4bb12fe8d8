"""The process itself: how long the event loop keeps others waiting, how much memory it takes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import anyio
import msgspec

from .histogram import Histogram

LOOK_EVERY_S = 0.5
_STATM = Path("/proc/self/statm")


class ProcessStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The process, now."""

    rss_bytes: int
    cpu_s: float
    loop_lag_ms: float | None = None
    """How much later than it asked for a task is woken: the 99th percentile ..."""
    loop_lag_max_ms: float = 0.0
    """... and the worst that was seen."""


class LoopLag:
    """Asks to be woken, twice a second, and looks how late that is."""

    def __init__(self) -> None:
        self.seconds = Histogram()
        self.worst_s = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            before = anyio.current_time()
            await anyio.sleep(LOOK_EVERY_S)
            late_s = max(0.0, anyio.current_time() - before - LOOK_EVERY_S)
            self.seconds.record(late_s)
            self.worst_s = max(self.worst_s, late_s)

    def statistics(self) -> ProcessStatistics:
        """The process, now."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        late_s = self.seconds.quantile(0.99)
        return ProcessStatistics(
            rss_bytes=_rss_bytes(),
            cpu_s=round(used.ru_utime + used.ru_stime, 3),
            loop_lag_ms=None if late_s is None else round(late_s * 1000, 3),
            loop_lag_max_ms=round(self.worst_s * 1000, 3),
        )

    def __repr__(self) -> str:
        return f"<LoopLag at most {self.worst_s * 1000:.1f} ms>"


def _rss_bytes() -> int:
    """Where there is no /proc, the most it ever was."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
