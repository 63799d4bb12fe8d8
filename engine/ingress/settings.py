"""What a user can say about each type of ingress (`[[ingress]]` in the configuration file)."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from ..settings import A_FILE, Settings
from ..units import parse_duration
from .address import parse_address

_NAME = Meta(description="Source of its events: shown in explain, and what destinations choose by.", examples=["shop"])
_ACK = Meta(
    description='Answer {"ack": n} lines: the first n lines of this connection are dealt with.', examples=[True]
)
_DEDUP = Meta(
    description="How long a messageId is remembered, so that a repeat is not taken; needs a journal.", examples=["24h"]
)
_MAX_KEYS = Meta(
    description="Of messageIds remembered; beyond that the oldest are forgotten, with a warning.",
    ge=1,
    examples=[10_000_000],
)
_MAX_CONNECTIONS = Meta(description="Connections served at once; more have to wait.", ge=1, examples=[1000])


class TlsSettings(Settings, frozen=True):
    """As whom to serve, and whom to let in. TLS 1.2 is the least that is spoken. Files are relative to the one that names them."""

    cert: Annotated[
        str, Meta(description="PEM file of the certificate, chain included.", examples=["server.pem"], extra=A_FILE)
    ]
    key: Annotated[
        str, Meta(description="PEM file of its private key, not encrypted.", examples=["server.key"], extra=A_FILE)
    ]
    client_ca: Annotated[
        str | None,
        Meta(
            description="PEM file of the authority that clients must have a certificate of.",
            examples=["ca.pem"],
            extra=A_FILE,
        ),
    ] = None


class StdinSettings(Settings, frozen=True, tag_field="type", tag="stdin"):
    """NDJSON on standard input: a pipe, a file or a terminal."""

    name: Annotated[str, _NAME] = "stdin"
    dedup: Annotated[str, _DEDUP] = "off"
    max_keys: Annotated[int, _MAX_KEYS] = 10_000_000

    def __post_init__(self) -> None:
        dedup_s(self.dedup)


class TcpSettings(Settings, frozen=True, tag_field="type", tag="tcp"):
    """NDJSON over TCP, with TLS if wanted."""

    listen: Annotated[
        str,
        Meta(
            description="Address and port; without an address every one of this machine, with port 0 any free one.",
            examples=["127.0.0.1:7070", "[::1]:7070", ":7070"],
        ),
    ]
    name: Annotated[str, _NAME] = "tcp"
    ack: Annotated[bool, _ACK] = False
    dedup: Annotated[str, _DEDUP] = "off"
    max_keys: Annotated[int, _MAX_KEYS] = 10_000_000
    max_connections: Annotated[int, _MAX_CONNECTIONS] = 1000
    tls: Annotated[
        TlsSettings | None,
        Meta(description="Absent: not encrypted.", examples=[{"cert": "server.pem", "key": "server.key"}]),
    ] = None

    def __post_init__(self) -> None:
        parse_address(self.listen)
        dedup_s(self.dedup)


class UnixSettings(Settings, frozen=True, tag_field="type", tag="unix"):
    """NDJSON over a Unix socket."""

    path: Annotated[
        str,
        Meta(
            description="File of the socket; one that nobody answers on is replaced.",
            min_length=1,
            examples=["/run/doorstep.sock"],
        ),
    ]
    name: Annotated[str, _NAME] = "unix"
    ack: Annotated[bool, _ACK] = False
    dedup: Annotated[str, _DEDUP] = "off"
    max_keys: Annotated[int, _MAX_KEYS] = 10_000_000
    max_connections: Annotated[int, _MAX_CONNECTIONS] = 1000
    mode: Annotated[
        str, Meta(description="Who may connect: permissions of the file, octal.", examples=["0600", "0660"])
    ] = "0600"

    def __post_init__(self) -> None:
        if not re.fullmatch("0?[0-7]{3}", self.mode):
            raise ValueError(f'{self.mode!r} is no mode of a file; write one like "0600" or "0660"')
        dedup_s(self.dedup)


def dedup_s(dedup: str) -> float:
    """The window in seconds, 0 for "off". Raises ValueError."""
    window_s = 0.0 if dedup == "off" else parse_duration(dedup)
    if dedup != "off" and not window_s:
        raise ValueError('`dedup`: must be longer than nothing; write a duration like "24h", or "off"')
    return window_s
