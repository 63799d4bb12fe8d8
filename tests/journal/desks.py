"""A desk over a store, and what is in it."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from doorstep.engine.journal.blob import joined
from doorstep.engine.journal.commits import Arrival, Commit
from doorstep.engine.journal.desk import Replay
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import (
    Changes,
    DeadLetter,
    ParkedEvent,
    Position,
    Standing,
    Try,
)
from doorstep.engine.journal.stepping import Stepped
from doorstep.engine.journal.storage import OnTheSpot
from doorstep.engine.journal.store import Store, hash_of

NOW = 1_800_000_000.0
REASONS = ["http_400", "http_413", "http_422", "actor_crashed", "function_error"]


def line_of(number: int) -> bytes:
    return b'{"type":"track","userId":"u","event":"Paid","messageId":"m-%d","properties":{"n":%d}}' % (number, number)


def letter_of(number: int, destination: str = "hook", **more: Any) -> DeadLetter:
    facts: dict[str, Any] = {
        "message_id": f"m-{number}",
        "type": "track",
        "event": "Paid",
        "line": line_of(number),
        "source": "shop",
        "received": NOW - 100,
        "reason": REASONS[number % 5],
        "status": None,
        "excerpt": "",
        "tries": [Try(NOW - 90, "http_400", 400)],
        "version": "v1",
        "first_at": NOW - 90,
        "last_at": NOW + number,
    }
    return DeadLetter(destination=destination, number=number, **{**facts, **more})


def changes(name: str, scan: int, *, dead: Sequence[DeadLetter] = (), **more: Any) -> Changes:
    position = more.pop("position", Position(scan))
    facts: dict[str, Any] = {"standing": Standing(), "parked": {}, "attempts": [], "gaps": [], "version": "v1"}
    return Changes(name=name, position=position, dead=list(dead), **{**facts, **more})


def arrival(numbers: Sequence[int], received: float = NOW - 100) -> Arrival:
    hashes = array("I", [hash_of(f"m-{number}") for number in numbers]).tobytes()
    return Arrival(joined("shop", received, [line_of(number) for number in numbers]), hashes)


class Bench:
    """A store, its desk, and the wall clock."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.store = Store(folder)
        self.id = self.store.opened().id
        self.queries = Queries(folder)
        worker = OnTheSpot()
        self.desk = LocalDesk(self.store, self.queries, worker, worker, utc=lambda: self.now)

    def commit(self, *changes: Changes, arrivals: Sequence[Arrival] = ()) -> None:
        self.store.commit(Commit(arrivals=arrivals, changes=changes))

    def parked(self, destination: str = "hook") -> list[int]:
        rows = "SELECT number FROM parked WHERE destination = ? ORDER BY number"
        return [number for (number,) in self.queries.connection.execute(rows, (destination,))]

    def close(self) -> None:
        self.queries.close()
        self.store.close(clean=True)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    bench = Bench(folder)
    try:
        yield bench
    finally:
        bench.close()


async def run_out(desk: LocalDesk, *, step: Callable[[Replay], Awaitable[Stepped]] | None = None) -> list[ParkedEvent]:
    """Steps all jobs to their end."""
    parked: list[ParkedEvent] = []
    for replay in await desk.replays():
        current: Replay | None = replay
        while current is not None:
            stepped = await (step or desk.step)(current)
            parked += stepped.parked
            current = stepped.replay
    return parked


def filled(bench: Bench, *, scan: int = 41) -> None:
    """Four chunks of ten events, a minute apart."""
    for index in range(4):
        numbers = range(10 * index + 1, 10 * index + 11)
        bench.commit(arrivals=[arrival(numbers, NOW - 240 + 60 * index)])
    bench.commit(changes("hook", scan), changes("new", 41))
