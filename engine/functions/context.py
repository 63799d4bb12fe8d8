"""`ctx`: what a handler gets beside the event and its settings. One for each call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.exchange import Request, Response
from .cache import Cache
from .fetching import Fetcher, FetchResponse, request_of

LOG_BYTES = 4096
"""What is kept of the log of one call, as in Segment's tester."""
_SPARE = 0.05
"""The part of a call's time that `fetch` leaves: one that waits too long is then a `FetchError`, which is tried again, and not a
function that ran out of time."""


class Shared:
    """What all calls in one thread have in common."""

    __slots__ = ("cache", "fetcher", "limit_s")

    def __init__(self, fetcher: Fetcher, limit_s: float) -> None:
        self.fetcher = fetcher
        self.cache = Cache()
        self.limit_s = limit_s


class Context(msgspec.Struct, eq=False):
    """`await ctx.fetch(...)`, `await ctx.cache.load(...)`, `ctx.log(...)`.

    A Struct, because one is made for each call: 0.1 against 0.4 us.
    """

    _shared: Shared
    _began: float
    _log: list[str] | None = None
    _log_left: int = LOG_BYTES
    exchanges: list[tuple[Request, Response | None]] | None = None
    """What `fetch` sent and got, where somebody wants to see it."""
    returned: Any = None
    error: BaseException | None = None

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        json: Any = msgspec.UNSET,
        data: bytes | str | Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> FetchResponse:
        """One request; a response of any status. `json` is sent as JSON, a mapping as `data` as a form.

        `timeout` in seconds, never longer than what is left of this call's time. Raises `FetchError` where there is no complete
        response: not caught, it has the event tried again later.
        """
        request = request_of(url, method, headers, json, data)
        left_s = max(0.001, self._began + self._shared.limit_s * (1 - _SPARE) - time.monotonic())
        response: Response | None = None
        try:
            response = await self._shared.fetcher.send(request, left_s if timeout is None else min(timeout, left_s))
        finally:
            if self.exchanges is not None:
                self.exchanges.append((request, response))
        return FetchResponse(response)

    @property
    def cache(self) -> Cache:
        """What is kept between calls."""
        return self._shared.cache

    def log(self, *values: Any) -> None:
        """Notes something about this event, for whoever looks at its failure or tests the function: never in the process's log.

        4 KB of a call are kept.
        """
        if self._log_left <= 0:
            return
        text = " ".join(value if isinstance(value, str) else str(value) for value in values)[: self._log_left]
        self._log_left -= len(text) + 1
        if self._log is None:
            self._log = []
        self._log.append(text)

    @property
    def logged(self) -> str:
        """What was logged, a line each."""
        return "\n".join(self._log or ())

    def __repr__(self) -> str:
        return "<Context>"
