"""Exit codes. 75, 78 and 70 are those of `sysexits.h`, as mail servers use them: scripts know what to do about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..telemetry import Statistics

OK = 0
USAGE = 2
"""click's own: an option or argument is wrong."""
INCOMPLETE = 3
"""Some lines were rejected, or some events are dead letters, dropped or expired: the numbers are in the summary."""
INTERNAL = 70
OUTPUT = 74
"""What a command prints could not be written: the disk is full. (`EX_IOERR`; `run` goes on without its summary.)"""
PENDING = 75
"""Some events are kept and not delivered yet: run again."""
CONFIGURATION = 78


def exit_code(statistics: Statistics, *, kept_after_signal: bool = False) -> int:
    """Of a run that ended with these numbers. What is pending comes first, since only about that something is still to be done.

    `kept_after_signal`: somebody ended it, and what is pending is in the journal: all is well.
    """
    destinations = statistics.destinations.values()
    if kept_after_signal:
        return OK
    if any(one.pending or one.parked for one in destinations):
        return PENDING
    lost = any(one.dead_lettered or one.dropped or one.expired for one in destinations)
    return INCOMPLETE if lost or statistics.rejected else OK
