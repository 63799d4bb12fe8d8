"""The choice of a transport, and what is done before its first request: imports and certificates, in a worker thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import metadata
from typing import Literal

import anyio
import anyio.to_thread
import sniffio
from anyio.lowlevel import RunVar

from .settings import NetSettings, TlsSettings
from .tls import default_context, tls_context
from .transport import Transport

_FIRST: RunVar[anyio.Event] = RunVar("the first is open")
"""Of an event loop. Of two hundred destinations that open together one reads the system's certificates, of which all want the same; the
others go on together as soon as it has: who begins together decodes events together (`delivery.decoded`)."""


async def open_transport(settings: NetSettings) -> Transport:
    """A transport for the running event loop: aiohttp on asyncio, httpx2 on any other.

    Reading certificates and importing the client take tens of milliseconds, so both happen here, in a worker thread:
    `send` never blocks the loop. Raises ConfigError if a file or the proxy's address cannot be used.
    """
    load = _load_aiohttp if sniffio.current_async_library() == "asyncio" else _load_httpx
    try:
        first = _FIRST.get()
    except LookupError:
        _FIRST.set(first := anyio.Event())
    else:
        await first.wait()
        if settings.tls == TlsSettings() and default_context.cache_info().currsize:
            return load(settings)()  # nothing is left to be read
    try:
        build = await anyio.to_thread.run_sync(load, settings)
    finally:
        first.set()
    return build()


def preload(backend: Literal["asyncio", "trio"]) -> None:
    """What `open_transport` has to import and to read, now: for whoever is about to start the loop.

    In a worker thread it is done beside the loop, but for the interpreter's lock: the first events would wait for 0.1 s and more.
    """
    load = _load_aiohttp if backend == "asyncio" else _load_httpx
    load(NetSettings())


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
