"""An intake that writes down what it was given, and can be slow or closed."""

from __future__ import annotations

import anyio
import pytest
from doorstep.engine.errors import Closed
from doorstep.engine.journal import NOTHING, Ticket
from doorstep.engine.model import Lines


class Taker:
    """Takes everything, in order. With `hold` set to an event, each call waits for it; with `closed`, each is refused."""

    def __init__(self) -> None:
        self.reads: list[Lines] = []
        self.sources: set[str] = set()
        self.hold: anyio.Event | None = None
        self.closed = False
        self._came = anyio.Event()

    @property
    def lines(self) -> list[bytes]:
        return [line for read in self.reads for line in read.lines]

    async def accept(self, read: Lines, source: str) -> Ticket:
        if self.closed:
            raise Closed
        self.reads.append(read)
        self.sources.add(source)
        self._came.set()
        if self.hold is not None:
            await self.hold.wait()
        await anyio.lowlevel.checkpoint()
        return NOTHING

    async def wait_lines(self, count: int) -> None:
        """Until `count` lines have come."""
        with anyio.fail_after(10):
            while len(self.lines) < count:
                self._came = anyio.Event()
                await self._came.wait()


@pytest.fixture
def taker() -> Taker:
    return Taker()
