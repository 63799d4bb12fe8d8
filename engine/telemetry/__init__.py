"""What is counted: per destination and for the whole engine, in plain integers that cost nothing to bump.

    delivery, pipeline -> Counters, Histogram -> statistics() -> summary, status, metrics, tests

Everybody reads the same frozen `Statistics`. Nothing here decides anything, or knows who reads it.
"""

from .counters import Counters, IntakeCounters
from .histogram import Histogram
from .logs import configure_logging
from .statistics import DestinationStatistics, Latency, Statistics

__all__ = [
    "Counters",
    "DestinationStatistics",
    "Histogram",
    "IntakeCounters",
    "Latency",
    "Statistics",
    "configure_logging",
]
