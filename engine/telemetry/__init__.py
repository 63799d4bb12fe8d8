"""What is counted and looked at, per destination and for the whole engine: once a chunk or an attempt, so that it costs nothing.

    delivery, pipeline -> Counters, Attempts -> statistics() -> summary, status, metrics, alerts, tests
                          Attempts -> Deliveries -> tail, console

| file | what |
|---|---|
| `counters.py`, `histogram.py` | the mutable numbers, by action |
| `attempts.py` | what is looked at once an attempt |
| `deliveries.py`, `masking.py` | the delivery log: the latest attempts and those to come, secrets masked |
| `statistics.py`, `observation.py` | the frozen ones: what everybody reads, and the closer look |
| `report.py` | all of it, of one moment |
| `process.py` | memory, and how long the loop keeps others waiting |
| `metrics.py` | the table of metrics |
| `prometheus.py` | all of it as Prometheus reads it, by that table; imported by the admin API alone |
| `logs.py` | structured logs without personal data |

Everybody reads the same frozen `Statistics`. Nothing here decides anything, or knows who reads it.
"""

from .attempts import Attempts, AttemptStatistics
from .counters import Counters, IntakeCounters
from .deliveries import Deliveries, Delivery, Missed
from .histogram import Distribution, Histogram
from .logs import configure_logging
from .observation import BreakerState, Lag, LimiterState, Observation
from .process import LoopLag, ProcessStatistics
from .statistics import ActionStatistics, DestinationStatistics, Latency, Statistics

__all__ = [
    "ActionStatistics",
    "AttemptStatistics",
    "Attempts",
    "BreakerState",
    "Counters",
    "Deliveries",
    "Delivery",
    "DestinationStatistics",
    "Distribution",
    "Histogram",
    "IntakeCounters",
    "Lag",
    "Latency",
    "LimiterState",
    "LoopLag",
    "Missed",
    "Observation",
    "ProcessStatistics",
    "Statistics",
    "configure_logging",
]
