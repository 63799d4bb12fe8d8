"""A destination with as many open chunks as there may be."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from doorstep.engine.delivery import cursor
from doorstep.engine.journal.memory import EVENT_OVERHEAD_BYTES
from doorstep.engine.policy.breaker import BreakerSettings
from doorstep.engine.settings import Duration

pytestmark = pytest.mark.anyio


async def test_chunks_of_one_event_do_not_make_a_destination_wait_for_a_window_that_cannot_fill(
    world: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "MAX_OPEN", 64)
    async with world() as w:
        w.plan("a", receiver(latency_s=0.01))
        w.reconcile()
        for _ in range(640):
            await w.feed(1)
        with anyio.fail_after(0.6):  # ten windows of 64 chunks, none of which waits for its 100 ms
            await w.fleet.drain(10.0)
        assert w.statistics("a").delivered == 640


@pytest.mark.parametrize("answer", [500, "reset"])
async def test_an_outage_is_noticed_and_its_end_too_where_chunks_are_an_event_each(
    world: Any, receiver: Any, answer: Any
) -> None:
    """A batch that fails again proves nothing; so there must be others to try."""
    async with world() as w:
        start = anyio.current_time() + 1
        hook = receiver(lambda ids, now: answer if start <= now < start + 30 else 200)
        w.plan("a", hook, breaker=BreakerSettings(open=Duration("1s"), max_open=Duration("1s")))
        w.reconcile()
        for _ in range(6000):
            await w.feed(1)
            await anyio.sleep(0.005)
        await anyio.sleep(3)
        recovered = [at for at, _, given in hook.requests if given == 200 and at > start + 1]
        assert recovered[0] <= start + 30 + 1
        assert w.statistics("a").delivered == 6000


async def test_how_much_is_open_is_bounded_in_bytes(world: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "MAX_OPEN_BYTES", 50_000)
    async with world() as w:
        w.plan("a", receiver(latency_s=1.0))
        w.reconcile()
        for _ in range(200):
            await w.feed(10)
        await anyio.sleep(0.5)
        held = w.fleet.state_of("a").cursor
        assert held.is_wide
        assert held.statistics().unsettled <= 50_000 // EVENT_OVERHEAD_BYTES + 10, "no more than one chunk beyond it"
        await w.fleet.drain(300.0)
        assert w.statistics("a").delivered == 2000
        assert not held.is_wide
