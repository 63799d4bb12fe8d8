"""A loopback server that does what a test tells it to, in a thread of its own, and the transports to try on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
import uvloop
from doorstep.engine.net import NetSettings, Transport
from doorstep.engine.net.aiohttp_transport import AiohttpTransport
from doorstep.engine.net.guard import LookUp, system_look_up
from doorstep.engine.net.httpx_transport import HttpxTransport
from doorstep.engine.net.tls import tls_context

_ASYNCIO = ("asyncio", {"loop_factory": asyncio.new_event_loop})
_UVLOOP = ("asyncio", {"loop_factory": uvloop.new_event_loop})
_TRIO: tuple[str, dict[str, Any]] = ("trio", {})
_IMPLEMENTATIONS = [
    pytest.param(_ASYNCIO, AiohttpTransport, id="aiohttp-asyncio"),
    pytest.param(_UVLOOP, AiohttpTransport, id="aiohttp-uvloop"),
    pytest.param(_ASYNCIO, HttpxTransport, id="httpx-asyncio"),
    pytest.param(_UVLOOP, HttpxTransport, id="httpx-uvloop"),
    pytest.param(_TRIO, HttpxTransport, id="httpx-trio"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whoever asks for `open_` runs once per implementation and event loop, in real time."""
    if "open_" in metafunc.fixturenames:
        metafunc.parametrize(("anyio_backend", "implementation"), _IMPLEMENTATIONS)


@pytest.fixture
def open_(implementation: type[AiohttpTransport | HttpxTransport]) -> Callable[..., Transport]:
    """Makes a transport from settings given as keywords. For use inside the event loop."""
    # Read here, before the loop runs, as `open_transport` does it in a thread.
    tls_context(NetSettings().tls)

    def open_(look_up: LookUp = system_look_up, **settings: Any) -> Transport:
        chosen = NetSettings(**settings)
        return implementation(chosen, tls_context(chosen.tls), look_up)

    return open_


class Peer:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.sock = sock
        self._server = server
        self._buffer = b""

    def request(self) -> tuple[list[str], bytes] | None:
        """The lines of the next request's head, and its body; None at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        lengths = [int(line[15:]) for line in lines if line.lower().startswith("content-length:")]
        while lengths and len(self._buffer) < lengths[0]:
            if not self._more():
                return None
        length = lengths[0] if lengths else 0
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        self._server.requests.append((lines, body))
        return lines, body

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self._buffer += data
        return bool(data)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def serve(self, *responses: bytes) -> None:
        """Answers each request with the next response, the last one again and again."""
        count = 0
        while self.request() is not None:
            self.send(responses[min(count, len(responses) - 1)])
            count += 1

    def hold(self) -> None:
        """Until the other side is gone."""
        while self.sock.recv(65536):
            pass

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def secure(self, context: ssl.SSLContext) -> None:
        """TLS from here on."""
        self.sock = context.wrap_socket(self.sock, server_side=True)


Behaviour = Callable[[Peer], None]


class Server:
    """Listens on a loopback port; each connection runs `behave` in a thread, and ends with it."""

    def __init__(
        self, behave: Behaviour, context: ssl.SSLContext | None = None, address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self.connections = 0
        self.closed_by_client = threading.Semaphore(0)
        """Released once per connection that is over."""
        self.requests: list[tuple[list[str], bytes]] = []
        self._behave = behave
        self._context = context
        self._listener = socket.create_server(address)
        self.port = self._listener.getsockname()[1]
        self._socks: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(10)
                self.connections += 1
                self._socks.append(sock)
                thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self, sock: socket.socket) -> None:
        peer = Peer(sock, self)
        with contextlib.suppress(OSError):
            if self._context is not None:
                peer.secure(self._context)
            self._behave(peer)
        peer.sock.close()
        self.closed_by_client.release()

    def close(self) -> None:
        # A shutdown wakes the threads that wait in accept and recv; a close would not.
        for sock in [self._listener, *self._socks]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        for sock in self._socks:
            sock.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a server with a behaviour, and a TLS context if it is to speak TLS."""
    servers: list[Server] = []

    def start(behave: Behaviour, context: ssl.SSLContext | None = None, **where: Any) -> Server:
        servers.append(Server(behave, context, **where))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context, right for localhost and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context
