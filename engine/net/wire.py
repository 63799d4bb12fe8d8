"""Between our plain Requests and Responses and what goes over the wire: URLs, header fields, bodies. No I/O.

Both implementations use all of it, which is half of why they behave alike.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import re
import zlib
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec
from yarl import URL

from ..errors import ConfigError, Problem, TransportError
from ..model.exchange import Request
from ..version import VERSION

USER_AGENT = f"Doorstep/{VERSION}"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""What no field value may contain; surrogates have no bytes to send."""
_URL = re.compile(r"(?P<authority>https?://[^/?#]+)(?P<path>[^#]*)(?:#.*)?", re.IGNORECASE)
_NAMED_HOST = re.compile(r"(?:[0-9A-Za-z_~-]{1,63}\.)*[0-9A-Za-z_~-]{1,63}\.?")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]+")
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Belong to the connection, not to the request: left out when given, as the Fetch standard does."""


class Target(msgspec.Struct, frozen=True):
    """A URL, taken apart once."""

    origin: URL
    """Scheme, host and port."""
    host: str
    """As connected to: IDNA, an IPv6 address without its brackets."""
    port: int
    path: str
    """The request target in origin form: path and query as written, percent-encoded only where they could not be sent."""
    host_field: str
    authorization: str | None
    """Basic credentials, if the URL has user info."""

    @property
    def secure(self) -> bool:
        return self.origin.scheme == "https"

    @property
    def absolute(self) -> str:
        """The request target in absolute form, for a proxy."""
        return f"{self.origin.scheme}://{self.host_field}{self.path}"


def parse_target(url: str) -> Target:
    """Raises TransportError `invalid_url`, whose text never repeats the URL: it may hold credentials."""
    if _CONTROL.search(url):
        raise TransportError("invalid_url", "a control character in the URL")
    match = _URL.fullmatch(url)
    if match is None:
        raise TransportError("invalid_url", "not an absolute http:// or https:// URL")
    try:
        # Only this part: yarl would rewrite path and query, and a signature may cover them.
        parsed = URL(match["authority"])
        host, port = parsed.raw_host, parsed.port
    except ValueError:
        raise TransportError("invalid_url", "not a valid host or port") from None
    if not host or not port or not _is_host(host):
        raise TransportError("invalid_url", "not a valid host or port")
    path = _UNSENDABLE.sub(lambda found: quote(found[0]), match["path"])
    return Target(
        origin=parsed.origin(),
        host=host,
        port=port,
        path=path if path.startswith("/") else f"/{path}",
        host_field=parsed.host_port_subcomponent or host,
        authorization=basic_authorization(parsed),
    )


def _is_host(host: str) -> bool:
    """Refuses `127.1` and `0x7f000001` too, which C libraries read as addresses: no two parsers may disagree on a host."""
    if ":" in host or re.fullmatch(r"(?:.*\.)?(?:\d+|0[xX][0-9a-fA-F]*)\.?", host):
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return True
    return _NAMED_HOST.fullmatch(host) is not None and len(host) <= 253


def basic_authorization(url: URL) -> str | None:
    """The `Basic ...` value for the user info of `url`, None without."""
    if url.user is None and url.password is None:
        return None
    return "Basic " + base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()


def parse_proxy(proxy: str) -> URL:
    """Raises ConfigError, whose text never repeats the address: it may hold credentials."""
    try:
        parsed = URL(proxy)
        valid = parsed.scheme == "http" and bool(parsed.raw_host) and bool(parsed.port)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError([Problem("proxy", 'not the address of an HTTP proxy; write one like "http://proxy:3128"')])
    return parsed


class _Names(msgspec.Struct, frozen=True):
    """What follows from the names of a request's headers, whatever their values."""

    given: frozenset[str]
    """Those that are sent, in lower case."""
    unsendable: tuple[str, ...]
    framing: frozenset[str]
    """Those that are left out, as they are written."""


@functools.lru_cache(512)
def _names(names: tuple[str, ...]) -> _Names:
    """Remembered: a destination's names are the same in every request."""
    framing = frozenset(name for name in names if name.lower() in _FRAMING)
    unsendable = tuple(name for name in names if not _NAME.fullmatch(name))
    return _Names(frozenset(name.lower() for name in names if name not in framing), unsendable, framing)


def header_fields(request: Request, target: Target) -> list[tuple[str, str]]:
    """All fields to send, names as written. Raises TransportError `invalid_request` for what cannot be sent.

    Added are only Host, Content-Length, the URL's own credentials and a User-Agent, each unless it is there.
    """
    if request.method not in _METHODS and not _NAME.fullmatch(request.method):
        raise TransportError("invalid_request", "the method is not a token")
    headers = request.headers
    names = _names(tuple(headers))
    if names.unsendable or _CONTROL.search("".join(headers.values())):
        name = next(name for name, value in headers.items() if name in names.unsendable or _CONTROL.search(value))
        raise TransportError("invalid_request", f"header {name!r} has a character that cannot be sent")
    fields = [(name, value.strip(" \t")) for name, value in headers.items() if name not in names.framing]
    given = names.given
    if "host" not in given:
        fields.insert(0, ("Host", target.host_field))
    if "user-agent" not in given:
        fields.append(("User-Agent", USER_AGENT))
    if target.authorization is not None and "authorization" not in given:
        fields.append(("Authorization", target.authorization))
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        fields.append(("Content-Length", str(len(request.body))))
    return fields


def response_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case, repeated ones joined; any byte is legal there, so each becomes one character."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def decode_body(headers: Mapping[str, str], body: bytes, limit: int) -> bytes:
    """`body` without its gzip or deflate, at most `limit` bytes; as it came if that is not what it is.

    We ask for no encoding, yet some receivers use one; a bomb must cost no more than `limit`.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("gzip", "x-gzip", "deflate") or not body:
        return body
    # 47: gzip or zlib by its header; -15: the raw deflate that some send under the same name.
    for window in (47, -15):
        try:
            return zlib.decompressobj(window).decompress(body, limit)
        except zlib.error:
            continue
    return body
