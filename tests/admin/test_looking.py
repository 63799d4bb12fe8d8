"""Resources that only look: numbers, deliveries as they happen, and whether the engine lives."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import httpcore2
import pytest
from doorstep.engine.admin import serve_admin
from doorstep.engine.admin.client import connect
from doorstep.engine.delivery.overview import Readiness
from doorstep.engine.telemetry import Delivery, Missed
from doorstep.engine.telemetry.deliveries import FOLLOWER_ENTRIES, Entry
from doorstep.engine.telemetry.masking import Mask
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


def an_attempt(number: int, destination: str = "hook", **changes: object) -> Delivery:
    return Delivery(
        id=number,
        destination=destination,
        at=1767225600.5,
        took_ms=12.5,
        first=number,
        message_id=f"m-{number}",
        events=1,
        delivered=1,
        tries=1,
        result="delivered",
        **changes,  # type: ignore[arg-type]
    )


def an_entry(attempt: Delivery) -> Entry:
    """What `attempt` is made of when somebody looks."""
    kept = {name: getattr(attempt, name) for name in Entry.__struct_fields__ if name in Delivery.__struct_fields__}
    return Entry(**kept, took_s=attempt.took_ms / 1000, exchange=None, mask=Mask())


def add(looks, *attempts: Delivery) -> None:
    for attempt in attempts:
        looks.deliveries.add(an_entry(attempt))


async def get(folder, target: str, *headers: tuple[str, str]) -> httpcore2.Response:
    async with httpcore2.AsyncConnectionPool(uds=str(folder / "admin.sock"), max_keepalive_connections=0) as pool:
        url = httpcore2.URL(scheme="http", host="localhost", port=None, target=target)
        return await pool.request("GET", url, headers=[("Host", "localhost"), *headers])


async def test_recent_deliveries_are_told_the_newest_first(folder, desk, looks) -> None:
    add(looks, an_attempt(1), an_attempt(2, "lake"), an_attempt(3))
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        assert [one.id for one in await remote.deliveries()] == [3, 2, 1]
        assert await remote.deliveries("hook", limit=1) == [an_attempt(3)]
        assert await remote.deliveries("hook", failed=True) == []
        with pytest.raises(LookupError, match="no destination shop"):
            await remote.deliveries("shop")


async def test_deliveries_are_followed_as_they_happen_and_to_the_end(folder, desk, looks) -> None:
    add(looks, an_attempt(1), an_attempt(2))
    seen: list[int] = []

    async def follow(remote) -> None:
        async with aclosing(remote.follow("hook", last=1)) as heard:
            async for one in heard:
                seen.append(one.id)
                if one.id == 2:
                    add(looks, an_attempt(3, "lake"), an_attempt(4))
                elif one.id == 4:
                    looks.deliveries.close()

    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        with anyio.fail_after(10):
            await follow(remote)
    assert seen == [2, 4]


async def test_who_leaves_is_followed_no_more(folder, desk, looks) -> None:
    add(looks, an_attempt(1))
    async with serve_admin(desk, looks, folder), connect(folder) as remote:
        async with aclosing(remote.follow(last=1)) as heard:
            await anext(heard)
            assert "1 followers" in repr(looks.deliveries)
        with anyio.fail_after(10):
            while "0 followers" not in repr(looks.deliveries):
                await anyio.sleep(0.01)


async def test_who_is_too_slow_is_told_how_much_was_missed(looks) -> None:
    async with aclosing(looks.deliveries.follow()) as heard:
        add(looks, an_attempt(0))
        async with anyio.create_task_group() as beside:

            async def later() -> None:
                add(looks, *(an_attempt(number) for number in range(1, FOLLOWER_ENTRIES + 4)))

            beside.start_soon(later)
            first = await anext(heard)
        rest = [await anext(heard) for _ in range(2)]
    assert isinstance(first, Missed)
    assert (first.missed, rest[0]) == (3, an_attempt(4))


async def test_prometheus_reads_the_metrics(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder):
        response = await get(folder, "/metrics")
    assert response.status == 200
    assert dict(response.headers)[b"content-type"].startswith(b"text/plain")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }
    hook = (("action", ""), ("destination", "hook"))
    assert samples["doorstep_received_events_total", ()] == 12
    assert samples["doorstep_delivered_events_total", hook] == 9
    assert samples["doorstep_filtered_events_total", (*hook, ("reason", "trigger"))] == 2
    assert samples["doorstep_lag_seconds", hook[1:]] == 61.5


async def test_readiness_is_the_journals(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder):
        assert (await get(folder, "/readyz")).status == 200
        looks.readiness = Readiness(False, "the disk is full")
        response = await get(folder, "/readyz")
    assert (response.status, response.content) == (503, b'{"ready":false,"reason":"the disk is full"}')
