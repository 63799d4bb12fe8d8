"""The scenarios: a small function and data each. Every one sets up its own stage, and leaves nothing behind."""

from .backlog import BACKLOG
from .dedup import DEDUP
from .full_disk import FULL_DISK
from .isolation import ISOLATION
from .kill import KILL
from .outage import OUTAGE
from .poison import POISON
from .restart import RESTART
from .throughput import THROUGHPUT
from .unauthorized import UNAUTHORIZED

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        KILL,
        RESTART,
        ISOLATION,
        OUTAGE,
        POISON,
        UNAUTHORIZED,
        FULL_DISK,
        DEDUP,
        BACKLOG,
        THROUGHPUT,
    )
}

__all__ = ["SCENARIOS"]
