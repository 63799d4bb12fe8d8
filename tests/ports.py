"""A port for a process that has to be told one before it listens."""

from __future__ import annotations

import random
import socket

OURS = range(10_000, 32_768)
"""Below those that the kernel gives to whoever asks for any, as every client does: such a port may be somebody's again at once."""

_DRAW = random.SystemRandom()  # whatever seed a test has set, those side by side draw others


def free_port() -> int:
    """A port of loopback that nobody listens on, nor will by chance before the process does."""
    while True:
        port = _DRAW.choice(OURS)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
