"""HTTP out: one `Request` in, one `Response` out, or a `TransportError` that says in one word what went wrong.

    Request -> wire (URL, header fields) -> guard (may this host be reached?) -> one pooled connection -> wire (body cut) -> Response

A transport belongs to one destination, so that its connections are its own. It never retries, follows a redirect,
keeps a cookie or reads the environment: what happens next is decided above, in `delivery`. Foreign exceptions end
here, each implementation translating its own in one table. May be imported by `delivery` and what is above it;
imports nothing of the engine but `model`, `settings`, `secret` and `errors`.
"""

from __future__ import annotations

from .opening import open_transport, preload
from .settings import NetSettings, NetworkSettings, TlsSettings
from .transport import Transport, TransportStatistics

__all__ = [
    "NetSettings",
    "NetworkSettings",
    "TlsSettings",
    "Transport",
    "TransportStatistics",
    "open_transport",
    "preload",
]
