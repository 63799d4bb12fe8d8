"""How events come in: bytes from a pipe, a file, a terminal, a socket, as lines to the pipeline; and requests over HTTP.

    bytes -> LineSplitter -> Lines -> Intake.accept (the pipeline) -> {"ack": n}, where wanted -> the next read
    request -> http/ -> Lines -> Intake.submit -> 200

Each type of ingress is a small file (HTTP: a folder) and one row in the table below. What lines mean is not known here: no line is
looked into, none is changed, but for Segment's own requests, which `http/normalise.py` makes complete. Nothing is read that cannot be
handed on, so waiting in `accept` is the back-pressure, all the way to the client. Imported by `config` (settings) and `app` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..net.address import parse_address
from .http.ingress import HttpIngress
from .intake import Intake
from .listen import listen_tcp, listen_unix, tls_context
from .port import Ingress, IngressStatistics
from .settings import HttpSettings, StdinSettings, TcpSettings, TlsSettings, UnixSettings, WriteKey, dedup_s
from .sockets import SocketIngress
from .splitter import LineSplitter
from .stdin import StdinIngress, standard_input

__all__ = [
    "HttpIngress",
    "HttpSettings",
    "Ingress",
    "IngressSettings",
    "IngressStatistics",
    "Intake",
    "LineSplitter",
    "SocketIngress",
    "StdinIngress",
    "StdinSettings",
    "TcpSettings",
    "TlsSettings",
    "UnixSettings",
    "WriteKey",
    "dedup_s",
    "open_ingress",
    "parse_address",
    "standard_input",
]

IngressSettings = StdinSettings | TcpSettings | UnixSettings | HttpSettings


def open_stdin(settings: StdinSettings, max_event_bytes: int) -> StdinIngress:
    """Standard input of this process. `--from FILE` is a `StdinIngress` of that file's descriptor."""
    return StdinIngress(settings.name, standard_input(), max_event_bytes)


def open_tcp(settings: TcpSettings, max_event_bytes: int) -> SocketIngress:
    """Listens from now on. Raises ConfigError."""
    tls = None if settings.tls is None else tls_context(settings.name, settings.tls)
    return SocketIngress(
        settings.name,
        listen_tcp(settings.name, settings.listen),
        max_event_bytes=max_event_bytes,
        ack=settings.ack,
        max_connections=settings.max_connections,
        tls=tls,
    )


def open_unix(settings: UnixSettings, max_event_bytes: int) -> SocketIngress:
    """Listens from now on. Raises ConfigError."""
    return SocketIngress(
        settings.name,
        listen_unix(settings.name, settings.path, int(settings.mode, 8)),
        max_event_bytes=max_event_bytes,
        ack=settings.ack,
        max_connections=settings.max_connections,
    )


def open_http(settings: HttpSettings, max_event_bytes: int) -> HttpIngress:
    """Listens from now on. Raises ConfigError."""
    tls = None if settings.tls is None else tls_context(settings.name, settings.tls)
    return HttpIngress(settings, listen_tcp(settings.name, settings.listen), max_event_bytes, tls)


_OPENERS: dict[type[IngressSettings], Callable[[Any, int], Ingress]] = {
    StdinSettings: open_stdin,
    TcpSettings: open_tcp,
    UnixSettings: open_unix,
    HttpSettings: open_http,
}


def open_ingress(settings: IngressSettings, *, max_event_bytes: int) -> Ingress:
    """Opens what `settings` say, so that a second of the same place fails now. Run it, or stop it. Raises ConfigError."""
    return _OPENERS[type(settings)](settings, max_event_bytes)
