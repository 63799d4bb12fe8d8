"""On asyncio: uvicorn's protocols on sockets that listen already.

`uvicorn.Server` around it is for a process of its own. Here it would take the host's signals, write lines into its logs, wake up
ten times a second, take 0.2 s to end and leave connections open; and `access_log=False` would silence a host that runs uvicorn.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import httptools
from anyio.abc import TaskGroup
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .listening import HANDSHAKE_S, Serving, next_connection, sweep
from .requests import BODY_IS_HERE, WATCH, Requests

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .watch import Watch, Watches

_log = logging.getLogger("doorstep.http")
_CUT_S = 0.2
"""For what was cut off to notice it."""
_FAST_HEAD_BYTES = 64 * 1024


async def serve(serving: Serving) -> None:
    """See `serve_on`."""
    serving.watches.now()  # the clock finds out its loop here: a transport's callback, in a host's own loop, could not
    requests = Requests(serving.app)
    config = _config(requests, serving.watches.limits.head_bytes)
    state = _State(serving.watches)
    try:
        async with anyio.create_task_group() as accepting:
            accepting.start_soon(sweep, serving.watches)
            for listener in serving.listeners:
                accepting.start_soon(_accept, listener, serving, config, state, accepting)
            await serving.stop.wait()
            accepting.cancel_scope.cancel()
        await _finish(state, serving.grace_s)
    finally:
        with anyio.move_on_after(_CUT_S, shield=True):
            await _cut(state, requests)


def _config(app: ASGIApp, head_bytes: int) -> Config:
    config = Config(
        app,
        http=_Fast if head_bytes <= _FAST_HEAD_BYTES else _LongHeads,
        h11_max_incomplete_event_size=head_bytes,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        proxy_headers=False,
        workers=1,
        timeout_keep_alive=86400,  # the watch knows better
    )
    config.load()
    return config


class _State(ServerState):
    """What uvicorn knows of all connections, and when there is none left."""

    def __init__(self, watches: Watches) -> None:
        super().__init__()
        self.watches = watches
        self._none_left = asyncio.Event()

    def look(self) -> None:
        if not self.connections:
            self._none_left.set()

    async def wait_none_left(self) -> None:
        self._none_left.clear()
        self.look()
        await self._none_left.wait()


class _Watching:
    """What is added to uvicorn's protocols: an eye on the connection, and silence about what strangers send."""

    _watch: Watch
    _all: _State
    app_state: dict[str, Any]

    def __init__(self, config: Config, server_state: _State, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)  # type: ignore[call-arg]
        self.access_log = False
        self.logger = _log
        self._all = server_state

    def connection_made(self, transport: Any) -> None:
        self._watch = self._all.watches.add(transport.abort)
        self.app_state[WATCH] = self._watch
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)  # type: ignore[misc]
        self._all.watches.remove(self._watch)
        self._all.look()


class _LongHeads(_Watching, H11Protocol):
    """With h11: llhttp's addresses end at 64 KiB."""

    def data_received(self, data: bytes) -> None:
        if self._watch.phase != "busy":
            self._watch.received(len(data))
        super().data_received(data)


class _Fast(_Watching, HttpToolsProtocol):
    """With llhttp, which bounds no head by itself."""

    _in_message = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if not self._in_message:
            self._watch.received(len(data))
        elif self.cycle.response_complete:
            self._watch.received_rest()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # to what is not spoken here: the request is answered as it is, as the standard has it
        except httptools.HttpParserError:
            self.send_400_response("This is not HTTP.")
            return
        if not self._in_message and self._watch.is_head_too_long and not self.transport.is_closing():
            self._send_431()

    # Called by the parser

    def on_headers_complete(self) -> None:
        self._in_message = True
        self._watch.head_bytes = 0  # what came in the same read is of the body
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        self.scope["state"][BODY_IS_HERE] = True
        super().on_message_complete()
        self._watch.rest_is_over()

    def _send_431(self) -> None:
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()


async def _accept(
    listener: socket.socket, serving: Serving, config: Config, state: _State, handshakes: TaskGroup
) -> None:
    """Until it is cancelled. The loop's own servers lose a connection that is accepted in the moment in which they are closed."""
    watches = serving.watches
    with suppress(anyio.ClosedResourceError):
        while True:
            await _give(await next_connection(listener, watches), serving, config, state, handshakes)


async def _give(
    connection: socket.socket, serving: Serving, config: Config, state: _State, handshakes: TaskGroup
) -> None:
    """Gives the connection to uvicorn. A handshake keeps nobody else waiting."""
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(config, state, {})  # type: ignore[call-arg]
        return made

    async def shake_hands() -> None:
        try:
            await loop.connect_accepted_socket(protocol, connection, ssl=serving.tls, ssl_handshake_timeout=HANDSHAKE_S)
        except OSError:  # ssl.SSLError and a timeout are such, too
            connection.close()

    if serving.tls is not None:
        handshakes.start_soon(shake_hands)
        return
    with anyio.CancelScope(shield=True):
        await loop.connect_accepted_socket(protocol, connection)


async def _finish(state: _State, grace_s: float) -> None:
    """Idle connections are closed, the others after their answer."""
    for connection in tuple(state.connections):
        connection.shutdown()
    with anyio.move_on_after(grace_s):
        await state.wait_none_left()


async def _cut(state: _State, requests: Requests) -> None:
    for connection in tuple(state.connections):
        connection.transport.abort()
    await state.wait_none_left()  # else uvicorn complains of requests that end without an answer
    requests.is_over = True
    for task in state.tasks:
        task.cancel()
    if state.tasks:
        await asyncio.wait(state.tasks)
