"""An ingress on a real socket, and clients of it."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from doorstep.engine.ingress import SocketIngress, TcpSettings, open_ingress

LIMIT = 32 * 1024


def opened(settings: Any) -> SocketIngress:
    ingress = open_ingress(settings, max_event_bytes=LIMIT)
    assert isinstance(ingress, SocketIngress)
    return ingress


def tcp(**options: Any) -> SocketIngress:
    return opened(TcpSettings(listen="127.0.0.1:0", **options))


@asynccontextmanager
async def serving(ingress: SocketIngress, taker: Any) -> AsyncIterator[SocketIngress]:
    """Runs it; stops it at the end, and sees that this ends it."""
    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            yield ingress
            ingress.stop()


async def connect(ingress: SocketIngress) -> anyio.abc.SocketStream:
    host, port = ingress.addresses[0].rsplit(":", 1)
    return await anyio.connect_tcp(host, int(port))


def reset(stream: anyio.abc.SocketStream) -> None:
    """Breaks the connection off: the peer gets a RST in place of the end."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def all_of(stream: Any) -> bytes:
    return b"".join([piece async for piece in stream])


async def until(condition: Any) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
