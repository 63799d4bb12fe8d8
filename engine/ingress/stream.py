"""A connected socket as an `anyio` byte stream that reads nothing before it is asked to.

anyio's own stream lets asyncio read up to 256 KiB ahead for each connection: with 1000 clients and a stalled destination that is
256 MiB. Here the kernel's buffers are all there is, so the client feels it; it costs the same.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream


class SocketStream(ByteStream):
    """Owns `connection`, which must be non-blocking. `allowance` says how many bytes one read may take.

    It is asked when there is something to read, which may be long after the read began. A peer that leaves what is sent to it unread
    for `patience_s` is given up.
    """

    def __init__(self, connection: socket.socket, allowance: Callable[[], int], patience_s: float) -> None:
        self._connection = connection
        self._allowance = allowance
        self._patience_s = patience_s
        self._woken = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Raises EndOfStream when the peer has finished, OSError when it broke off, ClosedResourceError after `wake`."""
        await anyio.lowlevel.checkpoint()
        while not self._woken:
            try:
                data = self._connection.recv(min(max_bytes, self._allowance()))
            except BlockingIOError:
                await anyio.wait_readable(self._connection)
                continue
            if not data:
                raise anyio.EndOfStream
            return data
        raise anyio.ClosedResourceError

    async def drain(self) -> None:
        """Reads and forgets whatever comes until the peer has finished. Raises OSError when it broke off."""
        while True:
            await anyio.wait_readable(self._connection)
            with suppress(BlockingIOError):
                if not self._connection.recv(65536):
                    return

    async def send(self, item: bytes) -> None:
        """Raises OSError when the peer broke off, or is given up. What the kernel takes at once costs no deadline."""
        rest = self._send_now(memoryview(item))
        if rest:
            with anyio.fail_after(self._patience_s):
                while rest:
                    await anyio.wait_writable(self._connection)
                    rest = self._send_now(rest)

    def _send_now(self, data: memoryview) -> memoryview:
        """What is left of it."""
        try:
            return data[self._connection.send(data) :]
        except BlockingIOError:
            return data

    async def send_eof(self) -> None:
        """Nothing more will be sent; reading goes on."""
        self._connection.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Never waits."""
        self.close()

    def close(self) -> None:
        """Ends the connection, now."""
        if self._connection.fileno() >= 0:
            anyio.notify_closing(self._connection)
            self._connection.close()

    def wake(self) -> None:
        """Ends a `receive` that waits, and refuses the next ones. Sending goes on, and so does the connection."""
        self._woken = True
        anyio.notify_closing(self._connection)
