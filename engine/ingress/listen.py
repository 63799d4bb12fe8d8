"""Opening the listening sockets, TCP and Unix, and saying in the user's words what is in the way."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from contextlib import suppress

from ..errors import ConfigError, Problem
from ..net.address import format_address, parse_address
from .settings import TlsSettings

_log = logging.getLogger("doorstep.ingress")

_BACKLOG = 1024
_ANSWER_S = 1.0


class Listeners:
    """The sockets of one ingress, listening; closed once, by whoever is first to."""

    def __init__(self, sockets: list[socket.socket], unlink: Callable[[], None] = lambda: None) -> None:
        self.sockets = sockets
        self.addresses = [_address(each) for each in sockets]
        self._unlink = unlink
        self._closed = False

    def close(self) -> None:
        """Nobody can connect any more; the file of a Unix socket is removed if it is still ours, or it is said that it could not be.

        It goes first: while the socket listens nobody else takes the path, so it is not another's file, with the number of ours.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._unlink()
        except OSError as error:
            facts = {"path": ", ".join(self.addresses), "error": error.strerror or str(error)}
            _log.warning("the file of a socket could not be removed", extra={"facts": facts})
        for each in self.sockets:
            each.close()


def listen_tcp(name: str, listen: str) -> Listeners:
    """Listens on every address that `listen` means. Raises ConfigError."""
    host, port = parse_address(listen)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            chosen = sockets[0].getsockname()[1] if sockets else port
            _add(sockets, family, (address[0], chosen, *address[2:]), last_resort=host is not None)
    except OSError as error:
        for each in sockets:
            each.close()
        raise _problem(f"ingress.{name}.listen", f"can't listen on {listen}: {error.strerror or error}") from error
    if not sockets:
        raise _problem(f"ingress.{name}.listen", f"can't listen on {listen}: this machine has no such address")
    return Listeners(sockets)


def listen_unix(name: str, path: str, mode: int) -> Listeners:
    """Listens on `path`, in place of a socket that nobody answers on. Raises ConfigError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_away(path)
        listener.bind(path)
        os.chmod(path, mode)  # nobody can connect before `listen`, so nobody slips in under the umask
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _problem(f"ingress.{name}.path", f"can't listen on {path}: {error.strerror or error}") from error
    file = os.stat(path)
    return Listeners([listener], lambda: _unlink_own(path, (file.st_dev, file.st_ino)))


def tls_context(name: str, tls: TlsSettings) -> ssl.SSLContext:
    """What to serve TLS with. Raises ConfigError when a file can't be read or is not what it should be."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.cert, tls.key, password=_refuse)
    except ValueError:
        raise _problem(
            f"ingress.{name}.tls.key", f"{tls.key} is encrypted; a key without a passphrase is needed"
        ) from None
    except OSError as error:
        raise _problem(
            f"ingress.{name}.tls", f"can't use {tls.cert} with {tls.key}: {error.strerror or error}"
        ) from error
    if tls.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(tls.client_ca)
        except OSError as error:
            why = error.strerror or error
            raise _problem(f"ingress.{name}.tls.client_ca", f"can't use {tls.client_ca}: {why}") from error
    return context


def _refuse() -> str:
    """Without it OpenSSL would ask on the terminal and wait, or take a line of the events for an answer."""
    raise ValueError("encrypted")


def _add(sockets: list[socket.socket], family: int, address: tuple[object, ...], *, last_resort: bool) -> None:
    """One more listening socket; without a host, one of a family that this machine does not have is left out."""
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if last_resort or error.errno != errno.EADDRNOTAVAIL:
            raise
    else:
        sockets.append(listener)


def _clear_away(path: str) -> None:
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise FileExistsError(errno.EEXIST, "there is a file of that name, and it is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWER_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except TimeoutError:
            pass
    raise OSError(errno.EADDRINUSE, "another program answers there")


def _unlink_own(path: str, identity: tuple[int, int]) -> None:
    with suppress(FileNotFoundError):
        file = os.stat(path)
        if (file.st_dev, file.st_ino) == identity:
            os.unlink(path)


def _address(listener: socket.socket) -> str:
    name = listener.getsockname()
    return name if isinstance(name, str) else format_address(name[0], name[1])


def _problem(path: str, message: str) -> ConfigError:
    return ConfigError([Problem(path, message)])
