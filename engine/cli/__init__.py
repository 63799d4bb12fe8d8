"""The command line: what people type, and what they and their scripts are told.

    argv -> commands (a table; each command imported when it is used) -> the rooms below -> stdout, stderr, an exit code

What was asked for goes to stdout, everything else to stderr; exit codes are in `exits.py`. Here, and nowhere else, a process is
set up: signals, logging, the event loop, the garbage collector. Nothing imports this room.
"""

from __future__ import annotations


def main() -> None:
    """The entry point `doorstep`. Ends the process."""
    from .commands import doorstep

    doorstep.main(prog_name="doorstep")
