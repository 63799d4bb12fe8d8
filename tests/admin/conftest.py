"""A desk in memory that writes down what it was asked, and answers with literal values."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.delivery.overview import Readiness
from doorstep.engine.journal.desk import (
    BATCH,
    Added,
    DestinationRow,
    LetterCount,
    LetterQuery,
    Life,
    Replay,
    StoredEvent,
    Story,
    Unfit,
)
from doorstep.engine.journal.records import Attempt, DeadLetter, Gap, ParkedEvent, Standing, Try
from doorstep.engine.telemetry import Counters, Deliveries, Lag, Observation, ProcessStatistics, Statistics
from doorstep.engine.telemetry.history import Trend
from doorstep.engine.telemetry.report import Report


def a_letter(id: int = 1, line: bytes = b'{"type":"track","userId":"\xc3\xa9"}') -> DeadLetter:
    return DeadLetter(
        id=id,
        destination="hook",
        number=1000 + id,
        message_id="m/1 \u00e9\n?",
        type="track",
        event=None,
        line=line,
        source="shop",
        received=1767225600.123456,
        reason="http_400",
        status=400,
        excerpt='{"error": "no \\u0000"}',
        tries=[Try(1767225601.5, "http_400", 400), Try(1767225602.25, "timeout")],
        version="a1b2",
        action="purchase",
        first_at=1767225601.5,
        last_at=1767225602.25,
    )


COUNTS = [LetterCount(destination="hook", reason="http_400", count=3, first_at=1.5, last_at=2.25)]
REPLAYS = [
    Replay(id=7, destination="hook", kind="dead", query=LetterQuery(ids=(1, 2)), rate=0.1, position=2, until=9, moved=1)
]
PARKED = [
    ParkedEvent(number=5, line=b"\x00\xff", source="shop", received=1.1, due=2.2, tries=[Try(1.2, "reset")], replay=7)
]
LIVES = [
    Life(
        number=5,
        message_id="m-1",
        source="shop",
        received=1.1,
        line=b'{"a":1}',
        stories=[
            Story(
                destination="hook",
                state="parked",
                reason="reset",
                version="a1b2",
                attempts=[Attempt(1.2, 15, "parked", "reset", None, 1, [(5, 5), (8, 9)])],
                tries=[Try(1.2, "reset")],
                due=2.2,
            )
        ],
    )
]
DESTINATIONS = [
    DestinationRow(
        name="hook",
        watermark=5,
        unsettled=2,
        parked=1,
        dead=3,
        standing=Standing(paused=True, deaths=1),
        gaps=[Gap(1, 2, "expired", 3.5)],
    ),
    DestinationRow(name="lake", watermark=0, unsettled=0, parked=0, dead=0, standing=Standing()),
]


STORED = [StoredEvent(number=5, source="shop", received=1.1, line=b'{"messageId":"m-5","type":"track"}')]


class FakeDesk:
    """With `raises` set, each method raises it; with `hold` set, each waits for it first."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.raises: Exception | None = None
        self.hold: anyio.Event | None = None
        self.asked = anyio.Event()
        self.waiting = 0
        self.page = [a_letter(1), a_letter(2)]
        self.unfit: list[Unfit] = []

    async def count(self, query: LetterQuery) -> list[LetterCount]:
        return await self._answer(("count", query), COUNTS)

    async def letters(self, query: LetterQuery, *, after: int = 0, limit: int = BATCH) -> list[DeadLetter]:
        return await self._answer(("letters", query, after, limit), self.page)

    async def letter(self, id: int) -> DeadLetter:
        return await self._answer(("letter", id), a_letter(id))

    async def add(self, letters: Sequence[DeadLetter]) -> Added:
        return await self._answer(("add", letters), Added(len(letters) - len(self.unfit), self.unfit))

    async def patch(self, id: int, line: bytes) -> DeadLetter:
        return await self._answer(("patch", id, line), a_letter(id, line))

    async def latest(self, limit: int = BATCH) -> list[StoredEvent]:
        return await self._answer(("latest", limit), STORED)

    async def purge(self, query: LetterQuery) -> int:
        return await self._answer(("purge", query), 3)

    async def replay(self, replay: Replay, *, dry_run: bool = False) -> tuple[int, int]:
        return await self._answer(("replay", replay, dry_run), (0 if dry_run else 7, 250))

    async def replays(self) -> list[Replay]:
        return await self._answer(("replays",), REPLAYS)

    async def explain(self, message_id: str) -> list[Life]:
        return await self._answer(("explain", message_id), LIVES)

    async def parked(self, destination: str, *, after: int = 0, limit: int = BATCH) -> list[ParkedEvent]:
        return await self._answer(("parked", destination, after, limit), PARKED)

    async def destinations(self) -> list[DestinationRow]:
        return await self._answer(("destinations",), DESTINATIONS)

    async def pause(self, destination: str) -> None:
        await self._answer(("pause", destination), None)

    async def resume(self, destination: str) -> None:
        await self._answer(("resume", destination), None)

    async def forget(self, destination: str) -> None:
        await self._answer(("forget", destination), None)

    async def test(self, trial: Any, *, send: bool) -> list[Any]:
        return await self._answer(("test", trial, send), [])

    async def _answer(self, call: tuple[Any, ...], value: Any) -> Any:
        self.calls.append(call)
        self.asked.set()
        if self.hold is not None:
            self.waiting += 1
            try:
                await self.hold.wait()
            finally:
                self.waiting -= 1
        if self.raises is not None:
            raise self.raises
        return value


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short, whatever pytest's is."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as name:
        yield Path(name)


def an_observation(name: str = "hook", **changes: Any) -> Observation:
    counters = Counters()
    counters.offered = 12
    counters.count_delivered(9)
    counters.count_filtered("trigger", 2)
    return Observation(statistics=counters.statistics(state="closed"), type="Webhook", **changes)


class FakeLooks:
    """One destination, nine events delivered; `ready` says what `readiness` is."""

    def __init__(self) -> None:
        self.deliveries = Deliveries()
        self.readiness = Readiness(True)

    async def report(self) -> Report:
        hook = an_observation(owner="growth-data", lag=Lag(1, 61.5))
        return Report(
            statistics=Statistics(
                received=12,
                accepted=12,
                duplicates=0,
                rejected={},
                duration_s=1.5,
                destinations={"hook": hook.statistics},
            ),
            destinations={"hook": hook},
            process=ProcessStatistics(rss_bytes=2**20, cpu_s=0.5),
        )

    @property
    def names(self) -> list[str]:
        return ["hook"]

    async def observation(self, destination: str) -> Observation | None:
        return (await self.report()).destinations.get(destination)

    def trend(self, destination: str) -> Trend:
        return Trend(until=1767225600.0, delivered=[4, 5], attempts=[1, 1], failed=[0, 0], latency_ms=[12.0, None])

    def utc(self) -> float:
        return 1767225601.5

    async def ready(self) -> Readiness:
        return self.readiness


@pytest.fixture
def looks() -> FakeLooks:
    return FakeLooks()
