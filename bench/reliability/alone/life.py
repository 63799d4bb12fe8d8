"""A journal's life: producers and destinations without an engine around them, that tell the book before they tell the journal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import anyio
import trio.testing
from doorstep.engine.clock import Clock
from doorstep.engine.errors import Fault, JournalError
from doorstep.engine.journal import DiskLog, open_disk_log, store
from doorstep.engine.journal import folder as beside
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import Gap, Position, open_chunk
from doorstep.engine.journal.translating import translated
from doorstep.engine.model import Decoded, LineDecoder, Lines
from doorstep.engine.model.envelope import Chunk, Envelope
from doorstep.engine.model.outcome import Failure
from doorstep.engine.telemetry import IntakeCounters

from .book import Book, Page
from .found import letters_in, page_of

EPOCH = 1_700_000_000.0
NAMES = ("one", "two", "three")
OPEN_CHUNKS = 3
"""A destination has at most so many under way."""
REFUSED = Failure(fault=Fault.EVENT, reason="http_400", status=400)
PLAN = PlanRecord(integration="Webhook")

T = TypeVar("T")


def live(main: Callable[[], Awaitable[T]]) -> T:
    """Runs a life under virtual time: whatever it waits for passes in a moment."""
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@asynccontextmanager
async def open_life(
    folder: Path, book: Book, random: Random, names: Sequence[str] = NAMES, *, vfs: str | None = None, **options: Any
) -> AsyncIterator[Life]:
    """Opens the journal, whoever's it was, with these destinations. Options are those of `open_disk_log`."""
    clock = Clock(utc=lambda: EPOCH + anyio.current_time())
    options = {"threads": False, **options}
    async with open_disk_log(
        folder, on_stored=lambda chunk: None, clock=clock, counters=IntakeCounters(), vfs=vfs, **options
    ) as log:
        _, queries, _, reader = log.parts
        letters = await reader.run(partial(_letters, queries))
        dead = {name: {number for destination, number in letters if destination == name} for name in names}
        yield Life(log, book, random, [Destination(log, name, book, random, dead[name]) for name in names])


def _letters(queries: Queries) -> list[tuple[str, int]]:
    with translated():
        return letters_in(queries)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder where a sync costs nothing."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="journal-", dir=shared if os.access(shared, os.W_OK) else None) as name:
        yield Path(name)


@contextmanager
def small_files() -> Iterator[None]:
    """Every journal checkpoints often, and puts little aside: thousands of them are made."""
    with patch.object(store, "CHECKPOINT_PAGES", 16), patch.object(beside, "BALLAST_BYTES", 4096):
        yield


class Life:
    """One opening of a journal: events in, and destinations that settle them. Numbers of events go on where the journal does."""

    def __init__(self, log: DiskLog, book: Book, random: Random, destinations: Sequence[Destination]) -> None:
        self.log, self.destinations = log, destinations
        self._book, self._random = book, random
        self._next = log.end

    @property
    def missed(self) -> int:
        """Events that any destination was told it would never get."""
        return sum(gap.count for destination in self.destinations for gap in destination.missed)

    async def take(self, most: int = 8) -> None:
        """A few events from one client; returns when they are acknowledged."""
        count = 1 + self._random.randrange(most)
        decoded = events(self._book, self._next, count)
        self._next += count
        ticket = await self.log.take(decoded, "shop")
        first = await ticket.stored()
        assert first is not None
        self._book.acked(first, count)

    async def step(self) -> None:
        """Something, anywhere."""
        draw = self._random.random()
        if draw < 0.12:
            await self.take()
            return
        destination = self._random.choice(self.destinations)
        if draw < 0.65:
            await destination.take()
        elif draw < 0.9:
            destination.settle()
        elif draw < 0.98:
            await anyio.sleep(self._random.random() ** 6)
        else:
            await destination.write_down()

    async def finish(self) -> None:
        """Every destination takes and settles all that there is."""
        for destination in self.destinations:
            while destination.is_behind:
                await destination.take()
                destination.settle(1.0)


