"""What a user can say about the admin API and the console (`[admin]` in the configuration file)."""

from __future__ import annotations

import hashlib
import re
import secrets
from ipaddress import ip_address
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from ..net.address import parse_address
from ..settings import Settings

Role: TypeAlias = Literal["viewer", "source_admin", "owner"]

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_PREFIX = "doorstep_"


class TokenSettings(Settings, frozen=True):
    """Who may ask, and for what. `doorstep new token` makes one."""

    name: Annotated[str, Meta(description="Whose it is: shown in the audit log.", min_length=1, examples=["ada"])]
    hash: Annotated[
        str,
        Meta(
            description="What is kept of the token: from it nobody can make the token.",
            examples=["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ]
    role: Annotated[
        Role,
        Meta(
            description="viewer sees everything; source_admin also pauses, replays, edits dead letters and sends tests; owner may do all.",
            examples=["viewer"],
        ),
    ] = "viewer"

    def __post_init__(self) -> None:
        if not _HASH.fullmatch(self.hash):
            raise ValueError("`hash`: is not one; `doorstep new token` prints the token and the line for this file")


class AdminSettings(Settings, frozen=True, kw_only=True):
    """`[admin]`: who may look at the engine and change it, and from where. A change needs a restart."""

    listen: Annotated[
        str | None,
        Meta(
            description="Address and port of the admin API and the console, beside the Unix socket in data_dir; absent: that alone. "
            "Anything but loopback needs tokens.",
            examples=["127.0.0.1:8090", "[::1]:8090"],
        ),
    ] = None
    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Names that people reach it by, beside those of loopback: a request for another one is refused.",
            examples=[["doorstep.internal"]],
        ),
    ] = ()
    tokens: Annotated[
        tuple[TokenSettings, ...],
        Meta(
            description="Who may ask over `listen`, as `Authorization: Bearer TOKEN`. Without any, whoever can reach loopback is an owner.",
            examples=[[{"name": "ada", "role": "viewer", "hash": "sha256:..."}]],
        ),
    ] = ()

    def __post_init__(self) -> None:
        if self.listen is not None:
            host, _ = parse_address(self.listen)
            if not self.tokens and not is_loopback(host):
                raise ValueError(
                    f"`listen`: {self.listen} can be reached from elsewhere, so it needs tokens; "
                    'make one with `doorstep new token NAME`, or write "127.0.0.1:8090"'
                )
        names = [token.name for token in self.tokens]
        if len(set(names)) < len(names):
            raise ValueError("`tokens`: two have the same name; the audit log could not tell them apart")


def is_loopback(host: str | None) -> bool:
    """Whether only this machine gets there. A name other than localhost may mean anything."""
    if host is None:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def new_token() -> str:
    """256 random bits: nobody guesses it, so a fast hash is as good as a slow one."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What is kept of it."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"
