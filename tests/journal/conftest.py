"""Both logs behind one door, with the journal's work done on the spot under virtual time, or in its threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.journal import DiskLog, MemoryLog, open_disk_log
from doorstep.engine.journal import folder as folder_module
from doorstep.engine.model import Chunk, Decoded, LineDecoder, Lines
from doorstep.engine.telemetry import IntakeCounters

from .desks import Bench
from .disks import Disk

EPOCH = 1_700_000_000.0
"""What the wall clock says when the virtual one is at 0."""

OpenLog: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]


def line(number: int) -> bytes:
    return b'{"type":"track","userId":"u","event":"E","messageId":"m-%d","n":%d}' % (number, number)


@pytest.fixture
def events() -> Callable[[int, int], Decoded]:
    """`events(first, count)`: so many valid events, whose `messageId`s say their numbers."""

    def make(first: int, count: int) -> Decoded:
        numbers = range(first, first + count)
        return LineDecoder().decode(Lines(list(map(line, numbers)), numbers))

    return make


@pytest.fixture(autouse=True)
def small_ballast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of journals are made here."""
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", 4096)


@pytest.fixture
def open_log() -> OpenLog:
    """`async with open_log(kind, folder, stored) as log:`; chunks are appended to `stored`. Options are `open_disk_log`'s."""
    return _open_log


@asynccontextmanager
async def _open_log(
    kind: str, folder: Path, stored: list[Chunk], *, threads: bool = False, **options: Any
) -> AsyncIterator[DiskLog | MemoryLog]:
    clock = Clock(utc=lambda: EPOCH + anyio.current_time())
    counters = options.pop("counters", IntakeCounters())
    on_stored = options.pop("on_stored", stored.append)
    if kind == "memory":
        yield MemoryLog(2**26, on_stored, clock, "log-1", counters)
        return
    async with open_disk_log(
        folder, on_stored=on_stored, clock=clock, counters=counters, threads=threads, **options
    ) as log:
        yield log


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A desk, and the store that it is over."""
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Of every journal."""
    return Disk(monkeypatch)
