"""The scenarios: a small function and data each. Every one sets up its own stage, and leaves nothing behind."""

from .backlog import BACKLOG
from .bit_rot import BIT_ROT
from .crash_images import CRASH_IMAGES
from .dedup import DEDUP
from .explain import EXPLAIN
from .full_disk import FULL_DISK
from .io_faults import IO_FAULTS
from .isolation import ISOLATION
from .kill import KILL
from .outage import OUTAGE
from .poison import POISON
from .replay import REPLAY
from .restart import RESTART
from .sync_order import SYNC_ORDER
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
        SYNC_ORDER,
        IO_FAULTS,
        CRASH_IMAGES,
        BIT_ROT,
        DEDUP,
        BACKLOG,
        REPLAY,
        EXPLAIN,
        THROUGHPUT,
    )
}

__all__ = ["SCENARIOS"]
