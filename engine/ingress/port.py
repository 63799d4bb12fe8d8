"""What every ingress is, whatever it reads from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ..journal import NOTHING, Ticket
from ..model.lines import Lines
from .intake import Intake


class IngressStatistics(msgspec.Struct, frozen=True):
    """Counted since the start. What was accepted or rejected is the pipeline's to count."""

    name: str
    size_bytes: int
    """Read, line ends included."""
    lines: int
    """Handed on, overlong ones included, blank ones not."""
    connections: int = 0
    """Open now."""
    connections_seen: int = 0
    connections_failed: int = 0
    """Ended by a reset, a failed TLS handshake, a deadline or acks that were not read: what was unfinished was dropped."""
    requests: int = 0
    """Over HTTP."""
    refused: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Of those, not taken as a whole, by code."""


class Ingress(Protocol):
    """Opened already: a second of the same place has failed. One task runs it, any task of the loop may stop it."""

    @property
    def name(self) -> str:
        """The source of its events: shown in explain, and what destinations choose by."""
        ...

    async def run(self, intake: Intake) -> None:
        """Hands on all that comes in; returns at the end of input, once stopped, or when `intake` is closed."""
        ...

    def stop(self) -> None:
        """Reads nothing more, from now; `run` returns when what is in hand has been accepted. Also ends what was never run."""
        ...

    def statistics(self) -> IngressStatistics:
        """A snapshot."""
        ...


async def pass_on(read: Lines | None, intake: Intake, source: str) -> Ticket:
    """Hands `read` to `intake`, if there is anything in it but blank lines."""
    if read is not None and (read.lines or read.too_large):
        return await intake.accept(read, source)
    return NOTHING
