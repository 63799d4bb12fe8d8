"""What one read of an ingress gave: whole lines, with their numbers in the input so that a refusal can say where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Lines(msgspec.Struct, frozen=True):
    """Lines without their ends; blank ones are left out, those over the limit only named."""

    lines: list[bytes]
    numbers: Sequence[int]
    """The number of each line in its input (file or connection), from 1; as long as `lines`."""
    too_large: Sequence[int] = ()
    """Numbers of lines over `max_event_bytes`: skipped, never held in memory."""
    last: int = 0
    """The number of the last line looked at, blank and skipped ones included: what an ack of all of this says."""
    allowance: int = 0
    """So many bytes its ingress may have added to a line, on top of `max_event_bytes`."""
    unwritable: Mapping[int, str] = {}
    """By number, why there is nothing in a line: a program submitted what is no JSON."""
