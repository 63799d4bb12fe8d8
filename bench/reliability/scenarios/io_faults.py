"""The disk fails at one operation, or for a while, at the k-th write, sync, open, read or truncation: nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import anyio
import msgspec
from doorstep.engine.errors import JournalError, JournalFull

from bench.faults import Fault, FaultyVfs
from bench.faults.vfs import Kind
from bench.scenario import Goal

from ..alone.book import Book, Problems
from ..alone.found import look
from ..alone.life import Life, live, memory_folder, open_life, small_files
from ..facts import Facts
from ..record import Figures, Scenario

FAULTS: tuple[tuple[Kind, Fault], ...] = (
    *(("write", fault) for fault in Fault),
    ("sync", Fault.IO_ERROR),
    ("truncate", Fault.IO_ERROR),
    ("open", Fault.IO_ERROR),
    ("read", Fault.IO_ERROR),
)
"""Only a write tells a full disk from a broken one."""
LIVES = 12
"""So often the journal is opened and closed while one fault is waited for ..."""
STEPS = 60
"""... and so much is done each time."""
AFTER = 25
"""Steps after the fault."""
TAKES_AGAIN_S = 5.0


class Form(msgspec.Struct, frozen=True, kw_only=True):
    ks: tuple[int, ...]
    stretches_s: tuple[float, ...] = (0.0, 1.0, 0.0, 3.0)
    """In turn: 0 is one operation alone, else all operations of the kind fail for so long."""
    seed: int = 11


class Trial(NamedTuple):
    """One fault of one journal."""

    kind: Kind
    fault: Fault
    k: int
    stretch_s: float


class Tale(msgspec.Struct, kw_only=True):
    """How it went on."""

    took_place: bool = False
    stopped: str = ""
    """What the journal said when it gave up."""
    foreign: str = ""
    """An error that is none of the journal's."""
    missed: int = 0
    """Events that a destination was told it would never get."""
    slowest_s: float = 0.0
    """The longest that an event waited, after all was well again."""


def play(form: Form) -> Figures:
    """A journal of its own for each fault."""
    problems = Problems()
    tales: list[Tale] = []
    with small_files(), memory_folder() as folder:
        for index, trial in enumerate(trials(form)):
            tale, found = play_one(folder / str(index), trial, form.seed + index)
            tales.append(tale)
            problems.add(found)
            if tale.foreign or tale.missed or not found.none:
                print(f"{trial}: {tale.foreign} {found.examples}", flush=True)
    return {
        "trials": len(tales),
        "faults": sum(tale.took_place for tale in tales),
        "stopped": sum(bool(tale.stopped) for tale in tales),
        "missed": sum(tale.missed for tale in tales),
        "foreign": sum(bool(tale.foreign) for tale in tales),
        "slowest_s": max(tale.slowest_s for tale in tales),
        **problems.figures,
    }


def trials(form: Form) -> Iterator[Trial]:
    """All that are wanted."""
    index = 0
    for kind, fault in FAULTS:
        for k in form.ks:
            yield Trial(kind, fault, k, form.stretches_s[index % len(form.stretches_s)])
            index += 1


def play_one(folder: Path, trial: Trial, seed: int) -> tuple[Tale, Problems]:
    """Lives with the fault, what the folder holds then, and one life more without."""
    random, tale = Random(seed), Tale()
    with FaultyVfs("doorstep-faulty") as vfs:
        book = Book(Facts(seed), lambda: len(vfs.record))
        vfs.fail(trial.kind, trial.k, trial.fault, times=None if trial.stretch_s else 1)
        try:
            for _ in range(LIVES):
                live(partial(_suffer, folder, book, random, vfs, trial, tale))
                if tale.stopped or vfs.failed:
                    break
        except Exception as error:  # whatever it is, it is the finding
            tale.foreign = repr(error)
        vfs.heal()
        tale.took_place = bool(vfs.failed)
        problems = book.judge(look(folder, book.event))
        live(partial(_go_on, folder, book, random))
        problems.add(book.judge(look(folder, book.event)))
    return tale, problems


async def _suffer(folder: Path, book: Book, random: Random, vfs: FaultyVfs, trial: Trial, tale: Tale) -> None:
    """A life that ends well, or in an error of the journal's."""
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_heal, vfs, trial.stretch_s)
            async with open_life(folder, book, random, vfs=vfs.name) as life:
                await _some_steps(life, vfs, tale)
                tale.missed += life.missed
            tasks.cancel_scope.cancel()
    except* (JournalError, JournalFull) as group:
        tale.stopped = str(group.exceptions)


async def _some_steps(life: Life, vfs: FaultyVfs, tale: Tale) -> None:
    left = STEPS
    while left:
        began = anyio.current_time()
        await life.step()
        tale.slowest_s = max(tale.slowest_s, anyio.current_time() - began)
        left = min(left, AFTER) - 1 if vfs.failed else left - 1


async def _heal(vfs: FaultyVfs, stretch_s: float) -> None:
    """The disk is well again so long after its first failure."""
    while stretch_s:
        await anyio.sleep(0.05)
        if vfs.failed:
            await anyio.sleep(stretch_s)
            vfs.heal()
            return


async def _go_on(folder: Path, book: Book, random: Random) -> None:
    async with open_life(folder, book, random) as life:
        for _ in range(AFTER):
            await life.step()
        await life.finish()


IO_FAULTS = Scenario(
    name="io-faults",
    title="the k-th operation of the journal's disk fails, once or for seconds",
    play=play,
    full=Form(ks=tuple(range(1, 201))),
    short=Form(ks=(1, 2, 3, 4, 5, 7, 11, 19, 37, 71, 120, 200)),
    goals=(
        *(
            Goal(name, "<=", 0)
            for name in ("lost", "altered", "ahead", "behind", "doubled", "reused", "missed", "foreign")
        ),
        Goal("slowest_s", "<=", 5.0),
    ),
)
