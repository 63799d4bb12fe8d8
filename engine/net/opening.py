"""The choice of a transport, and what is done before its first request: imports and certificates, in a worker thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import metadata

import anyio
import anyio.to_thread
import sniffio
from anyio.lowlevel import RunVar

from .settings import NetSettings
from .tls import tls_context
from .transport import Transport

_ONE_AT_A_TIME: RunVar[anyio.CapacityLimiter] = RunVar("one at a time")
"""Of an event loop. Two hundred destinations that open together would each read the system's certificates, of which all want the same."""


async def open_transport(settings: NetSettings) -> Transport:
    """A transport for the running event loop: aiohttp on asyncio, httpx2 on any other.

    Reading certificates and importing the client take tens of milliseconds, so both happen here, in a worker thread:
    `send` never blocks the loop. Raises ConfigError if a file or the proxy's address cannot be used.
    """
    load = _load_aiohttp if sniffio.current_async_library() == "asyncio" else _load_httpx
    try:
        limiter = _ONE_AT_A_TIME.get()
    except LookupError:
        _ONE_AT_A_TIME.set(limiter := anyio.CapacityLimiter(1))
    build = await anyio.to_thread.run_sync(load, settings, limiter=limiter)
    return build()


def _load_aiohttp(settings: NetSettings) -> Callable[[], Transport]:
    from .aiohttp_transport import AiohttpTransport

    return functools.partial(AiohttpTransport, settings, tls_context(settings.tls), user_agent())


def _load_httpx(settings: NetSettings) -> Callable[[], Transport]:
    from .httpx_transport import HttpxTransport

    return functools.partial(HttpxTransport, settings, tls_context(settings.tls), user_agent())


@functools.cache
def user_agent() -> str:
    """`Doorstep/<version>`; reads the installed distribution, so not on the event loop."""
    try:
        return f"Doorstep/{metadata.version('doorstep')}"
    except metadata.PackageNotFoundError:
        return "Doorstep"
