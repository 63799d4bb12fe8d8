"""What a user can say about each type of ingress (`[[ingress]]` in the configuration file)."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

from msgspec import Meta

from ..net.address import parse_address
from ..secret import Secret
from ..settings import A_FILE, Duration, Settings, Size
from ..units import parse_duration, parse_rate

_NAME = Meta(
    description="Source of its events: shown in explain, and what destinations choose by.",
    min_length=1,
    examples=["shop"],
)
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

MAX_PATH_BYTES = 103 if sys.platform == "darwin" else 107
"""Of a Unix socket: what fits into its address, whose last byte is 0."""


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
        if len(os.fsencode(self.path)) > MAX_PATH_BYTES:
            raise ValueError(
                f"`path`: is longer than a socket's name may be; write one of at most {MAX_PATH_BYTES} bytes"
            )
        dedup_s(self.dedup)


class WriteKey(Settings, frozen=True):
    """Who may send, and as what."""

    key: Annotated[
        Secret,
        Meta(description="What an SDK is set up with: its write key.", examples=["${env:WRITE_KEY}"]),
    ]
    name: Annotated[
        str, Meta(description="Source of the events sent with it. Several keys may have the same.", examples=["web"])
    ]
    enabled: Annotated[
        bool, Meta(description="Whether anything is taken; if not, requests are answered 404.", examples=[False])
    ] = True
    rate: Annotated[
        str | None,
        Meta(description="Events taken at most; what is over it is answered 429. Absent: any.", examples=["1000/s"]),
    ] = None
    origins: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Web pages that may send with it, by scheme, host and port; others are answered 403. Absent: all. "
                "Says nothing of clients that are no browsers.",
                examples=[["https://shop.example.com"]],
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("`key`: must not be empty")
        if not self.name:
            raise ValueError("`name`: must not be empty")
        if self.rate is not None and not parse_rate(self.rate):
            raise ValueError('`rate`: must be above 0; write one like "100/s", or `enabled = false`')
        for origin in self.origins or ():
            if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+", origin):
                raise ValueError(f'`origins`: {origin!r} is not an origin; write one like "https://shop.example.com"')


class HttpSettings(Settings, frozen=True, tag_field="type", tag="http"):
    """Segment's tracking API, as its SDKs speak it, and plain events at /events, with TLS if wanted."""

    listen: Annotated[
        str,
        Meta(
            description="Address and port; without an address every one of this machine, with port 0 any free one.",
            examples=["127.0.0.1:8080", "[::1]:8080", ":8080"],
        ),
    ]
    name: Annotated[str, _NAME] = "http"
    keys: Annotated[
        tuple[WriteKey, ...],
        Meta(
            description="Write keys, each with the source that it stands for. Without any, whatever write key is accepted, and none, "
            "and the source is the name of this ingress.",
            examples=[[{"key": "${env:WRITE_KEY}", "name": "web", "rate": "1000/s"}]],
        ),
    ] = ()
    dedup: Annotated[str, _DEDUP] = "off"
    max_keys: Annotated[int, _MAX_KEYS] = 10_000_000
    max_connections: Annotated[
        int,
        Meta(
            description="Connections open at once; for one more, the one that has been idle longest is closed.",
            ge=1,
            examples=[10_000],
        ),
    ] = 10_000
    max_body_bytes: Annotated[
        Size,
        Meta(
            description="Longer bodies are answered 413, compressed ones by what is in them. One event of max_event_bytes always fits.",
            examples=["500KiB"],
            extra={"ge": Size("1KiB"), "le": Size("64MiB")},
        ),
    ] = Size("500KiB")
    header_timeout: Annotated[
        Duration,
        Meta(
            description="From the first byte of a request to the last of its head; then the connection is closed.",
            examples=["10s"],
            extra={"gt": Duration("0s")},
        ),
    ] = Duration("10s")
    body_timeout: Annotated[
        Duration,
        Meta(
            description="For the body of a request to come; then it is answered 408.",
            examples=["30s"],
            extra={"gt": Duration("0s")},
        ),
    ] = Duration("30s")
    idle_timeout: Annotated[
        Duration,
        Meta(
            description="How long a connection may be silent between requests.",
            examples=["75s"],
            extra={"gt": Duration("0s")},
        ),
    ] = Duration("75s")
    tls: Annotated[
        TlsSettings | None,
        Meta(description="Absent: not encrypted.", examples=[{"cert": "server.pem", "key": "server.key"}]),
    ] = None

    def __post_init__(self) -> None:
        parse_address(self.listen)
        dedup_s(self.dedup)

    @property
    def sources(self) -> tuple[str, ...]:
        """What its events may be from."""
        return tuple(dict.fromkeys(key.name for key in self.keys)) or (self.name,)


def dedup_s(dedup: str) -> float:
    """The window in seconds, 0 for "off". Raises ValueError."""
    window_s = 0.0 if dedup == "off" else parse_duration(dedup)
    if dedup != "off" and not window_s:
        raise ValueError('`dedup`: must be longer than nothing; write a duration like "24h", or "off"')
    return window_s
