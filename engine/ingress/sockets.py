"""TCP and Unix sockets: any number of clients, a task each, NDJSON in and, if wanted, `{"ack": n}` lines out.

    accept -> (TLS) -> receive -> splitter -> intake.accept -> ack -> receive ...

- Back-pressure is not reading on: a client's next read comes after its last one was accepted. All clients together have at most
  16 MiB in hand, so with many of them each one's reads get smaller.
- `{"ack": n}`: the first n lines of this connection, blank ones included, are dealt with: accepted as durably as configured, or rejected.
  One ack for each read that completed a line.
- The last line needs no line end if the client closed its side properly. After a reset (or TLS without its closing alert), or a `stop`,
  the unfinished line is dropped: who can tell how much of it is missing? The lines before it count.
"""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import suppress
from math import inf

import anyio
from anyio.abc import ByteStream, TaskGroup
from anyio.streams.tls import TLSStream

from ..errors import Closed
from ..model.lines import Lines
from ..net.accepting import NO_DESCRIPTORS, NO_DESCRIPTORS_S, PASSED_OVER
from .intake import Intake
from .listen import Listeners
from .port import IngressStatistics, pass_on
from .splitter import LineSplitter
from .stream import SocketStream

_log = logging.getLogger("doorstep.ingress")

_READ_BYTES = 256 * 1024
_ALL_READS_BYTES = 16 * 1024 * 1024
_ACK_S = 10.0
"""How long a client may leave its acks unread once its buffers are full."""
_HANDSHAKE_S = 10.0
_HANDSHAKES_SAID_EVERY_S = 10.0
"""Of those that failed: whoever scans ports fills no log."""
_CLOSE_S = 1.0


class _Broken(Exception):
    """The client's side of a connection failed: nobody's concern but its own. Never an error of the intake."""


