"""What one run of one process against the sink showed, and the figures that follow from it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from .feeder import SECOND_NS, Report
from .paths import BIN_NS, PathStats, SinkStats

_NOTHING = PathStats(requests=0, bytes=0, first_ns=0, last_ns=0, first_bytes=0)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, `rss_mib` the peak, all by the operating system's account of the finished process."""

    events: int
    """Fed."""
    seconds: float = 0.0
    """How long the schedule was, with a steady load."""
    rate: int = 0
    """How many events a second it had."""
    fed: Report
    sink: SinkStats
    wall_s: float
    cpu_s: float
    rss_mib: float
    exit_code: int
    said: dict[str, Any] = {}
    """The last line of its output, if that is JSON."""

    @property
    def events_per_s(self) -> float:
        """Events consumed a second, at the receiver: from the arrival of the first request to that of the last.

        So the start of the interpreter does not count. What came with the first request does not either; an event that is
        filtered counts as consumed.
        """
        paths = list(self.sink.paths.values())
        if not paths:
            return 0.0
        first = min(paths, key=lambda path: path.first_ns)
        total = sum(path.bytes for path in paths)
        window_s = (max(path.last_ns for path in paths) - first.first_ns) / SECOND_NS
        return self.events * (1 - first.first_bytes / total) / window_s if window_s else 0.0

    @property
    def cpu_us(self) -> float:
        """Processor time per event fed, the start of the process included."""
        return self.cpu_s / self.events * 1e6 if self.events else 0.0

    @property
    def sink_share(self) -> float:
        """How much of the run the sink was busy: near 1 means that the sink was measured, not the engine."""
        return self.sink.cpu_s / self.wall_s

    def path(self, name: str) -> PathStats:
        """What came on `name`, zeros if nothing did."""
        return self.sink.paths.get(name, _NOTHING)

    def arrived(self, name: str, framing: int) -> float:
        """The share of the fed bytes that came on `name`: exactly 1 if each event did, once.

        `framing` is what a body has beyond its lines with their line ends: 1 in a JSON array, -1 with an event a request.
        """
        path = self.path(name)
        return (path.bytes - framing * path.requests) / self.fed.bytes if self.fed.bytes else 0.0

    def pace(self, name: str, from_s: float, to_s: float) -> float:
        """The share of the intended throughput that `name` got in a part of a steady load's schedule: 1 is all of it, or more.

        What is caught up on in that part counts as well as what is on time.
        """
        first, last = (round(self.fed.start_ns / BIN_NS + at_s * SECOND_NS / BIN_NS) for at_s in (from_s, to_s))
        came = sum(size for number, size in self.path(name).bins.items() if first <= number < last)
        fed = self.fed.bytes / self.events * self.rate * (to_s - from_s)
        return min(1.0, came / fed) if fed else 0.0

    def kept_pace(self, name: str) -> float:
        """The share of the intended throughput that `name` got from a steady load: 1 is all of it, in time."""
        took_s = (self.path(name).last_ns - self.fed.start_ns) / SECOND_NS
        return self.arrived(name, 1) * min(1.0, self.seconds / took_s) if took_s > 0 else 0.0
