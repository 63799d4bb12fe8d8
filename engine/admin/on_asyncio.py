"""The admin API on asyncio: uvicorn's protocol on a socket that listens already.

`uvicorn.Server` around it is for a process of its own. Here it would take the host's signals, write lines into its logs, wake up
ten times a second, take 0.2 s to end and leave connections open; and `access_log=False` would silence a host that runs uvicorn.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .messages import MAX_HEAD_BYTES

_NO_DESCRIPTORS_S = 0.1
_CUT_S = 0.2
"""For what was cut off to notice it."""


async def serve(app: ASGIApp, listener: socket.socket, stop: anyio.Event, grace_s: float) -> None:
    """See `Serve`."""
    requests = _Requests(app)
    config = _config(requests)
    state = _State()
    try:
        async with anyio.create_task_group() as accepting:
            accepting.start_soon(_accept, listener, lambda: _Protocol(config, state, {}))
            await stop.wait()
            accepting.cancel_scope.cancel()
        await _finish(state, grace_s)
    finally:
        with anyio.move_on_after(_CUT_S, shield=True):
            await _cut(state, requests)


def _config(app: ASGIApp) -> Config:
    config = Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        proxy_headers=False,
        workers=1,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    config.load()
    return config


class _State(ServerState):
    """What uvicorn knows of all connections, and when there is none left."""

    def __init__(self) -> None:
        super().__init__()
        self._none_left = asyncio.Event()

    def look(self) -> None:
        if not self.connections:
            self._none_left.set()

    async def wait_none_left(self) -> None:
        self._none_left.clear()
        self.look()
        await self._none_left.wait()


class _Protocol(H11Protocol):
    def __init__(self, config: Config, server_state: _State, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.access_log = False
        self._all = server_state

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._all.look()


class _Requests:
    """The app, whose requests can be given up. Cancelled as tasks, uvicorn would log each as a crash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: set[anyio.CancelScope] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as one:
            self._under_way.add(one)
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way.discard(one)

    def give_up(self) -> None:
        for one in tuple(self._under_way):
            one.cancel()


async def _accept(listener: socket.socket, protocol: Callable[[], _Protocol]) -> None:
    """Until it is cancelled. The loop's own servers lose a connection that is accepted in the moment in which they are closed."""
    while True:
        await anyio.wait_readable(listener)
        try:
            connection, _ = listener.accept()
        except OSError:  # the client has gone again, or there are no descriptors left: then clients wait
            await anyio.sleep(_NO_DESCRIPTORS_S)
            continue
        connection.setblocking(False)
        with anyio.CancelScope(shield=True):
            await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)


async def _finish(state: _State, grace_s: float) -> None:
    """Idle connections are closed, the others after their answer."""
    for connection in tuple(state.connections):
        connection.shutdown()
    with anyio.move_on_after(grace_s):
        await state.wait_none_left()


async def _cut(state: _State, requests: _Requests) -> None:
    for connection in tuple(state.connections):
        connection.transport.abort()
    await state.wait_none_left()  # else uvicorn complains of requests that end without an answer
    requests.give_up()
    if state.tasks:
        await asyncio.wait(state.tasks)
