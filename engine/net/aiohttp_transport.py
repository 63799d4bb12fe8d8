"""The transport on asyncio: aiohttp's connector and C parser, without its client session.

`ClientSession.request` spends about 100 us of CPU on one small POST, much of it on what is not wanted here (cookies,
redirects, a second try, netrc, a task to write the body, a response object). The connector and the parser are the
parts worth having, and one exchange over them is a dozen lines: about 60 us in the same minutes, 1.6 to 2 times the
speed of a bare `session.post` loop (CPython 3.11, uvloop, 830 bytes, four side by side).

What is used of aiohttp beyond its documented API is all in `_converse` and `_connect`: `TCPConnector.connect`,
`ResponseHandler.set_response_params`, `.read` and `.should_close`. Retries: none. A session would send an idempotent
request twice when a reused connection turns out to be dead; here that is a `reset`, and `delivery` decides.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientRequest,
    ClientTimeout,
    InvalidURL,
    StreamReader,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from multidict import CIMultiDict
from yarl import URL

from ..errors import TransportError
from ..model.exchange import Request, Response
from .deadlines import Deadlines
from .faults import system_error, transport_error
from .guard import Guard, LookUp, system_look_up
from .settings import NetSettings
from .transport import KEEP_ALIVE_S, PooledTransport, connect_timeout_s
from .wire import USER_AGENT, Target, basic_authorization, decode_body, header_fields, response_headers

_JOINED_BYTES = 64 * 1024
"""Up to here head and body go out as one write: copying costs less than a second system call."""
_FIELD_BYTES = 64 * 1024
"""The longest header line: aiohttp's own 8 KiB is less than some content security policies."""

_CODES: list[tuple[type[BaseException], str | None]] = [
    # First match wins. None: the system error beneath says more.
    (ClientHttpProxyError, "proxy"),
    (ClientConnectorCertificateError, None),
    (ClientConnectorSSLError, None),
    (ClientConnectorDNSError, None),
    (ClientConnectorError, None),
    (InvalidURL, "invalid_url"),
    (ClientPayloadError, "reset"),
    (HttpProcessingError, "protocol"),
    (ClientConnectionError, None),
    (OSError, None),
    (ClientError, "protocol"),
]
_FOREIGN = (ClientError, HttpProcessingError, OSError)


class _Route(NamedTuple):
    """A parsed URL and what the connector wants to know of it."""

    target: Target
    request_line: str
    """All of it but the method."""
    connecting: ClientRequest
    connector: TCPConnector


class _GuardedResolver(AbstractResolver):
    """What the connector connects to is what was checked. It asks for names only, never for literal addresses."""

    def __init__(self, guard: Guard, guarded: bool) -> None:
        self._guard = guard
        self._guarded = guarded

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._guard.addresses(host, port, guarded=self._guarded)
        return [_resolved(host, address, port) for address in addresses]

    async def close(self) -> None:
        pass


