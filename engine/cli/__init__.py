"""The command line: what people type, and what they and their scripts are told.

    argv -> commands (a table; each command imported when it is used) -> the rooms below -> stdout, stderr, an exit code

What was asked for goes to stdout, everything else to stderr; exit codes are in `exits.py`. Here, and nowhere else, a process is
set up: signals, logging, the event loop, the garbage collector. Nothing imports this room.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

_NEW_OBJECTS = 250_000
"""From how many the collector looks for garbage: what is imported is none, and to look through it took a tenth of a start."""


def main() -> None:
    """The entry point `doorstep`. Ends the process."""
    gc.set_threshold(_NEW_OBJECTS)
    fill_standard_descriptors()
    if "run" in sys.argv:
        _hold_hangups()
    from .commands import doorstep

    try:
        doorstep.main(prog_name="doorstep")
    finally:
        if "run" in sys.argv:
            _ignore_signals()
        gc.freeze()  # it all goes with the process: to look through it for garbage first took a fifth of a command


def fill_standard_descriptors() -> None:
    """Whoever starts us may have closed some of 0, 1 and 2. A socket in such a place would be written to as if it were stdout, and
    uvloop aborts the process when it closes one. Nothing can be printed where 1 was closed, and nothing may seem to be: it is for reading.
    """
    for fd, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest number that is free: this one
    if sys.stderr is None:  # as it is where 2 was closed; what is said to nobody must fail nowhere
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _ignore_signals() -> None:
    """The exit code is decided: none of them may change it once Python, at its end, has taken its own handlers back."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def _hold_hangups() -> None:
    """SIGHUP means `reload`, from the first moment on: one that comes before the engine can is kept until it can (`running.run`).

    SIGINT and SIGTERM end the process as they end any other: nothing was read yet, so there is nothing to finish or to sum up.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