class SocketIngress:
    """Serves `listeners`, which it closes."""

    def __init__(
        self,
        name: str,
        listeners: Listeners,
        *,
        max_event_bytes: int,
        ack: bool = False,
        max_connections: int = 1000,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._listeners = listeners
        self._max_event_bytes = max_event_bytes
        self._ack = ack
        self._max_connections = max_connections
        self._tls = tls
        self._accepting: anyio.CancelScope | None = None
        self._receiving: set[SocketStream] = set()
        self._stopped = False
        self._size_bytes = self._lines = self._open = self._seen = self._failed = 0
        self._handshakes_failed = 0
        """Not said yet."""
        self._said_at = -inf

    def __repr__(self) -> str:
        return f"<SocketIngress {self.name!r} at {', '.join(self.addresses)}, {self._open} connections>"

    @property
    def addresses(self) -> list[str]:
        """Where it listens: `127.0.0.1:7070` with the port that was found for 0, or the path of a Unix socket."""
        return self._listeners.addresses

    async def run(self, intake: Intake) -> None:
        """See `Ingress`. Returns once every client has its last ack."""
        try:
            async with anyio.create_task_group() as clients:
                with anyio.CancelScope() as self._accepting:
                    await self._accept_all(clients, intake)
        finally:
            self.stop()

    def stop(self) -> None:
        """See `Ingress`. Whoever has not connected yet is refused; acks of what is in hand are still sent."""
        if self._stopped:
            return
        self._stopped = True
        if self._accepting is not None:
            for listener in self._listeners.sockets:
                anyio.notify_closing(listener)
            self._accepting.cancel()
        self._listeners.close()
        for stream in tuple(self._receiving):
            stream.wake()

    def statistics(self) -> IngressStatistics:
        """See `Ingress`."""
        return IngressStatistics(self.name, self._size_bytes, self._lines, self._open, self._seen, self._failed)

    async def _accept_all(self, clients: TaskGroup, intake: Intake) -> None:
        room = anyio.Semaphore(self._max_connections)
        if self._stopped:
            return
        async with anyio.create_task_group() as acceptors:
            for listener in self._listeners.sockets:
                acceptors.start_soon(self._accept_from, listener, room, clients, intake)

    async def _accept_from(
        self, listener: socket.socket, room: anyio.Semaphore, clients: TaskGroup, intake: Intake
    ) -> None:
        with suppress(anyio.ClosedResourceError):
            while True:
                await room.acquire()
                clients.start_soon(self._serve, await _next_connection(listener), room, intake)

    async def _serve(self, connection: socket.socket, room: anyio.Semaphore, intake: Intake) -> None:
        self._open += 1
        self._seen += 1
        raw = SocketStream(connection, self._allowance, _ACK_S)
        try:
            _tune(connection)
            await self._converse(raw, await self._wrap(raw), intake)
        except Closed:
            self.stop()
        except _Broken:
            self._failed += 1
        finally:
            raw.close()
            self._open -= 1
            room.release()

    async def _wrap(self, raw: SocketStream) -> ByteStream:
        if self._tls is None:
            return raw
        self._receiving.add(raw)
        try:
            with _PEER, anyio.fail_after(_HANDSHAKE_S):
                return await TLSStream.wrap(raw, server_side=True, ssl_context=self._tls)
        except anyio.ClosedResourceError as stopped:
            raise _Broken from stopped
        except _Broken as broken:
            self._say_no_handshake(broken.__cause__)
            raise
        finally:
            self._receiving.discard(raw)

    def _say_no_handshake(self, error: BaseException | None) -> None:
        """Why, and how many since it was last said; not whose, which is personal."""
        self._handshakes_failed += 1
        if (now := anyio.current_time()) - self._said_at >= _HANDSHAKES_SAID_EVERY_S:
            facts = {"ingress": self.name, "error": _why(error), "count": self._handshakes_failed}
            _log.warning("a TLS handshake failed", extra={"facts": facts})
            self._handshakes_failed, self._said_at = 0, now

    async def _converse(self, raw: SocketStream, stream: ByteStream, intake: Intake) -> None:
        splitter = LineSplitter(self._max_event_bytes)
        while data := await self._receive(raw, stream):
            self._size_bytes += len(data)
            read = splitter.feed(data)
            del data  # the lines are copies, and accepting them can take its time
            await self._deal_with(read, stream, intake)
        if self._stopped:
            await self._part(raw)
        else:
            await self._deal_with(splitter.finish(), stream, intake)
            with suppress(_Broken), _PEER, anyio.move_on_after(_CLOSE_S):
                await stream.aclose()

    async def _receive(self, raw: SocketStream, stream: ByteStream) -> bytes:
        """The next read; empty when the client has finished, or we have been stopped."""
        if self._stopped:
            return b""
        self._receiving.add(raw)
        try:
            with _PEER:
                return await stream.receive(_READ_BYTES)
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            return b""
        finally:
            self._receiving.discard(raw)

    def _allowance(self) -> int:
        return max(1, _ALL_READS_BYTES // self._open)

    async def _deal_with(self, read: Lines | None, stream: ByteStream, intake: Intake) -> None:
        if read is None:
            return
        self._lines += len(read.lines) + len(read.too_large)
        ticket = await pass_on(read, intake, self.name)
        if self._ack:
            await ticket.stored()
            with _PEER:
                await stream.send(b'{"ack": %d}\n' % read.last)

    async def _part(self, raw: SocketStream) -> None:
        """Leaves a client that may still be sending. Closing on unread data resets the connection, which can overtake the last ack,
        so it is read and thrown away for a moment: the client knows that it was not acknowledged.
        """
        if not self._ack:
            return
        with suppress(_Broken), _PEER, anyio.move_on_after(_CLOSE_S):
            await raw.send_eof()
            await raw.drain()


def _why(error: BaseException | None) -> str:
    if isinstance(error, TimeoutError):
        return f"not done within {_HANDSHAKE_S:.0f} s"
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else "the connection broke off"


class _Peer:
    """What fails in the block is the client's. One object, and no generator: a small read goes through it twice."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and isinstance(error, OSError | anyio.BrokenResourceError):
            raise _Broken from error


_PEER = _Peer()


async def _next_connection(listener: socket.socket) -> socket.socket:
    """Waits for it. A client that has gone before we looked is passed over; without descriptors left, clients wait.

    Raises ClosedResourceError once the listener is closed.
    """
    while listener.fileno() >= 0:
        await anyio.wait_readable(listener)
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTORS:
                await anyio.sleep(NO_DESCRIPTORS_S)
            elif error.errno not in PASSED_OVER and listener.fileno() >= 0:
                raise
        else:
            connection.setblocking(False)
            return connection
    raise anyio.ClosedResourceError


def _tune(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
