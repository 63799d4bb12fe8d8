"""The admin API on trio: hypercorn's connections on a socket that listens already.

`hypercorn.trio.serve` around them would make the socket itself, and let one odd connection end all; and since it sends under
a shield, a client that reads nothing would keep the engine from ending.
"""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import cast

import anyio
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from starlette.types import ASGIApp

from .messages import MAX_HEAD_BYTES

_log = logging.getLogger("doorstep.admin")


async def serve(app: ASGIApp, listener: socket.socket, stop: anyio.Event, grace_s: float) -> None:
    """See `Serve`."""
    connections = _Connections(app)
    async with trio.open_nursery() as nursery:
        try:
            await _accept(connections, listener, stop, nursery)
            await connections.finish(grace_s)
        finally:
            connections.cut()
            nursery.cancel_scope.cancel()


async def _accept(
    connections: _Connections, listener: socket.socket, stop: anyio.Event, handlers: trio.Nursery
) -> None:
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    async with trio.open_nursery() as accepting:
        accepting.start_soon(partial(trio.serve_listeners, connections.converse, listeners, handler_nursery=handlers))
        await stop.wait()
        accepting.cancel_scope.cancel()


class _Connections:
    """Those that are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = ASGIWrapper(cast(ASGIFramework, app))
        self._config = Config()
        self._config.errorlog = None  # else it sets up a logger that writes to stderr
        self._config.include_server_header = False
        self._config.h11_max_incomplete_size = MAX_HEAD_BYTES
        self._context = WorkerContext(None)
        self._streams: set[trio.SocketStream] = set()
        self._empty = trio.Event()

    async def converse(self, stream: trio.SocketStream) -> None:
        """One connection, to its end."""
        self._streams.add(stream)
        try:
            typed = cast("trio.SSLStream[trio.SocketStream]", stream)  # it takes both, and says only one
            await TCPServer(self._app, self._config, self._context, ConnectionState({}), typed)
        except Exception:  # of this connection alone
            _log.exception("a connection to the admin API failed")
        finally:
            self._streams.discard(stream)
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
            try:
                stream.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone by itself
