"""A request's body: read within a limit and a deadline, inflated within the same limit.

What all bodies together may take is bounded, too, by what has come of them, not by what they announce: a client that announces much
and sends nothing takes nothing from others.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import anyio

from .answers import Refused

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

ALL_BODIES_BYTES = 64 * 2**20
_GZIP = b"\x1f\x8b"
_AUTO = 47
"""zlib's word for "gzip or zlib, whichever it is"."""
_GZIP_ONLY = 31
_STEP_BYTES = 4096
"""Inflated at once after the first member, which most bodies are. What follows a member is copied at its end: were that all of
the body each time, thousands of them would be quadratic."""


class Gone(Exception):
    """The client has left in the middle of its request: there is nobody to answer."""


class Bodies:
    """Reads bodies of at most `max_bytes`, at most `ALL_BODIES_BYTES` at a time."""

    def __init__(self, max_bytes: int, timeout_s: float) -> None:
        self.max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._held_bytes = 0

    def room(self) -> _Room:
        """For one body, and what is made of it, while the block runs."""
        return _Room(self)

    def _hold(self, size_bytes: int) -> None:
        if self._held_bytes + size_bytes > ALL_BODIES_BYTES and self._held_bytes:
            raise Refused("busy")
        self._held_bytes += size_bytes


class _Room:
    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bodies._held_bytes -= self._held_bytes

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive, *, is_here: bool = False) -> bytes:
        """The body, inflated. One that `is_here` needs no deadline, which costs 9 us. Raises Refused, and Gone."""
        max_bytes = self._bodies.max_bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > max_bytes:
            raise self._too_large()
        body = await (self._all(receive) if is_here else self._all_in_time(receive))
        encoding = headers.get(b"content-encoding", b"").strip().lower()
        if encoding in (b"", b"identity") and body[:2] != _GZIP:
            return body
        if encoding not in (b"", b"identity", b"gzip", b"x-gzip", b"deflate"):
            raise Refused("unknown_encoding")
        return self._inflated(body)

    async def _all_in_time(self, receive: Receive) -> bytes:
        with anyio.move_on_after(self._bodies._timeout_s):
            return await self._all(receive)
        raise Refused("body_timeout")

    async def _all(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            parts.append(message.get("body", b""))
            self._take(len(parts[-1]))
            if not message.get("more_body"):
                return b"".join(parts)

    def _take(self, size_bytes: int) -> None:
        if self._held_bytes + size_bytes > self._bodies.max_bytes:
            raise self._too_large()
        self._bodies._hold(size_bytes)
        self._held_bytes += size_bytes

    def _inflated(self, body: bytes) -> bytes:
        """Gzip may have several members. A bomb goes off no further than the limit. Raises Refused."""
        inflater = zlib.decompressobj(_AUTO)
        parts: list[bytes] = []
        room = self._bodies.max_bytes + 1
        at, step = 0, body
        try:
            while step:
                if inflater.eof:
                    inflater = zlib.decompressobj(_GZIP_ONLY)
                parts.append(inflater.decompress(step, room))
                room -= len(parts[-1])
                if not room:
                    raise self._too_large()
                at += len(step) - len(inflater.unused_data)
                step = body[at : at + _STEP_BYTES]
        except zlib.error:
            raise Refused("bad_encoding") from None
        if not inflater.eof:
            raise Refused("bad_encoding", "the compressed body is cut short")
        inflated = b"".join(parts)
        self._bodies._hold(len(inflated))
        self._held_bytes += len(inflated)
        return inflated

    def _too_large(self) -> Refused:
        return Refused("body_too_large", f"a body has at most {self._bodies.max_bytes} bytes")
