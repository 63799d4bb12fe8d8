"""One HTTP exchange as plain data: destinations build requests and read responses, and never hold a client."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What to send. `url` is absolute; header names are sent as written; nothing is added but what HTTP itself needs."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    guarded: bool = False
    """Whether the host came from an event: then only the public internet and the networks of `[network] allow` are reached, and what
    is wrong with that host is the event's fault. Whoever puts anything of an event into the host has to say so."""


class Response(msgspec.Struct, frozen=True):
    """What came back, its body cut at the transport's limit."""

    status: int
    headers: Mapping[str, str] = {}
    """Names in lower case; of a repeated header the values joined by `, `."""
    body: bytes = b""
