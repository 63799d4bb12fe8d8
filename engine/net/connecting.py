"""The way from a host to a connection for httpcore2: addresses looked up and checked once, then tried a moment apart.

httpcore2's own backends hand the host to the event loop, which would look it up again. Trying is as in RFC 8305 ("happy eyeballs"):
the next address gets its chance when the one before has failed or is silent for a while, and the first connection made is kept.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import httpcore2
import sniffio

from .guard import Guard

_STAGGER_S = 0.25
"""RFC 8305's recommendation, and what trio and aiohttp do."""


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects only to what `guard` has checked. TLS is begun by who asked for the connection, and verified by the host's name."""

    def __init__(self, guard: Guard, *, guarded: bool) -> None:
        self._guard = guard
        self._guarded = guarded
        on_trio = sniffio.current_async_library() == "trio"
        self._inner = httpcore2.TrioBackend() if on_trio else httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        with anyio.move_on_after(timeout):
            addresses = await self._guard.addresses(host, port, guarded=self._guarded)
            return _Stream(await _Race(self._inner, port).run(addresses))
        raise httpcore2.ConnectTimeout

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    """One that is closed when its handshake is cancelled: httpcore2's own streams are so for errors only."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await _close(self._inner)
            raise


class _Race:
    """One connection to any of several addresses of a host."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, port: int) -> None:
        self._backend = backend
        self._port = port
        self._winner: httpcore2.AsyncNetworkStream | None = None
        self._failures: list[Exception] = []

    async def run(self, addresses: Sequence[str]) -> httpcore2.AsyncNetworkStream:
        """Raises what the first address to fail did, once all have."""
        try:
            async with anyio.create_task_group() as group:
                for address in addresses:
                    failed = anyio.Event()
                    group.start_soon(self._attempt, address, group.cancel_scope, failed)
                    with anyio.move_on_after(_STAGGER_S):
                        await failed.wait()
        except BaseException:
            if self._winner is not None:
                await _close(self._winner)
            raise
        if self._winner is None:
            raise self._failures[0]
        return self._winner

    async def _attempt(self, address: str, others: anyio.CancelScope, failed: anyio.Event) -> None:
        try:
            stream = await self._backend.connect_tcp(address, self._port)
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            self._failures.append(error)
            failed.set()
            return
        if self._winner is None:
            self._winner = stream
            others.cancel()
        else:
            await _close(stream)


async def _close(stream: httpcore2.AsyncNetworkStream) -> None:
    with anyio.CancelScope(shield=True):
        await stream.aclose()
