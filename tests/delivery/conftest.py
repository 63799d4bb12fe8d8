"""A world for the fleet: a log, a receiver that does as it is told, and a clock (virtual by default)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import anyio
import msgspec
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.delivery import Fleet, MailboxSettings, Plan
from doorstep.engine.errors import TransportError
from doorstep.engine.journal import MemoryLog, open_disk_log
from doorstep.engine.journal import folder as folder_module
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.model import Batch, LineDecoder, Lines, Request, Response
from doorstep.engine.routing import Route
from doorstep.engine.sdk.destination import RequestDestination
from doorstep.engine.settings import Settings
from doorstep.engine.telemetry import IntakeCounters

Answer = int | str | tuple[int, dict[str, str]]
"""A status, a status with headers, or the code of a TransportError."""
Script = Callable[[list[int], float], Answer]
"""From the ids in a request and the time to what the receiver does."""


class Hook(RequestDestination[Settings]):
    """Sends a JSON array."""

    label = "Hook"
    description = "For tests."
    Settings = Settings

    def request(self, batch: Batch) -> Request:
        return Request("POST", "http://receiver/", body=b"[" + b",".join(batch.lines) + b"]")


class Receiver:
    """One destination's other end. `seen` counts what it took, `requests` is everything that came: (time, ids, answer)."""

    def __init__(self, script: Script | None = None, latency_s: float = 0.001) -> None:
        self.script = script or (lambda ids, now: 200)
        self.latency_s = latency_s
        self.seen: Counter[int] = Counter()
        self.order: list[int] = []
        self.requests: list[tuple[float, list[int], Answer]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.opened = self.closed = 0

    async def send(self, request: Request, timeout_s: float) -> Response:
        ids = [event["n"] for event in msgspec.json.decode(request.body)]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await anyio.sleep(self.latency_s)
            answer = self.script(ids, anyio.current_time())
            self.requests.append((anyio.current_time(), ids, answer))
            if isinstance(answer, str):
                if answer == "timeout":
                    await anyio.sleep(timeout_s)
                raise TransportError(answer)
        finally:
            self.in_flight -= 1
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            self.seen.update(ids)
            self.order += ids
        return Response(status, headers)

    async def aclose(self) -> None:
        self.closed += 1

    def statistics(self) -> Any:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> Self:
        self.opened += 1
        return self


class World:
    """A fleet and its log. `feed` appends events `{"type": "track", ..., "n": number}`."""

    def __init__(self, memory_log: int = 2**26, seed: int = 1) -> None:
        self.clock = Clock(utc=anyio.current_time)
        self.fleet = Fleet(self._open, self.clock, random.Random(seed).random)
        self.log = MemoryLog(memory_log, self.fleet.offer, self.clock, "test-log")
        self.decoder = LineDecoder()
        self.receivers: dict[str, Receiver] = {}
        self.plans: dict[str, Plan] = {}
        self.fed = 0

    def plan(self, name: str, receiver: Receiver, *, version: str = "1", **changes: Any) -> Plan:
        """A plan for a `Hook` behind `receiver`; keywords are `Plan`'s."""
        self.receivers[name] = receiver
        route = changes.pop("route", Route(name=name, integration="Hook"))
        destination = changes.pop("destination", None) or Hook(Settings())
        changes.setdefault("mailbox", MailboxSettings())
        record = PlanRecord(integration=route.integration)
        self.plans[name] = Plan(version=version, route=route, record=record, destination=destination, **changes)
        return self.plans[name]

    async def _open(self, plan: Plan) -> Receiver:
        return await self.receivers[plan.name].open()

    def reconcile(self) -> None:
        self.fleet.reconcile(self.plans.values(), self.log)

    async def feed(self, count: int, *, source: str = "test") -> None:
        """`count` more events, numbered from 1 on, as one chunk."""
        numbers = range(self.fed + 1, self.fed + count + 1)
        self.fed += count
        lines = [b'{"type":"track","userId":"u","event":"E","messageId":"m-%d","n":%d}' % (n, n) for n in numbers]
        await self.log.take(self.decoder.decode(Lines(lines, numbers)), source)

    def statistics(self, name: str) -> Any:
        return self.fleet.statistics()[name]

    def assert_sums(self) -> None:
        """The contract's identity, for every destination; and its actions add up to it."""
        for name, s in self.fleet.statistics().items():
            total = (
                s.delivered + sum(s.filtered.values()) + s.dead_lettered + s.parked + s.pending + s.dropped + s.expired
            )
            assert s.pending_before + s.offered + s.replayed == total, (name, s)
            assert min(s.delivered, s.dead_lettered, s.parked, s.pending, s.dropped) >= 0, (name, s)
            for what in ("delivered", "parked", "attempts", "retried"):
                assert getattr(s, what) == sum(getattr(one, what) for one in s.actions.values()), (name, what, s)
            for what in ("filtered", "failed"):
                each = [sum(getattr(one, what).values()) for one in s.actions.values()]
                assert sum(getattr(s, what).values()) == sum(each), (name, what, s)
            assert s.dead_lettered == sum(sum(reasons.values()) for reasons in s.dead_classes.values()), (name, s)


@pytest.fixture
def world() -> Callable[..., Any]:
    """`async with world() as w:` runs a fleet; leaving it stops everything."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[World]:
        made = World(**options)
        async with made.fleet:
            yield made
            made.assert_sums()

    return make


@pytest.fixture
def life(world: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`async with life() as w:` is one life of an engine whose journal is in `tmp_path / "data"`, or in `folder`. `fed` is how many events
    earlier ones took."""
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", 4096)

    @asynccontextmanager
    async def make(
        *, folder: Path = tmp_path / "data", utc: Callable[[], float] = _utc, fed: int = 0
    ) -> AsyncIterator[World]:
        async with world() as w:
            w.clock = w.fleet._clock = Clock(utc=utc)
            opening = open_disk_log(
                folder, on_stored=w.fleet.offer, clock=w.clock, counters=IntakeCounters(), threads=False
            )
            async with opening as log:
                w.log, w.fed = log, fed
                yield w
                await w.fleet.stop(60)
                w.assert_sums()

    return make


def _utc() -> float:
    return anyio.current_time() + 1_700_000_000.0


@pytest.fixture
def receiver() -> type[Receiver]:
    return Receiver


@pytest.fixture
def hook() -> type[Hook]:
    return Hook
