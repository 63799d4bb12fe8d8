"""One random wound in a file of a journal whose engine was killed: what is whole comes out, what is missing is named."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
from doorstep.engine.errors import JournalError
from doorstep.engine.journal.pages import Pages
from doorstep.engine.journal.salvage import salvage
from doorstep.engine.journal.schema import FILE, PAGE_BYTES

from bench.faults import Damage, damage
from bench.scenario import Goal

from ..alone.book import Book, Found, numbers, run, set_of
from ..alone.found import look
from ..alone.life import NAMES, live, memory_folder, open_life, small_files
from ..facts import Facts
from ..record import Figures, Scenario

WAL = FILE + "-wal"
FILES = (FILE, FILE, FILE, FILE, WAL, WAL, "durable")
"""Some are worth more wounds than others."""
SALVAGED_ANYWAY = 50
"""One wound in so many is salvaged although the journal reads all that is whole: scanning takes long."""
BODIES_SPARED = 0.5
"""How likely a wound in a page that holds events is moved elsewhere: the small tables are few pages, and matter most."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    wounds: int
    steps: int
    seed: int = 12


class Tally(msgspec.Struct):
    """Counts of wounds, but for the events that are counted one by one."""

    refused: int = 0
    """Where the journal would not start."""
    noticed: int = 0
    foreign: int = 0
    """Where an error came out that is none of the journal's."""
    altered: int = 0
    unnamed: int = 0
    """Events that are not read, and of which nothing is said."""
    unsaid: int = 0
    """Wounds of the WAL that took acknowledged events, and of which the journal said nothing when it was opened."""
    not_rescued: int = 0
    """Events of chunks whose own pages are whole, and that nobody brings back."""
    forgotten: int = 0
    """Destinations that the journal does not know any more: they would begin with what comes next."""
    astray: int = 0
    """Destinations that stand neither where they stood nor at the beginning."""
    reused: int = 0
    slowest_s: float = 0.0


class Patient(msgspec.Struct, frozen=True):
    """A journal as a kill left it, and what must be in it."""

    folder: Path
    book: Book
    chunks: dict[int, tuple[int, frozenset[int]]]
    """By first number: the events of a chunk, as a set, and its pages."""

    @property
    def body_pages(self) -> frozenset[int]:
        """All that hold events."""
        return frozenset().union(*(pages for _, pages in self.chunks.values()))

    def hurt(self, wound: Damage) -> int:
        """The events of chunks that the wound may have taken a byte of."""
        if wound.file.name != FILE:
            return 0
        pages = frozenset(wound.pages(PAGE_BYTES))
        events = 0
        for members, own in self.chunks.values():
            events |= members if own & pages else 0
        return events


def play(form: Form) -> Figures:
    """One journal, wounded anew each time."""
    random, tally = Random(form.seed), Tally()
    with small_files(), memory_folder() as folder:
        patient = live(partial(born, folder, form))
        aim = partial(aimed, random, sorted(patient.body_pages))
        for index in range(form.wounds):
            copy = folder / str(index)
            shutil.copytree(patient.folder, copy)
            wound = damage_one(copy, aim, random)
            said = examine(patient, copy, wound, tally, salvages=index % SALVAGED_ANYWAY == 0)
            if said:
                print(f"wound {index}: {wound}: {said}", flush=True)
        size = sum(path.stat().st_size for path in patient.folder.iterdir())
    return {"wounds": form.wounds, "bytes": size, **msgspec.structs.asdict(tally)}


async def born(folder: Path, form: Form) -> Patient:
    """A life, of which a copy is taken before it ends."""
    book, random = Book(Facts(form.seed)), Random(form.seed)
    copy = folder / "killed"
    async with open_life(folder / "life", book, random) as life:
        for _ in range(form.steps):
            await life.step()
        for destination in life.destinations:
            await destination.write_down()
        await life.take(40)
        shutil.copytree(folder / "life", copy)
    return Patient(copy, book, chunks_of(copy))


class _Traced(Pages):
    """Pages that remember which of them were looked at."""

    def __init__(self, folder: Path) -> None:
        self.touched: set[int] = set()
        super().__init__(folder)

    def _page(self, number: int, view: int) -> bytes:
        self.touched.add(number)
        return super()._page(number, view)


