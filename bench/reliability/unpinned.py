"""`python -m bench.reliability.unpinned ARGUMENTS...`: this interpreter with other arguments, on all processors of the machine.

The bench pins what it starts to one; a journal has threads, and two processors is what the goals are about.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Becomes the other program."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
