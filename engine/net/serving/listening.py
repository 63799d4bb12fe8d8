"""What is to be served, and where."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio
import msgspec

from ..accepting import NO_DESCRIPTORS, NO_DESCRIPTORS_S, PASSED_OVER
from .watch import Watches

if TYPE_CHECKING:
    from starlette.types import ASGIApp

ROOM_S = 0.01
"""Until the next look whether a connection has ended, while there are as many as may be."""
HANDSHAKE_S = 10.0
SWEEP_S = 1.0
"""How often it is looked for connections that have waited too long: so much later than their deadline they may end."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """An app on sockets that listen already. Whoever made the sockets closes them."""

    app: ASGIApp
    listeners: Sequence[socket.socket]
    stop: anyio.Event
    """Once set, nobody can connect any more, and requests under way are finished."""
    grace_s: float
    """How long they may take for that."""
    watches: Watches
    tls: ssl.SSLContext | None = None


async def next_connection(listener: socket.socket, watches: Watches) -> socket.socket:
    """Waits for it, and makes room for it if need be. A client that has gone before we looked is passed over.

    Raises ClosedResourceError once the listener is closed.
    """
    while listener.fileno() >= 0:
        await anyio.wait_readable(listener)
        await _wait_for_room(watches)
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if listener.fileno() < 0:
                break
            if error.errno in PASSED_OVER:
                continue
            if error.errno not in NO_DESCRIPTORS:
                raise
            watches.make_room()
            await anyio.sleep(NO_DESCRIPTORS_S)
        else:
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise anyio.ClosedResourceError


async def _wait_for_room(watches: Watches) -> None:
    """Whoever has been idle longest goes. If all are busy, clients wait."""
    while True:
        if not watches.is_full:
            return
        watches.make_room()
        await anyio.sleep(ROOM_S)


async def sweep(watches: Watches) -> None:
    """Ends connections whose time is up. Until it is cancelled."""
    while True:
        await anyio.sleep(SWEEP_S)
        for watch in watches.overdue():
            watch.end()