def chunks_of(folder: Path) -> dict[int, tuple[int, frozenset[int]]]:
    """Which events and which pages each chunk has, as long as all are whole."""
    found: dict[int, tuple[int, frozenset[int]]] = {}
    pages = _Traced(folder)
    with pages:
        for place in pages.chunks():
            pages.touched = set()
            pages.read(place)
            found.setdefault(place.first, (run(place.first, place.first + place.count), frozenset(pages.touched)))
    return found


def aimed(random: Random, bodies: list[int], path: Path) -> Callable[[], float]:
    """Draws for `damage`: its kind, its place, how the byte changes."""
    size = path.stat().st_size
    offset = random.randrange(size)
    while path.name == FILE and random.random() < BODIES_SPARED and offset // PAGE_BYTES + 1 in bodies:
        offset = random.randrange(size)
    draws = iter((random.random(), (offset + 0.5) / size, random.random()))
    return lambda: next(draws)


def damage_one(folder: Path, aim: Callable[[Path], Callable[[], float]], random: Random) -> Damage:
    """Wounds one of the files."""
    path = folder / random.choice(FILES)
    return damage(path, aim(path))


def examine(patient: Patient, folder: Path, wound: Damage, tally: Tally, *, salvages: bool) -> str:
    """What the journal and the rescuer make of it; what is wrong with that, in words."""
    with TemporaryDirectory(dir=folder.parent) as name:
        untouched = Path(name) / "untouched"
        shutil.copytree(folder, untouched)
        return _examine(patient, folder, untouched, wound, tally, salvages=salvages)


def _examine(patient: Patient, folder: Path, untouched: Path, wound: Damage, tally: Tally, *, salvages: bool) -> str:
    began = time.monotonic()
    try:
        found = look(folder, patient.book.event)
    except JournalError:
        tally.refused += 1
        found = None
    except Exception as error:  # whatever it is, it is the finding
        tally.foreign += 1
        return repr(error)
    finally:
        tally.slowest_s = max(tally.slowest_s, time.monotonic() - began)
        shutil.rmtree(folder)
    said = _compared(patient, found, wound, tally) if found else ""
    missing = patient.book.acked_by() & ~patient.hurt(wound) & ~(found.held if found else 0)
    if wound.file.name == FILE and (missing or salvages):
        said += _rescued(patient, untouched, missing, tally)
    return said


def _compared(patient: Patient, found: Found, wound: Damage, tally: Tally) -> str:
    acked = patient.book.acked_by()
    unnamed = acked & ~found.held & ~found.named
    forgotten = [name for name in NAMES if name not in found.pages]
    astray = [name for name, page in found.pages.items() if not patient.book.has_been_at(name, page)]
    unsaid = wound.file.name == WAL and bool(acked & ~found.held) and not found.lost
    tally.unsaid += unsaid
    tally.noticed += bool(found.named)
    tally.altered += found.altered.bit_count()
    tally.unnamed += unnamed.bit_count()
    tally.forgotten += len(forgotten)
    tally.astray += len(astray)
    tally.reused += found.end < acked.bit_length()
    if not (unnamed or unsaid or found.altered or forgotten or astray or found.end < acked.bit_length()):
        return ""
    return f"unnamed {numbers(unnamed)}, {unsaid=}, altered {numbers(found.altered)}, {forgotten=}, {astray=}, end {found.end}"


def _rescued(patient: Patient, folder: Path, missing: int, tally: Tally) -> str:
    out = io.BytesIO()
    salvage(folder, out)
    lines = out.getvalue().splitlines()
    ids = patient.book.facts.read(out.getvalue()).ids if lines else []
    wrong = len(lines) - len(ids)
    left = missing & ~set_of(ids)
    tally.altered += wrong
    tally.not_rescued += left.bit_count()
    return f"salvaged {wrong} wrong ones; not rescued {numbers(left)}" if left or wrong else ""


BIT_ROT = Scenario(
    name="bit-rot",
    title="random bits, bytes and ends of the files of a killed journal are damaged",
    play=play,
    full=Form(wounds=10_000, steps=2500),
    short=Form(wounds=300, steps=300),
    goals=(
        *(
            Goal(name, "<=", 0)
            for name in ("foreign", "altered", "unnamed", "unsaid", "not_rescued", "forgotten", "astray", "reused")
        ),
        Goal("slowest_s", "<=", 5.0),
    ),
)
