"""The intended send time inside an event, from the feeder to the sink: monotonic nanoseconds in `context.sent_at`.

Fixed in width, so that stamped events are of one size whatever the hour; a string, because JSON knows no leading zeros. Both
processes read the one clock of the machine (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import re

STAMPS = re.compile(rb'"sent_at":"(\d{19})"')
_CONTEXT = b'"context":{'


def stamped(line: bytes, intended_ns: int) -> bytes:
    """`line` with its stamp; its context must not be empty, as no event of the bench's is."""
    return line.replace(_CONTEXT, b'"context":{"sent_at":"%019d",' % intended_ns, 1)
