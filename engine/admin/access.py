"""Who asks, and whether that is to be believed. Decides from a request's head alone; denies whatever it does not know.

    Host is one of ours -> no other web page sent it -> whose token -> Caller, whose role each resource compares

A browser sends requests to loopback for any page that asks it to. The Host header stops a name that was made to point here (DNS
rebinding); Origin and Sec-Fetch-Site stop pages of elsewhere. There is no cookie, so nothing is ever sent along unasked.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from ..net.address import parse_address
from ..telemetry.masking import Mask
from .settings import AdminSettings, Role, hash_of

RANKS: Mapping[str, int] = {"viewer": 1, "source_admin": 2, "owner": 3}
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_OWN_SITE = ("same-origin", "none")
"""`none`: typed by a person."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    role: Role
    mask: Mask | None = None
    """What is taken out of every answer; None for whoever owns the files anyway."""

    def may(self, role: Role) -> bool:
        """Whether that role is theirs, or a lesser one."""
        return RANKS[self.role] >= RANKS[role]


SOCKET = Caller("socket", "owner")
"""Whoever may open the Unix socket, whose file only its own user may."""


class Denied(msgspec.Struct, frozen=True):
    """Why not."""

    status: int
    code: str
    message: str


class Access:
    """Of the TCP listener."""

    def __init__(self, settings: AdminSettings, mask: Callable[[], Mask]) -> None:
        host, _ = parse_address(settings.listen) if settings.listen else (None, 0)
        self._hosts = _LOOPBACK | {name.lower() for name in settings.hosts} | ({host.lower()} if host else set())
        self._tokens = settings.tokens
        self._mask = mask

    def judge(self, headers: Mapping[str, str], scheme: str = "http") -> Caller | Denied:
        """`headers` by lower-case name."""
        host = headers.get("host", "")
        if _name_of(host) not in self._hosts:
            return Denied(421, "wrong_host", "this is not the host that was asked for; add its name to admin.hosts")
        if headers.get("sec-fetch-site", "none") not in _OWN_SITE or not _is_own(headers.get("origin"), host):
            return Denied(403, "cross_site", "another web page may not ask")
        if not self._tokens:
            return Caller("loopback", "owner", self._mask())
        return self._of_token(headers.get("authorization", ""))

    def _of_token(self, authorization: str) -> Caller | Denied:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Denied(401, "no_token", "send a token: Authorization: Bearer TOKEN")
        found, hashed = None, hash_of(token.strip())
        for known in self._tokens:  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(known.hash, hashed):
                found = known
        if found is None:
            return Denied(401, "wrong_token", "nobody has this token")
        return Caller(found.name, found.role, self._mask())


def _name_of(host: str) -> str:
    """Without the port, which a forwarded connection may have changed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_own(origin: str | None, host: str) -> bool:
    """A page's requests name its origin; the console's own is the host that it was loaded from."""
    return origin is None or origin.partition("://")[2].lower() == host.lower()
