"""Many clients at once, threads and all: no acknowledgement comes before the sync that covers its events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import anyio
import msgspec
from doorstep.engine.clock import Clock
from doorstep.engine.journal import DiskLog, open_disk_log
from doorstep.engine.journal.queries import Queries, StoredPieces
from doorstep.engine.journal.schema import FILE
from doorstep.engine.journal.store import Store
from doorstep.engine.telemetry import IntakeCounters

from bench.faults import RecordingVfs, crash_images
from bench.faults.record import Sync
from bench.scenario import Goal

from ..alone.book import Book
from ..alone.life import events, memory_folder, small_files
from ..facts import Facts
from ..record import Figures, Scenario


class Form(msgspec.Struct, frozen=True, kw_only=True):
    acks: int
    clients: int = 40
    durability: Literal["disk", "os"] = "disk"
    seed: int = 10


class Ack(NamedTuple):
    """An acknowledgement, as a mark."""

    number: int
    id: int


def play(form: Form) -> Figures:
    """The worst that a disk may do right after each ack is to drop all that no sync covers: the event must be there all the same."""
    with small_files(), memory_folder() as folder, RecordingVfs("doorstep-synced") as vfs:
        book = Book(Facts(form.seed))
        asyncio.run(_take_all(form, folder / "data", vfs, book))
        early = sum(not held for held in _held_after_each_ack(vfs, folder / "image", book))
        syncs = sum(isinstance(one, Sync) and one.file.endswith("-wal") for one in vfs.record.operations)
    return {"acks": form.acks, "syncs": syncs, "early": early}


async def _take_all(form: Form, folder: Path, vfs: RecordingVfs, book: Book) -> None:
    counters = IntakeCounters()
    async with open_disk_log(
        folder,
        on_stored=lambda chunk: None,
        clock=Clock(),
        counters=counters,
        durability=form.durability,
        vfs=vfs.name,
    ) as log:
        async with anyio.create_task_group() as tasks:
            for client in range(form.clients):
                tasks.start_soon(_take, log, vfs, book, range(client, form.acks, form.clients))


async def _take(log: DiskLog, vfs: RecordingVfs, book: Book, ids: range) -> None:
    """An event at a time; the mark stands where the ack would be sent."""
    for i in ids:
        ticket = await log.take(events(book, i, 1), "shop")
        first = await ticket.stored()
        vfs.record.mark(Ack(first or 0, i))


def _held_after_each_ack(vfs: RecordingVfs, scratch: Path, book: Book) -> Iterator[bool]:
    """In the image in which the disk dropped all that it could."""
    by_place = {place + 1: value for place, value in vfs.record.marks()}
    dropped = (image for image in crash_images(vfs.record, list(by_place), lambda: 0.5, 3) if image.variant != "prefix")
    worst = {image.boundary: image for image in dropped}  # of "kept" and "dropped", the latter comes last, if at all
    for boundary, image in worst.items():
        ack = by_place[boundary]
        assert isinstance(ack, Ack)
        image.write_to(scratch, ("lock", "ballast"))
        yield FILE in image.files and _holds(scratch, ack.number, book.event(ack.id))


def _holds(folder: Path, number: int, line: bytes) -> bool:
    store = Store(folder)
    queries = Queries(folder)
    try:
        first = queries.first_of(number)
        stored = queries.chunk(first) if first is not None else None
        lines = [line for piece in stored.pieces for line in piece.lines] if isinstance(stored, StoredPieces) else []
        return first is not None and line in lines[number - first : number - first + 1]
    finally:
        queries.close()
        store.close(clean=False)


SYNC_ORDER = Scenario(
    name="sync-order",
    title="each ack stands behind the sync that covers it, in the record of what the disk was asked",
    play=play,
    full=Form(acks=2000),
    short=Form(acks=300),
    goals=(Goal("early", "<=", 0),),
)
