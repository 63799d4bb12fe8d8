"""Repeats, recognised by `messageId`, for the ingresses that ask for it.

    decoded events of one source -> sift -> those that are new, their digests for the file, how many were repeats

Sifting and queueing are one synchronous step, and the queue keeps its order: when the ticket of a repeat is done, the event that it
repeats is durable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import compress

import msgspec

from ..model.decode import Decoded
from .seen import Seen, digests

_log = logging.getLogger("doorstep.journal")


class DedupWindow(msgspec.Struct, frozen=True):
    """How long, and how many, an ingress remembers."""

    window_s: float
    max_keys: int


class Sifted(msgspec.Struct, frozen=True):
    """What is left of a read."""

    decoded: Decoded
    digests: bytes = b""
    """Of the events with a `messageId`, in order."""
    duplicates: int = 0


class Dedup:
    """Of one journal. A source without a window passes untouched."""

    def __init__(self, windows: Mapping[str, DedupWindow]) -> None:
        self._seen = {source: Seen(window.window_s, window.max_keys) for source, window in windows.items()}
        self.longest_s = max((window.window_s for window in windows.values()), default=0.0)

    def sift(self, decoded: Decoded, source: str, now: float) -> Sifted:
        """Keeps the first of each `messageId`, and events without one."""
        seen = self._seen.get(source)
        if seen is None:
            return Sifted(decoded)
        named = [index for index, event in enumerate(decoded.events) if event.messageId]
        found = digests([decoded.events[index].messageId or "" for index in named])
        repeats = seen.admit(found, now)
        if seen.is_warning_due():
            statistics = seen.statistics()
            facts = {"source": source, "keys": statistics.keys, "max_keys": statistics.max_keys}
            _log.warning(
                "as many messageIds as fit are remembered: the oldest are forgotten early", extra={"facts": facts}
            )
        return _without(decoded, found, named, repeats) if repeats else Sifted(decoded, found)

    def load(self, source: str, found: bytes, seen_at: float, now: float) -> None:
        """Remembers what the file says."""
        seen = self._seen.get(source)
        if seen is not None:
            seen.load(found, seen_at, now)

    def __repr__(self) -> str:
        return f"<Dedup {self._seen!r}>"


def _without(decoded: Decoded, found: bytes, named: list[int], repeats: list[int]) -> Sifted:
    is_new = bytearray(b"\1" * len(decoded.lines))
    kept = bytearray(b"\1" * len(named))
    for position in repeats:
        is_new[named[position]] = kept[position] = 0
    digests_kept = b"".join(compress((found[at : at + 16] for at in range(0, len(found), 16)), kept))
    lines, events = list(compress(decoded.lines, is_new)), list(compress(decoded.events, is_new))
    return Sifted(Decoded(lines, events, decoded.rejected, decoded.integrations), digests_kept, len(repeats))
