"""Three HTTP receivers, each with its own character. Just enough HTTP/1.1 to answer the engine."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"

FLAKY_SHARE = 0.2
FLAKY_S = (0.03, 0.12)

Answer = tuple[bytes, float]
"""A response, and after how many seconds it is given."""


class Receiver:
    """On a port of its own from the start; answers from `listen` on. Until then connections are refused, as by a server that is down."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self._answer = answer
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where events are to be sent."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    async def listen(self) -> None:
        """From now on it is up."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._answer), sock=self._socket)

    def close(self) -> None:
        """For good."""
        if self._server is not None:
            self._server.close()
        self._socket.close()


def prompt() -> Answer:
    """Always well, at once."""
    return _OK, 0.0


def moody() -> Answer:
    """Slow, and a fifth of the time not well."""
    return _ERROR if random.random() < FLAKY_SHARE else _OK, random.uniform(*FLAKY_S)


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Callable[[], Answer]) -> None:
        self._answer = answer
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """One request at a time: the engine sends the next when it has the answer."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._received, 0, head + 2)
        if len(self._received) >= head + 4 + (int(length[1]) if length else 0):
            self._received.clear()
            response, after_s = self._answer()
            asyncio.get_running_loop().call_later(after_s, self._write, response)

    def _write(self, response: bytes) -> None:
        """To who is still there: uvloop would tell of any other on stderr."""
        if not self._transport.is_closing():
            self._transport.write(response)
