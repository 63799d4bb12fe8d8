"""On trio: hypercorn's connections on sockets that listen already.

`hypercorn.trio.serve` around them would make the sockets itself, and let one odd connection end all; and since it sends under
a shield, a client that reads nothing would keep the engine from ending.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import anyio
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from .listening import HANDSHAKE_S, Serving, next_connection, sweep
from .requests import WATCH, Requests

if TYPE_CHECKING:
    from .watch import Watch, Watches

_log = logging.getLogger("doorstep.http")

AnyStream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"


async def serve(serving: Serving) -> None:
    """See `serve_on`."""
    connections = _Connections(serving)
    async with trio.open_nursery() as nursery:
        try:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(sweep, serving.watches)
                for listener in serving.listeners:
                    accepting.start_soon(_accept, connections, listener, serving.watches, nursery)
                await serving.stop.wait()
                accepting.cancel_scope.cancel()
            await connections.finish(serving.grace_s)
        finally:
            connections.cut()
            nursery.cancel_scope.cancel()


async def _accept(connections: _Connections, listener: socket.socket, watches: Watches, handlers: trio.Nursery) -> None:
    with suppress(anyio.ClosedResourceError):
        while True:
            connection = await next_connection(listener, watches)
            handlers.start_soon(connections.converse, trio.SocketStream(trio.socket.from_stdlib_socket(connection)))
            await trio.lowlevel.checkpoint()


class _Watched:
    """A stream that tells its watch what it receives. When nothing more comes, the connection ends, after the request under way.

    hypercorn would keep it for as long as it keeps idle ones.
    """

    def __init__(self, stream: AnyStream, watch: Watch, end: Callable[[], None]) -> None:
        self._stream = stream
        self._watch = watch
        self._end = end

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._is_over()
            raise
        if not data:
            self._is_over()
        elif self._watch.phase != "busy":
            self._watch.received(len(data))
        return data

    def _is_over(self) -> None:
        if self._watch.phase == "busy":
            self._watch.then = self._end
        else:
            self._end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Connections:
    """Those that are open."""

    def __init__(self, serving: Serving) -> None:
        self._watches = serving.watches
        self._tls: ssl.SSLContext | None = serving.tls
        self._app = ASGIWrapper(cast(ASGIFramework, Requests(serving.app)))
        self._config = Config()
        self._config.errorlog = None  # else it sets up a logger that writes to stderr
        self._config.include_server_header = False
        self._config.include_date_header = False
        self._config.h11_max_incomplete_size = serving.watches.limits.head_bytes
        self._config.keep_alive_timeout = 86400.0  # the watch knows better
        self._config.ssl_handshake_timeout = HANDSHAKE_S
        self._context = WorkerContext(None)
        self._streams: set[trio.SocketStream] = set()
        self._empty = trio.Event()

    async def converse(self, raw: trio.SocketStream) -> None:
        """One connection, to its end."""
        self._streams.add(raw)
        watch = self._watches.add(lambda: _shut_down(raw))
        stream: AnyStream = raw
        if self._tls is not None:
            stream = trio.SSLStream(raw, self._tls, server_side=True, https_compatible=True)
        ending = trio.CancelScope()
        watched = cast("trio.SSLStream[trio.SocketStream]", _Watched(stream, watch, ending.cancel))
        try:
            with ending:
                await TCPServer(self._app, self._config, self._context, ConnectionState({WATCH: watch}), watched)
        except Exception:  # of this connection alone
            _log.exception("an HTTP connection failed")
        finally:
            self._watches.remove(watch)
            self._streams.discard(raw)
            raw.socket.close()
            if not self._streams:
                self._empty.set()

    async def finish(self, grace_s: float) -> None:
        """Idle connections are closed, the others after their answer."""
        self._empty = trio.Event()
        await self._context.terminated.set()
        with trio.move_on_after(grace_s):
            if self._streams:
                await self._empty.wait()

    def cut(self) -> None:
        """Whoever sends to a client that does not read gets an error now."""
        for stream in self._streams:
            _shut_down(stream)


def _shut_down(stream: trio.SocketStream) -> None:
    with suppress(OSError):  # it has gone by itself
        stream.socket.shutdown(socket.SHUT_RDWR)