class Destination:
    """What an actor is to the journal, and nothing more."""

    def __init__(self, log: DiskLog, name: str, book: Book, random: Random, dead: set[int]) -> None:
        self.name = name
        self.missed: list[Gap] = []
        self._log, self._book, self._random = log, book, random
        self._account = log.account(name, oldest=True)
        self._scan = self._account.position.scan
        self._again = [chunk.first for chunk in self._account.position.open]
        self._open = {chunk.first: chunk.flags for chunk in self._account.position.open}
        self._envelopes: dict[int, Envelope] = {}
        self._parked = {row.number: self._account.envelope(row) for row in self._account.parked}
        self._dead = dead
        self._account.follow(self._where)
        self._account.uses("plan", PLAN)
        self._book.began(name, self._page(), is_new=self._account.is_new)

    @property
    def is_behind(self) -> bool:
        """Whether there is anything to settle."""
        return bool(self._open) or self._scan < self._log.end

    async def take(self) -> None:
        """The next chunk, unless it has enough under way; first of all those it had under way when the journal was closed."""
        if self._again:
            await self._take_again(self._again[0])
        elif len(self._open) < OPEN_CHUNKS:
            chunk = await self._read(self._scan)
            if isinstance(chunk, Gap):
                self.missed.append(chunk)
                self._scan = chunk.last + 1
                self._account.missed(chunk)
            elif chunk is not None:
                self._scan = chunk.end
                self._open[chunk.first] = bytearray(len(chunk.envelopes))
                self._hold(chunk.envelopes)
                self._account.took(chunk)
            self._tell()

    async def _take_again(self, first: int) -> None:
        chunk = await self._read(first)
        self._again.remove(first)
        if isinstance(chunk, Gap):
            self.missed.append(chunk)
            del self._open[first]
            self._account.missed(chunk)
            self._tell()
        elif chunk is not None:
            self._hold(chunk.envelopes)

    async def _read(self, number: int) -> Chunk | Gap | None:
        """A disk that cannot be read now is asked again, as by an actor that its supervisor starts again."""
        while True:
            try:
                return await self._account.read(number)
            except JournalError:
                await anyio.sleep(0.1)

    def _hold(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            assert envelope.line == self._book.event(envelope.number)
            self._envelopes[envelope.number] = envelope

    def settle(self, share: float = 0.5) -> None:
        """Something becomes of about this share of the events under way, and of one that is parked."""
        for first, flags in [*self._open.items()]:
            if first in self._again:
                continue
            for index, settled in enumerate(flags):
                if not settled and self._random.random() < share:
                    flags[index] = 1
                    self._settle(self._envelopes.pop(first + index))
            if all(flags):
                del self._open[first]
        if self._parked and self._random.random() < share:
            self._retry(self._random.choice(sorted(self._parked)))
        self._account.moved()
        self._tell()

    def _settle(self, envelope: Envelope) -> None:
        draw = self._random.random()
        if draw < 0.8:
            self._account.tried("delivered", [envelope], began=anyio.current_time(), status=200)
        elif draw < 0.9:
            self._parked[envelope.number] = envelope
            self._park(envelope, attempts=1)
        else:
            self._bury(envelope)

    def _retry(self, number: int) -> None:
        envelope, draw = self._parked[number], self._random.random()
        if draw < 0.3:
            self._park(envelope, attempts=2)
            return
        del self._parked[number]
        self._account.unpark(number)
        if draw < 0.6:
            self._bury(envelope)

    def _park(self, envelope: Envelope, *, attempts: int) -> None:
        due = anyio.current_time() + 60.0
        self._account.park(envelope, due=due, waited_s=0.0, attempts=attempts, tries=[], replay=None)

    def _bury(self, envelope: Envelope) -> None:
        self._dead.add(envelope.number)
        self._account.bury(envelope, REFUSED, [], "plan")

    async def write_down(self) -> None:
        """Has it written, and holds the journal to it."""
        page = self._page()
        await self._account.write_down()
        self._book.written(self.name, page)

    def _tell(self) -> None:
        # The step that came before has noted it, and nothing was written since: there was no `await` in between.
        self._book.decided(self.name, self._page())

    def _page(self) -> Page:
        return page_of(self._where(), sorted(self._parked), sorted(self._dead))

    def _where(self) -> Position:
        return Position(self._scan, tuple(open_chunk(first, flags) for first, flags in sorted(self._open.items())))


def events(book: Book, first: int, count: int) -> Decoded:
    """Those that must get the numbers from `first` on."""
    numbers = range(first, first + count)
    return LineDecoder().decode(Lines([book.event(n) for n in numbers], numbers))
