"""The contract of a transport, and what both implementations share."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import anyio
import msgspec

from ..errors import Fault, TransportError
from ..model.exchange import Request, Response
from .guard import Guard, LookUp
from .settings import NetSettings
from .wire import Target, parse_proxy, parse_target

CONNECT_TIMEOUT_S = 5.0
KEEP_ALIVE_S = 15.0
"""Under the 20 to 75 s after which common servers close an idle connection: rather ours to close than theirs in a race."""
_PARSED_URLS = 1024
"""URLs computed per event stay bounded; a destination with one URL parses it once."""


class TransportStatistics(msgspec.Struct, frozen=True):
    """`requests = in_flight + responses + failures + cancelled`, always."""

    open_connections: int
    in_flight: int
    requests: int
    responses: int
    """Of any status: a 500 is a response."""
    failures: int
    """Ended in a TransportError."""
    cancelled: int


class Transport(Protocol):
    """Sends requests. Use as an async context manager, or call `aclose`."""

    async def send(self, request: Request, timeout_s: float) -> Response:
        """One request, once; the response, its body decoded and cut at `max_response_bytes`.

        `timeout_s` covers everything, reading the body included. Raises TransportError if there is no complete
        response, anyio.ClosedResourceError after `aclose`; a cancellation passes through.
        """
        ...

    async def aclose(self) -> None:
        """Closes all connections; requests in flight fail with `reset`. Calling it again does nothing."""
        ...

    def statistics(self) -> TransportStatistics: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class PooledTransport(ABC):
    """What both implementations share: counting, refusing after the end, URLs parsed once."""

    def __init__(self, settings: NetSettings, look_up: LookUp) -> None:
        self._limit = int(settings.max_response_bytes)
        self._proxy = parse_proxy(settings.proxy.reveal()) if settings.proxy else None
        self._guard = Guard(settings.network, proxied=self._proxy is not None, look_up=look_up)
        self._target: Callable[[str, bool], Target] = functools.lru_cache(_PARSED_URLS)(self._make_target)
        self._closed = False
        self._in_flight = self._requests = self._responses = self._failures = 0

    async def send(self, request: Request, timeout_s: float) -> Response:
        if self._closed:
            raise anyio.ClosedResourceError
        self._requests += 1
        self._in_flight += 1
        try:
            response = await self._exchange(request, timeout_s)
            if response.status == 407 and self._proxy is not None:
                raise TransportError("proxy", "the proxy wants other credentials (407)")
        except TransportError as error:
            self._failures += 1
            if request.guarded and error.fault is Fault.CONFIGURATION:
                error.fault = Fault.EVENT
            raise
        finally:
            self._in_flight -= 1
        self._responses += 1
        return response

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._close()

    def statistics(self) -> TransportStatistics:
        return TransportStatistics(
            open_connections=self._open_connections(),
            in_flight=self._in_flight,
            requests=self._requests,
            responses=self._responses,
            failures=self._failures,
            cancelled=self._requests - self._in_flight - self._responses - self._failures,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self._open_connections()} open, {self._in_flight} in flight"
        return f"<{type(self).__name__} {state}, {self._requests} requests>"

    def _make_target(self, url: str, guarded: bool) -> Target:
        target = parse_target(url)
        self._guard.check_host(target.host, guarded=guarded)
        if self._proxy is not None:
            self._guard.check_host(str(self._proxy.raw_host), guarded=False)
        return target

    @abstractmethod
    async def _exchange(self, request: Request, timeout_s: float) -> Response:
        """`send` without the counting."""

    @abstractmethod
    def _open_connections(self) -> int: ...

    @abstractmethod
    async def _close(self) -> None: ...


def connect_timeout_s(timeout_s: float) -> float:
    """How long getting a connection may take (name, TCP, TLS, tunnel, a free slot): 5 s, and never quite the whole time.

    Short of the whole, so that an address that does not answer is called `connect_timeout` and not `timeout`.
    """
    return min(CONNECT_TIMEOUT_S, 0.9 * timeout_s)
