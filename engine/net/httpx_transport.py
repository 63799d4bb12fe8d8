"""The transport on any event loop: the connection pool of httpx2 (httpcore2), without its client.

The client on top would add what is not wanted here (cookies, redirects, proxies of the environment, decoding without
a limit) and its own idea of a URL; with the pool alone both implementations share all of `wire`. Used on trio; runs on
asyncio too, where the other one is ten times faster.
"""

from __future__ import annotations

import functools
import re
import ssl
from collections.abc import Callable
from contextlib import aclosing

import anyio
import httpcore2

from ..errors import TransportError
from ..model.exchange import Request, Response
from .connecting import GuardedBackend
from .faults import system_error, transport_error
from .guard import LookUp, system_look_up
from .settings import NetSettings
from .transport import KEEP_ALIVE_S, PooledTransport, connect_timeout_s
from .wire import USER_AGENT, basic_authorization, decode_body, header_fields, response_headers

_CODES: list[tuple[type[Exception], str | None]] = [
    # First match wins. None: the system error beneath says more.
    (httpcore2.ProxyError, "proxy"),
    (httpcore2.ConnectTimeout, "connect_timeout"),
    (httpcore2.PoolTimeout, "connect_timeout"),
    (httpcore2.TimeoutException, "timeout"),
    (httpcore2.NetworkError, None),
    (httpcore2.ProtocolError, "protocol"),
    (httpcore2.UnsupportedProtocol, "invalid_url"),
    (OSError, None),
]
_FOREIGN = tuple(kind for kind, _ in _CODES)
_ENDED = re.compile("closed connection|disconnected")
"""How h11 and httpcore2 word an end of the connection before the end of the response; they have no type for it."""


class _Connection(httpcore2.AsyncHTTPConnection):
    def has_expired(self) -> bool:
        """Also if bytes came with the last response that did not belong to it: they would be read as the next one."""
        inner = self._connection
        stray = (
            isinstance(inner, httpcore2.AsyncHTTP11Connection) and inner.is_idle() and inner._h11_state.trailing_data[0]
        )
        return bool(stray) or super().has_expired()


class _Pool(httpcore2.AsyncConnectionPool):
    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        if self._proxy is not None:
            return super().create_connection(origin)
        return _Connection(
            origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=self._keepalive_expiry,
            network_backend=self._network_backend,
        )


class HttpxTransport(PooledTransport):
    """Made inside a running event loop."""

    def __init__(self, settings: NetSettings, context: ssl.SSLContext, look_up: LookUp = system_look_up) -> None:
        super().__init__(settings, look_up)
        self._pools = {
            guarded: _Pool(
                ssl_context=context,
                proxy=self._proxy_of_pool(),
                max_connections=settings.connections,
                keepalive_expiry=KEEP_ALIVE_S,
                network_backend=GuardedBackend(self._guard, guarded=guarded),
            )
            for guarded in (False, True)
        }
        self._scopes: set[anyio.CancelScope] = set()
        """Of the requests in flight."""
        self._url: Callable[[str, bool], httpcore2.URL] = functools.lru_cache(1024)(self._make_url)

    async def _exchange(self, request: Request, timeout_s: float) -> Response:
        prepared = self._prepare(request, timeout_s)
        scope = anyio.move_on_after(timeout_s)
        self._scopes.add(scope)
        try:
            with scope:
                response = await self._pools[request.guarded].handle_async_request(prepared)
                try:
                    body = await _read(response, self._limit)
                finally:
                    await response.aclose()
                headers = response_headers(response.headers)
                return Response(response.status, headers, decode_body(headers, body, self._limit))
        except _FOREIGN as error:
            raise self._translate(error) from None
        finally:
            self._scopes.discard(scope)
        if self._closed:
            raise TransportError("reset", "the transport was closed")
        raise TransportError("timeout", f"no complete response within {timeout_s:g} s")

    def _prepare(self, request: Request, timeout_s: float) -> httpcore2.Request:
        url = self._url(request.url, request.guarded)
        fields = header_fields(request, self._target(request.url, request.guarded))
        connect = connect_timeout_s(timeout_s)
        return httpcore2.Request(
            request.method.encode(),
            url,
            headers=[(name.encode(), value.encode()) for name, value in fields],
            content=request.body,
            extensions={"timeout": {"connect": connect, "pool": connect}},
        )

    def _make_url(self, url: str, guarded: bool) -> httpcore2.URL:
        target = self._target(url, guarded)
        # A port that goes without saying is not said to a proxy either.
        port = None if target.origin.is_default_port() else target.port
        return httpcore2.URL(scheme=target.origin.scheme, host=target.host, port=port, target=target.path)

    def _proxy_of_pool(self) -> httpcore2.Proxy | None:
        if self._proxy is None:
            return None
        credentials = basic_authorization(self._proxy)
        headers = [("User-Agent", USER_AGENT)]
        if credentials is not None:
            headers.append(("Proxy-Authorization", credentials))
        return httpcore2.Proxy(str(self._proxy.with_user(None)), headers=headers)

    def _translate(self, error: Exception) -> TransportError:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        detail = str(error)
        if code is None:
            code, detail = system_error(error, "reset")
        elif code == "protocol" and _ENDED.search(detail):
            code = "reset"
        return transport_error(code, detail, proxied=self._proxy is not None)

    def _open_connections(self) -> int:
        pools = self._pools.values()
        return sum(connection.is_connected() for pool in pools for connection in pool.connections)

    async def _close(self) -> None:
        # A pool that closes leaves those who connect or wait for a connection to their time-out.
        for scope in self._scopes:
            scope.cancel()
        for pool in self._pools.values():
            await pool.aclose()


async def _read(response: httpcore2.Response, limit: int) -> bytes:
    """At most `limit` bytes of the body. Reads on until it knows that this was all; if not, closing drops the connection."""
    body = b""
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limit:
                break
    return body[:limit]
