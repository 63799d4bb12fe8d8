"""The choice of a transport, and what is done before its first request: imports and certificates, in a worker thread."""

from __future__ import annotations

import functools
from collections.abc import Callable

import anyio.to_thread
import sniffio

from .settings import NetSettings
from .tls import tls_context
from .transport import Transport


async def open_transport(settings: NetSettings) -> Transport:
    """A transport for the running event loop: aiohttp on asyncio, httpx2 on any other.

    What takes time is done in a worker thread: `send` never blocks the loop. Raises ConfigError if a file or the proxy's address cannot
    be used.
    """
    build = await anyio.to_thread.run_sync(_load(), settings)
    return build()


async def preload() -> None:
    """Imports the client and reads the system's certificates, in a worker thread: before events come, which would wait for it (the
    interpreter's lock is held for 0.1 s and more), and once for all destinations that then open together."""
    await anyio.to_thread.run_sync(_load(), NetSettings())


def _load() -> Callable[[NetSettings], Callable[[], Transport]]:
    return _load_aiohttp if sniffio.current_async_library() == "asyncio" else _load_httpx


def _load_aiohttp(settings: NetSettings) -> Callable[[], Transport]:
    from .aiohttp_transport import AiohttpTransport

    return functools.partial(AiohttpTransport, settings, tls_context(settings.tls))


def _load_httpx(settings: NetSettings) -> Callable[[], Transport]:
    from .httpx_transport import HttpxTransport

    return functools.partial(HttpxTransport, settings, tls_context(settings.tls))
