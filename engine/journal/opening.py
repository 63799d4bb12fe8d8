"""Opening a journal on disk: the threads, the file, what is in it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import msgspec

from ..clock import Clock
from ..model.decode import LineDecoder
from ..model.event import AnyEvent, Event
from ..model.lines import Lines
from ..telemetry import IntakeCounters
from .commits import Opened
from .committing import DEFAULT_LIMITS, Limits
from .dedup import Dedup, DedupWindow
from .disk import DiskLog
from .log import OnStored
from .queries import Queries
from .storage import OnTheSpot, Thread, Worker
from .store import Store

_log = logging.getLogger("doorstep.journal")

NO_DEDUP: Mapping[str, DedupWindow] = {}
ANY_SIZE = 2**31
"""What was accepted once is not refused for its length when it comes back from the file."""


@asynccontextmanager
async def open_disk_log(
    folder: Path,
    *,
    on_stored: OnStored,
    clock: Clock,
    counters: IntakeCounters,
    spec: Literal["segment", "any"] = "segment",
    durability: Literal["disk", "os"] = "disk",
    limits: Limits = DEFAULT_LIMITS,
    dedup: Mapping[str, DedupWindow] = NO_DEDUP,
    threads: bool = True,
    vfs: str | None = None,
) -> AsyncIterator[DiskLog]:
    """The journal in `folder`, which is made if it is not there. Raises JournalError if it is not to be had.

    Without `threads` the loop does all the work itself: for tests under virtual time. `vfs` is a file system of SQLite's, by name.
    """
    writer: Worker = Thread("writes the journal") if threads else OnTheSpot()
    reader: Worker = Thread("reads the journal") if threads else OnTheSpot()
    store: Store | None = None
    try:
        store = await writer.run(partial(Store, folder, durability, vfs=vfs))
        opened = await writer.run(store.opened)
        remembered = Dedup(dedup)
        await writer.run(partial(_load, remembered, store, clock.utc()))
        queries = await reader.run(partial(Queries, folder, vfs=vfs))
    except BaseException:
        with anyio.CancelScope(shield=True):
            if store is not None:
                await writer.run(partial(store.close, clean=False))
            await writer.aclose()
            await reader.aclose()
        raise
    _say_found(folder, opened)
    log = DiskLog(
        store,
        queries,
        opened,
        writer=writer,
        reader=reader,
        on_stored=on_stored,
        restore=restorer(spec),
        clock=clock,
        counters=counters,
        limits=msgspec.structs.replace(limits, dedup_s=remembered.longest_s),
        dedup=remembered,
    )
    async with log:
        yield log


def _load(dedup: Dedup, store: Store, now: float) -> None:
    if dedup.longest_s:
        for seen_at, source, digests in store.digests(now - dedup.longest_s):
            dedup.load(source, digests, seen_at, now)


def restorer(spec: Literal["segment", "any"]) -> Callable[[Sequence[bytes]], Sequence[Event | AnyEvent]]:
    """Lines from the file to events. All of them were events once; one that `spec` refuses today is taken as any JSON object."""
    wanted, lenient = LineDecoder(spec, ANY_SIZE), LineDecoder("any", ANY_SIZE)

    def restore(lines: Sequence[bytes]) -> Sequence[Event | AnyEvent]:
        decoded = wanted.decode(Lines(list(lines), range(1, len(lines) + 1), last=len(lines)))
        if not decoded.rejected:
            return decoded.events
        return [_restored(wanted.judge(line), lenient.judge(line)) for line in lines]

    return restore


def _restored(wanted: object, lenient: object) -> Event | AnyEvent:
    return next((event for event in (wanted, lenient) if isinstance(event, Event | AnyEvent)), AnyEvent())


def _say_found(folder: Path, opened: Opened) -> None:
    facts = {"journal": str(folder), "next": opened.end, "used_bytes": opened.used_bytes}
    _log.debug("the journal is open", extra={"facts": facts})
    if opened.lost:
        facts = {
            "journal": str(folder),
            "first": opened.lost.first,
            "last": opened.lost.last,
            "count": opened.lost.count,
        }
        _log.error("events that were acknowledged are missing from the journal", extra={"facts": facts})
