"""`ctx.cache`: what a function wants to keep between calls, such as a token. In memory, bounded, gone at any time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Any

MAX_ENTRIES = 1000


class Cache:
    """One per function and thread. What was not asked for longest goes first."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._values: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._loading: dict[str, asyncio.Lock] = {}

    async def load(self, key: str, ttl: float | None, load: Callable[[], Any]) -> Any:
        """What is kept under `key`, or else what `load()` gives, awaited if it can be, kept for `ttl` seconds (None or -1: no end).

        Calls that want the same key at the same time wait for one `load`. What it raises is raised here, and nothing is kept.
        """
        if (found := self._found(key)) is not None:
            return found[1]
        lock = self._loading.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if (found := self._found(key)) is not None:
                    return found[1]
                made = load()
                value = await made if inspect.isawaitable(made) else made
                self._keep(key, ttl, value)
                return value
        finally:
            if not lock.locked():
                self._loading.pop(key, None)

    def delete(self, key: str) -> None:
        """Forgets `key`; nothing happens if it is not kept."""
        self._values.pop(key, None)

    def __repr__(self) -> str:
        return f"<Cache of {len(self._values)}>"

    def _found(self, key: str) -> tuple[float, Any] | None:
        found = self._values.get(key)
        if found is None or found[0] <= self._monotonic():
            return None
        self._values.move_to_end(key)
        return found

    def _keep(self, key: str, ttl: float | None, value: Any) -> None:
        until = inf if ttl is None or ttl < 0 else self._monotonic() + ttl
        self._values[key] = (until, value)
        self._values.move_to_end(key)
        if len(self._values) > MAX_ENTRIES:
            self._values.popitem(last=False)