class AiohttpTransport(PooledTransport):
    """Made inside a running asyncio loop."""

    def __init__(self, settings: NetSettings, context: ssl.SSLContext, look_up: LookUp = system_look_up) -> None:
        super().__init__(settings, look_up)
        self._connectors = {
            guarded: TCPConnector(
                ssl=context,
                limit=settings.connections,
                keepalive_timeout=KEEP_ALIVE_S,
                # Never aiodns, even if it is installed: its errors do not tell an unknown host from a broken resolver.
                resolver=_GuardedResolver(self._guard, guarded),
            )
            for guarded in (False, True)
        }
        self._route: Callable[[str, bool], _Route] = functools.lru_cache(1024)(self._make_route)
        self._connecting: Callable[[URL], ClientRequest] = functools.lru_cache(64)(self._make_connecting)
        self._protocols: set[ResponseHandler] = set()
        self._deadlines = Deadlines()

    async def _exchange(self, request: Request, timeout_s: float) -> Response:
        route = self._route(request.url, request.guarded)
        head = self._head(request, route)
        deadline = self._deadlines.begin(timeout_s)
        try:
            connection = await self._connect(route, timeout_s)
            try:
                response, reusable = await self._converse(connection, request, head)
            except BaseException:
                _drop(connection)
                raise
            if reusable:
                connection.release()
            else:
                _drop(connection)
            return response
        except asyncio.CancelledError:
            if not deadline.is_why():
                raise
            if self._closed:
                raise TransportError("reset", "the transport was closed") from None
            raise TransportError("timeout", f"no complete response within {timeout_s:g} s") from None
        except _FOREIGN as error:
            raise self._translate(error) from None
        finally:
            self._deadlines.end(deadline)

    async def _connect(self, route: _Route, timeout_s: float) -> Connection:
        """A connection in a clean state, new or reused."""
        while True:
            try:
                connection = await route.connector.connect(route.connecting, [], _connect_timeout(timeout_s))
            except TimeoutError as error:
                if error.errno is not None:
                    raise
                raise TransportError("connect_timeout", f"{route.target.host}:{route.target.port}") from None
            protocol = connection.protocol
            assert protocol is not None
            if not protocol.should_close:
                self._note(protocol)
                return connection
            # Something came in while it was idle (a 408 of a server about to close, say): it answers nothing of ours.
            _drop(connection)

    async def _converse(self, connection: Connection, request: Request, head: bytes) -> tuple[Response, bool]:
        """One request and its response; whether the connection can be used again."""
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=_FIELD_BYTES,
            max_field_size=_FIELD_BYTES,
        )
        if len(request.body) <= _JOINED_BYTES:
            transport.write(head + request.body)
        else:
            transport.write(head)
            transport.write(request.body)
        message, payload = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, payload = await protocol.read()
        body, complete = await _read(payload, self._limit)
        # An answer that came before all was sent, or a change of protocol, leaves a connection that nobody can use.
        unsent = connection.transport is not None and connection.transport.get_write_buffer_size() > 0
        return self._response(message, body), complete and not unsent and message.code != 101

    def _response(self, message: RawResponseMessage, body: bytes) -> Response:
        headers = response_headers(message.raw_headers)
        if "content-encoding" in headers:
            body = decode_body(headers, body, self._limit)
        return Response(message.code, headers, body)

    def _head(self, request: Request, route: _Route) -> bytes:
        fields = header_fields(request, route.target)
        if self._proxy is not None and not route.target.secure:
            fields += self._proxy_credentials()
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
        return f"{request.method} {route.request_line}{lines}\r\n".encode()

    def _make_route(self, url: str, guarded: bool) -> _Route:
        target = self._target(url, guarded)
        absolute = self._proxy is not None and not target.secure
        path = target.absolute if absolute else target.path
        connector = self._connectors[guarded]
        return _Route(target, f"{path} HTTP/1.1\r\n", self._connecting(target.origin), connector)

    def _make_connecting(self, origin: URL) -> ClientRequest:
        """Never sent: tells the connector whereto and through which proxy."""
        # Host is there from the start because the connector sets it, and these fields are part of the pool's key.
        tunnel = CIMultiDict([("User-Agent", USER_AGENT), *self._proxy_credentials(), ("Host", "")])
        request = ClientRequest("GET", origin, loop=asyncio.get_running_loop(), proxy=self._proxy_address())
        if self._proxy is not None:
            tunnel["Host"] = request.headers["Host"]
            request.update_proxy(self._proxy_address(), None, tunnel)
        return request

    def _proxy_address(self) -> URL | None:
        return None if self._proxy is None else self._proxy.with_user(None)

    def _proxy_credentials(self) -> list[tuple[str, str]]:
        value = None if self._proxy is None else basic_authorization(self._proxy)
        return [] if value is None else [("Proxy-Authorization", value)]

    def _translate(self, error: BaseException) -> TransportError:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        if code is None:
            # aiohttp's own classes carry the number of the system's error but not its type.
            code, detail = system_error(error.__cause__ or error, "reset")
        else:
            detail = f"{error.status} {error.message}" if isinstance(error, ClientHttpProxyError) else str(error)
        return transport_error(code, detail, proxied=self._proxy is not None)

    def _note(self, protocol: ResponseHandler) -> None:
        if protocol not in self._protocols:
            self._forget_closed()
            self._protocols.add(protocol)

    def _forget_closed(self) -> None:
        self._protocols = {protocol for protocol in self._protocols if protocol.is_connected()}

    def _open_connections(self) -> int:
        self._forget_closed()
        return len(self._protocols)

    async def _close(self) -> None:
        # A connector that closes leaves those who connect to their time-out, and cancels who looks up a name or waits for a
        # connection, as if their own task had been cancelled.
        self._deadlines.expire_all()
        self._deadlines.close()
        for connector in self._connectors.values():
            await connector.close()


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def _drop(connection: Connection) -> None:
    """Closes at once: a mere `close` would first wait until all is sent that was written, perhaps for ever."""
    if connection.protocol is not None:
        connection.protocol.abort()
    connection.close()


@functools.lru_cache(64)
def _connect_timeout(timeout_s: float) -> ClientTimeout:
    # Only the connector reads it; it would round deadlines over its threshold up to whole seconds.
    return ClientTimeout(connect=connect_timeout_s(timeout_s), ceil_threshold=float("inf"))


async def _read(payload: StreamReader, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of the body, and whether that was all of it. Reads on until it knows."""
    body = await payload.readany()
    while len(body) <= limit and not payload.at_eof():
        body += await payload.readany()
    return body[:limit], len(body) <= limit
