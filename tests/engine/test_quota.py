"""A journal at its limit: it deletes as it goes, and its end is that of any other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine import Engine, app, load_config
from doorstep.engine.clock import Clock
from doorstep.engine.journal import folder, open_disk_log
from doorstep.engine.model import Lines, Request, Response

pytestmark = pytest.mark.anyio

EVENT = (
    b'{"type":"track","userId":"u-1","event":"Signed Up","messageId":"m-%d","properties":{"pad":"' + b"x" * 900 + b'"}}'
)


class Transport:
    """Answers `status`; a request takes `latency_s`."""

    def __init__(self, status: int, latency_s: float) -> None:
        self.status = status
        self.latency_s = latency_s
        self.taken: list[str] = []

    async def send(self, request: Request, timeout_s: float) -> Response:
        await anyio.sleep(self.latency_s)
        if self.status == 200:
            self.taken += [event["messageId"] for event in json.loads(request.body)]
        return Response(self.status, {})

    async def aclose(self) -> None:
        """Nothing to close."""


class Burst:
    """An ingress: `count` events as fast as they are taken, in reads of a hundred."""

    name = "burst"

    def __init__(self, count: int) -> None:
        self.count = count

    async def run(self, intake: Any) -> None:
        for start in range(0, self.count, 100):
            numbers = range(start + 1, start + 101)
            await intake.accept(Lines([EVENT % n for n in numbers], numbers), self.name)

    def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`async with engine(transport) as engine:` one with a journal of 1 MiB and one webhook, under virtual time."""
    monkeypatch.setattr(folder, "BALLAST_BYTES", 4096)
    monkeypatch.setattr(app, "open_disk_log", partial(open_disk_log, threads=False))

    @asynccontextmanager
    async def make(transport: Transport, more: str = "") -> AsyncIterator[Engine]:
        async def open_transport(net: object) -> Transport:
            return transport

        config = load_config(
            text=f'[engine]\ndata_dir = "{tmp_path / "data"}"\nmax_journal_bytes = "1MiB"\n'
            f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "http://receiver/" }}\n{more}'
        )
        clock = Clock(utc=lambda: 1_700_000_000.0 + anyio.current_time())
        async with Engine(config, clock=clock, random=lambda: 0.5, open_transport=open_transport) as engine:
            yield engine

    return make


@pytest.mark.parametrize("latency_s", [0.001, 0.3, 25.0])
async def test_at_the_end_of_input_all_that_was_read_is_stored_and_delivered_however_often_there_was_no_room(
    engine: Any, latency_s: float
) -> None:
    transport = Transport(200, latency_s)
    async with engine(transport) as one:
        await one.serve(Burst(8000))
        await one.drain(30.0)
        s = one.statistics()
        hook = s.destinations["hook"]
        assert (s.accepted, s.rejected, hook.delivered, hook.pending) == (8000, {}, 8000, 0)
        assert one._log.statistics().used_bytes <= 2**20
    assert sorted(transport.taken) == sorted(f"m-{n}" for n in range(1, 8001))


async def test_what_finds_no_room_is_waited_for_as_long_as_a_destination_that_makes_none(engine: Any) -> None:
    async with engine(Transport(503, 0.001)) as one:
        await one.serve(Burst(8000))
        begin = anyio.current_time()
        await one.drain(30.0)
        assert 30 <= anyio.current_time() - begin <= 33
        await one.stop(1.0)
    s = one.statistics()
    assert (s.destinations["hook"].delivered, s.destinations["hook"].pending) == (0, s.accepted)
    assert s.rejected == {"not_stored": 8000 - s.accepted}
    assert 900 <= s.accepted <= 1100


async def test_a_signal_waits_a_moment_for_room_that_comes(engine: Any) -> None:
    async with engine(Transport(200, 0.05)) as one:
        await one.serve(Burst(8000))
        await one.shut_down(30.0)
    s = one.statistics()
    assert (s.accepted, s.rejected) == (8000, {})


async def test_a_signal_does_not_wait_for_room_that_does_not_come(engine: Any) -> None:
    async with engine(Transport(503, 0.001)) as one:
        await one.serve(Burst(8000))
        begin = anyio.current_time()
        await one.shut_down(30.0)
        assert anyio.current_time() - begin <= 1.5


async def test_destinations_that_keep_up_keep_room_at_the_limit(engine: Any) -> None:
    """Nobody waits to be stored: what may go went with the commits before."""
    waited = 0.0
    async with engine(Transport(200, 0.001), 'batch = { max_wait = "10ms" }\n') as one:
        for start in range(0, 20_000, 50):
            begin = anyio.current_time()
            await one.submit([EVENT % n for n in range(start + 1, start + 51)])
            waited = max(waited, anyio.current_time() - begin)
            await anyio.sleep(0.05)
    assert waited == 0.0
    assert one.statistics().destinations["hook"].delivered == 20_000
