"""`ctx.fetch`: HTTP for functions, in a function's own loop, behind the guard on outgoing addresses.

A URL here is computed by somebody's code from somebody's event, so every request is `guarded`: only the public internet and what
`[network] allow` opens are reached, whatever the name resolves to. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec

from ..errors import Fault, FetchError, InvalidEventPayload, RetryError, TransportError
from ..model.exchange import Request, Response
from ..net import Transport
from ..sdk.verdict import fault_of_status, retry_after
from ..settings import Size

OpenTransport: TypeAlias = Callable[[], Awaitable[Transport]]
"""Called in the function's loop, before the first `fetch`."""

MAX_RESPONSE_BYTES = Size("4MiB")
_CODES_OF_THE_CALLER = {"invalid_url", "invalid_request"}
"""Errors that no other attempt will mend: the code that called made them."""


class FetchResponse:
    """What came back. The body is read already; `text` and `json` are awaited as in Segment."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        """Names in lower case."""
        self.body = response.body

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def raise_for_status(self) -> None:
        """Raises what a status of no success stands for: `InvalidEventPayload` if the receiver refuses the content (400, 422 ...), else
        `RetryError`, after the time that it asks for."""
        fault = fault_of_status(self.status)
        if fault is Fault.EVENT:
            raise InvalidEventPayload(f"the receiver answered {self.status}")
        if fault is not None:
            raise RetryError(f"the receiver answered {self.status}", after=retry_after(self.headers))

    async def text(self) -> str:
        """The body as text; what is not UTF-8 in it is replaced."""
        return self.body.decode(errors="replace")

    async def json(self) -> Any:
        """The body's value. Raises ValueError if it is no JSON, or was too long to be read whole."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            cut = f", it was cut at {MAX_RESPONSE_BYTES}" if len(self.body) >= MAX_RESPONSE_BYTES else ""
            raise ValueError(f"the response (status {self.status}) is no JSON: {error}{cut}") from None

    def __repr__(self) -> str:
        return f"<FetchResponse {self.status}, {len(self.body)} bytes>"


class Fetcher:
    """The way out of one function's loop: opened when it is first needed."""

    def __init__(self, open_transport: OpenTransport) -> None:
        self._open_transport = open_transport
        self._transport: Transport | None = None
        self._opening = asyncio.Lock()

    async def send(self, request: Request, timeout_s: float) -> Response:
        """Raises FetchError where there is no complete response, ValueError for a request that cannot be made."""
        transport = self._transport or await self._open()
        try:
            return await transport.send(request, timeout_s)
        except TransportError as error:
            detail = str(error).partition(": ")[2]
            if error.code in _CODES_OF_THE_CALLER:
                raise ValueError(f"{error.code}: {detail}") from error
            raise FetchError(error.code, detail) from error

    async def _open(self) -> Transport:
        async with self._opening:
            if self._transport is None:
                self._transport = await self._open_transport()
            return self._transport

    async def close(self) -> None:
        """Closes the connections."""
        if self._transport is not None:
            await self._transport.aclose()


def request_of(
    url: object, method: str, headers: Mapping[str, str] | None, json: Any, data: bytes | str | Mapping[str, Any] | None
) -> Request:
    """What `fetch` is to send. Raises TypeError for what is not its to take."""
    if json is not msgspec.UNSET and data is not None:
        raise TypeError("fetch takes `json` or `data`, not both")
    if not isinstance(url, str):
        raise TypeError(f"fetch takes a URL as text, not {type(url).__name__}")
    fields = {str(name): str(value) for name, value in (headers or {}).items()}
    body, kind = _body(json, data)
    if kind and "content-type" not in {name.lower() for name in fields}:
        fields["Content-Type"] = kind
    return Request(method.upper(), url, fields, body, guarded=True)


def _body(json: Any, data: bytes | str | Mapping[str, Any] | None) -> tuple[bytes, str]:
    if json is not msgspec.UNSET:
        return msgspec.json.encode(json), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    return data.encode() if isinstance(data, str) else data or b"", ""
