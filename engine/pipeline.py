"""The pipeline: from the lines of a read to events in the log. Everything an ingress hands on passes here.

Lines -> LineDecoder -> (rejected: counted, sampled in the log output) -> log.take -> durable -> the fleet hears of it
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from .errors import Closed
from .journal import NOTHING, Log, Ticket
from .model.decode import Decoded, LineDecoder, Rejection
from .model.lines import Lines
from .telemetry import IntakeCounters

_log = logging.getLogger("doorstep.intake")

PIECE_BYTES = 256 * 1024
"""Of lines: what a chunk of the log holds."""
SAMPLES = 100
"""So many refusals of each reason are written to the log output, with source and line number; all are counted."""


class Acceptance(msgspec.Struct, frozen=True):
    """What became of a submission. Every event of it is accepted, a repeat, or in `rejected`."""

    accepted: int
    """How many are stored, as durably as configured."""
    rejected: list[Rejection] = []
    """The others: `number` is the place in the submission, from 1, `reason` a code."""
    first: int | None = None
    """The sequence number of the first accepted one; the rest follow without a gap."""
    duplicates: int = 0
    """Events that were accepted before, where the source has `dedup`."""


class Pipeline:
    """One per engine. Safe to call from many tasks at once: the log decides the order."""

    def __init__(self, decoder: LineDecoder, log: Log, counters: IntakeCounters) -> None:
        self._decoder = decoder
        self._journal = log
        self._counters = counters

    async def accept(self, read: Lines, source: str) -> Ticket:
        """See `Intake`. Waits while the log has no room; raises `Closed` after the end."""
        return (await self._take(read, source))[1]

    async def tell(self, line: bytes, source: str) -> None:
        """An event of the engine itself: it is taken whatever room there is, also after the end of input."""
        decoded = self._decoder.decode(Lines([line], range(1, 2)))
        if decoded.lines:
            await self._journal.take(decoded, source, always=True)
        for rejection in decoded.rejected:
            self._reject(rejection, source)

    async def submit(self, read: Lines, source: str) -> Acceptance:
        """The same, and waits until what is an event is stored. What is more than a chunk is stored as several."""
        taken = [await self._take(piece, source) for piece in pieces_of(read)]
        firsts = [await ticket.stored() for _, ticket in taken]
        return Acceptance(
            sum(len(decoded.lines) - ticket.duplicates for decoded, ticket in taken),
            [rejection for decoded, _ in taken for rejection in decoded.rejected],
            next((first for first in firsts if first is not None), None),
            sum(ticket.duplicates for _, ticket in taken),
        )

    @property
    def has_room(self) -> bool:
        """See `Intake`."""
        return self._journal.has_room

    async def _take(self, read: Lines, source: str) -> tuple[Decoded, Ticket]:
        decoded = self._decoder.decode(read)
        ticket: Ticket = await self._journal.take(decoded, source) if decoded.lines else NOTHING
        for rejection in decoded.rejected:
            self._reject(rejection, source)
        return decoded, ticket

    def _reject(self, rejection: Rejection, source: str) -> None:
        rejected = self._counters.rejected
        count = rejected[rejection.reason] = rejected.get(rejection.reason, 0) + 1
        if count > SAMPLES:
            return
        facts = {"source": source, "line": rejection.number, "reason": rejection.reason}
        if rejection.detail:
            facts["detail"] = rejection.detail
        _log.warning("rejected a line", extra={"facts": facts})


class Gate:
    """The pipeline of an engine, for whoever is told of it before there is one. An `Intake`; while it is shut it raises `Closed`."""

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None

    async def accept(self, read: Lines, source: str) -> Ticket:
        """See `Intake`."""
        return await self._opened().accept(read, source)

    async def submit(self, read: Lines, source: str) -> Acceptance:
        """See `Intake`."""
        return await self._opened().submit(read, source)

    @property
    def has_room(self) -> bool:
        """See `Intake`."""
        return self._opened().has_room

    def _opened(self) -> Pipeline:
        if self.pipeline is None:
            raise Closed("the engine has not started, or has ended")
        return self.pipeline


def pieces_of(read: Lines) -> Iterator[Lines]:
    """`read` in pieces that each fit into a chunk, or hold one line."""
    if sum(map(len, read.lines)) <= PIECE_BYTES:
        yield read
        return
    start = size = 0
    too_large = read.too_large
    for index, line in enumerate(read.lines):
        size += len(line)
        if size > PIECE_BYTES and index > start:
            yield replace(
                read, lines=read.lines[start:index], numbers=read.numbers[start:index], too_large=too_large, last=0
            )
            start, size, too_large = index, len(line), ()
    yield replace(read, lines=read.lines[start:], numbers=read.numbers[start:], too_large=too_large)
