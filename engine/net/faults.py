"""What an error of the operating system, the resolver or TLS means, whichever library it came through."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

from ..errors import TransportError

_ERRNO_CODES = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ETIMEDOUT: "connect_timeout",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
}
_RESOLVER_CODES = {
    # Anything else a resolver says (no server, try again, out of memory) may be better in a moment.
    socket.EAI_NONAME: "unknown_host",
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME): "unknown_host",
}
_BEHIND_PROXY = frozenset({"connect_refused", "unreachable", "resolver", "unknown_host"})
_USER_INFO = re.compile(r"//[^/@\s]*@")


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, nearest first, through exception groups."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(current.exceptions)
        waiting.extend(cause for cause in (current.__cause__, current.__context__) if cause is not None)


def system_code(error: BaseException) -> str | None:
    """The code for one error of the system, None if it is none (or says nothing)."""
    match error:
        case socket.gaierror():
            return _RESOLVER_CODES.get(error.errno or 0, "resolver")
        case ssl.SSLWantReadError() | ssl.SSLWantWriteError():
            # No error: how the ssl module waits, found in the context of one that came while it did.
            return None
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return "reset"
        case ssl.SSLError():
            return "tls"
        case OSError(errno=int(number)):
            return _ERRNO_CODES.get(number, "unreachable")
    return None


def system_error(error: BaseException, otherwise: str) -> tuple[str, str]:
    """Code and text of the nearest cause of `error` that the system gave; `otherwise` if there is none."""
    for cause in causes(error):
        code = system_code(cause)
        if code is not None:
            return code, _text(cause)
    return otherwise, str(error)


def transport_error(code: str, detail: str, *, proxied: bool) -> TransportError:
    """Whoever cannot be reached on the way through a proxy is the proxy. Credentials are taken out of `detail`."""
    clean = _USER_INFO.sub("//", detail)
    return TransportError("proxy", clean) if proxied and code in _BEHIND_PROXY else TransportError(code, clean)


def _text(error: BaseException) -> str:
    for name in ("verify_message", "strerror"):
        text = getattr(error, name, None)
        if text:
            return str(text)
    return str(error)
