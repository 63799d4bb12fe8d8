"""The power goes at any moment of a journal's life: whatever the disk may have kept of it opens, and keeps what was promised."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

import msgspec
from doorstep.engine.errors import JournalError
from doorstep.engine.journal.committing import Limits
from doorstep.engine.journal.schema import FILE

from bench.faults import Image, RecordingVfs, crash_images
from bench.scenario import Goal

from ..alone.book import Book, Problems
from ..alone.found import look
from ..alone.life import live, memory_folder, open_life, small_files
from ..facts import Facts
from ..record import Figures, Scenario

OPENED = 3
"""So often is a journal opened in its life; between, it is closed well."""
KEPT_FILES = ("lock", "ballast")
RETENTIONS_S = (0.0, 0.5)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    lives: int
    steps: int
    """Of each opening."""
    boundaries: int
    """Of each life."""
    variants: int = 8
    images: int
    """In all, at most."""
    seed: int = 13


def play(form: Form) -> Figures:
    """One life after the other, each with a record of its own."""
    problems = Problems()
    images = refused = operations = acked = 0
    with small_files(), memory_folder() as folder:
        for index in range(form.lives):
            random = Random(form.seed + index)
            limits = Limits(retention_s=RETENTIONS_S[index % len(RETENTIONS_S)])
            with RecordingVfs("doorstep-recording") as vfs:
                book = Book(Facts(form.seed + index), lambda: len(vfs.record))
                for _ in range(OPENED):
                    live(partial(_live, folder / str(index), book, random, form.steps, vfs.name, limits))
                boundaries = sorted(random.randrange(len(vfs.record) + 1) for _ in range(form.boundaries))
                operations += len(vfs.record)
                acked += book.acked_by().bit_count()
                walk = crash_images(vfs.record, boundaries, random.random, form.variants)
                for image in islice(walk, form.images - images):
                    images += 1
                    found = judged(image, book, folder / "image")
                    refused += found is None
                    problems.add(found or Problems())
    for example in problems.examples:
        print(example, flush=True)
    return {"images": images, "operations": operations, "acked": acked, "refused": refused, **problems.figures}


async def _live(folder: Path, book: Book, random: Random, steps: int, vfs: str, limits: Limits) -> None:
    async with open_life(folder, book, random, vfs=vfs, limits=limits) as life:
        for _ in range(steps):
            await life.step()


def judged(image: Image, book: Book, scratch: Path) -> Problems | None:
    """What the image lacks; None if it does not open. Before the journal has its name there is none, and nothing was promised."""
    if FILE not in image.files:
        return Problems(lost=book.acked_by(image.boundary).bit_count())
    image.write_to(scratch, KEPT_FILES)
    try:
        return book.judge(look(scratch, book.event), image.boundary)
    except JournalError as error:
        print(f"{image}: {error}", flush=True)
        return None


CRASH_IMAGES = Scenario(
    name="crash-images",
    title="every state of its files that the loss of power may leave, at recorded moments of a journal's life",
    play=play,
    full=Form(lives=20, steps=400, boundaries=360, images=50_000),
    short=Form(lives=2, steps=150, boundaries=250, images=4_000),
    goals=tuple(Goal(name, "<=", 0) for name in ("refused", "lost", "altered", "ahead", "behind", "doubled", "reused")),
    full_goals=(Goal("images", ">=", 50_000),),
)
