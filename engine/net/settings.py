"""What a user can say about the way to one destination."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ..secret import Secret
from ..settings import A_FILE, Settings, Size


class TlsSettings(Settings, frozen=True):
    """Whom to trust, and as whom to come. TLS 1.2 is the least that is spoken. Files are relative to the one that names them."""

    ca: Annotated[
        str | None,
        Meta(
            description="PEM file of a private certificate authority, trusted besides the system's own.",
            examples=["private-ca.pem"],
            extra=A_FILE,
        ),
    ] = None
    cert: Annotated[
        str | None,
        Meta(description="PEM file of the client certificate, chain included.", examples=["client.pem"], extra=A_FILE),
    ] = None
    key: Annotated[
        str | None,
        Meta(
            description="PEM file of its private key, not encrypted; absent: it is in `cert`.",
            examples=["client.key"],
            extra=A_FILE,
        ),
    ] = None
    insecure_skip_verify: Annotated[
        bool,
        Meta(
            description="DANGEROUS: accept any certificate, so that anybody on the way can read and change the events.",
            examples=[False],
        ),
    ] = False


class NetworkSettings(Settings, frozen=True):
    """`[network]`: where requests may go."""

    allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks that hosts computed from events or by functions may be in, besides the public internet.",
            examples=[["10.2.0.0/16"]],
        ),
    ] = ()


class NetSettings(Settings, frozen=True):
    """One transport: the way to one destination."""

    tls: Annotated[
        TlsSettings, Meta(description="Trust and client certificate.", examples=[{"ca": "private-ca.pem"}])
    ] = TlsSettings()
    proxy: Annotated[
        Secret | None,
        Meta(
            description="HTTP proxy, credentials allowed; proxies of the environment are never used.",
            examples=["http://proxy:3128", "http://user:password@proxy:3128"],
        ),
    ] = None
    network: Annotated[NetworkSettings, Meta(description="Where computed hosts may be.")] = NetworkSettings()
    connections: Annotated[
        int,
        Meta(
            description="How many connections may be in use at once: the destination's `in_flight`.", ge=1, examples=[4]
        ),
    ] = 4
    max_response_bytes: Annotated[
        Size, Meta(description="How much of a response's body is read, decoded; the rest is cut.", examples=["64KiB"])
    ] = Size("64KiB")
