"""What a function keeps between calls."""

from __future__ import annotations

import asyncio

from doorstep.engine.functions.cache import Cache


def test_what_is_loaded_is_kept_for_its_time_whether_the_loader_is_async_or_not() -> None:
    now = 100.0
    loads: list[str] = []

    async def later() -> int:
        loads.append("later")
        return 1

    def at_once() -> int:
        loads.append("at once")
        return 2

    async def story() -> list[int]:
        nonlocal now
        cache = Cache(lambda: now)
        told = [await cache.load("a", 60, later), await cache.load("b", 60, at_once), await cache.load("a", 60, later)]
        now = 161.0
        return [*told, await cache.load("b", None, at_once)]

    assert asyncio.run(story()) == [1, 2, 1, 2]
    assert loads == ["later", "at once", "at once"]


def test_what_was_deleted_is_loaded_again() -> None:
    async def story() -> list[int]:
        cache = Cache()
        first = await cache.load("a", 60, lambda: 1)
        cache.delete("a")
        cache.delete("never kept")
        return [first, await cache.load("a", 60, lambda: 2)]

    assert asyncio.run(story()) == [1, 2]
