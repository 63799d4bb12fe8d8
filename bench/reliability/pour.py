"""`python -m bench.reliability.pour FILE SECONDS`: a file to stdout, over and over, as fast as it is taken, for so long (0: once).

The kernel moves the bytes. Only whole rounds, so that the reader gets whole lines. Prints the number of rounds on stderr.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """The command line."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds
    rounds = 0
    with open(path, "rb") as source:
        while rounds == 0 or time.monotonic() < deadline:
            os.lseek(source.fileno(), 0, os.SEEK_SET)
            while os.sendfile(1, source.fileno(), None, 1024 * 1024):
                pass
            rounds += 1
    sys.stderr.write(f"{rounds}\n")


if __name__ == "__main__":
    main()
