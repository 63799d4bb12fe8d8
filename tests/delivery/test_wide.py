"""A destination with as many open chunks as there may be."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.anyio


async def test_chunks_of_one_event_do_not_make_a_destination_wait_for_a_window_that_cannot_fill(
    world: Any, receiver: Any
) -> None:
    async with world() as w:
        w.plan("a", receiver(latency_s=0.01))
        w.reconcile()
        for _ in range(640):
            await w.feed(1)
        with anyio.fail_after(0.6):  # ten windows of 64 chunks, none of which waits for its 100 ms
            await w.fleet.drain(10.0)
        assert w.statistics("a").delivered == 640
