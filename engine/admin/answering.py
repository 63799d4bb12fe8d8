"""Requests read and answers written: JSON both ways, and every error as a `Refusal`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .messages import MAX_BODY_BYTES, Fault, Refusal, fault_of

_log = logging.getLogger("doorstep.admin")

T = TypeVar("T", bound=msgspec.Struct)
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Handler: TypeAlias = Callable[[Request], Awaitable[msgspec.Struct | Mapping[str, Any] | Response | None]]
"""Returns the body of the answer, or an answer that is no JSON; None: there is nothing to say but that it is done."""


def answering(handler: Handler) -> Endpoint:
    """What Starlette calls. Errors that a `Desk` raises are the client's to know; of any other it hears the type only."""

    async def endpoint(request: Request) -> Response:
        try:
            return answer(await handler(request))
        except (HTTPException, ClientDisconnect):
            raise
        except Exception as error:
            return refusal(*(fault_of(error) or _unexpected(error, request)))

    return endpoint


def answer(value: object, status: int = 200) -> Response:
    """JSON, or 204."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status_code=204)
    return Response(msgspec.json.encode(value, enc_hook=_as_dict), status, media_type="application/json")


def refusal(status: int, fault: Fault) -> Response:
    """An error, as JSON."""
    return Response(msgspec.json.encode(Refusal(fault)), status, media_type="application/json")


async def http_refusal(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: no such resource, not with this method, a body that is too large."""
    assert isinstance(error, HTTPException)
    codes = {404: "no_resource", 405: "no_method", 413: "too_large"}
    fault = Fault(codes.get(error.status_code, "http"), f"{request.method} {request.url.path}: {error.detail}")
    response = refusal(error.status_code, fault)
    response.headers.update(error.headers or {})
    return response


async def body_as(request: Request, kind: type[T]) -> T:
    """The JSON of the body. Raises msgspec.DecodeError, which says where and what, or the HTTPException 413."""
    return msgspec.json.decode(await _read(request), type=kind)


def parameters_as(request: Request, kind: type[T]) -> T:
    """The part of the address after the `?`; `ids` is a list with commas. Raises msgspec.ValidationError."""
    found: dict[str, object] = {}
    for name, text in request.query_params.multi_items():
        if name in found:
            raise msgspec.ValidationError(f"`{name}` is there twice")
        found[name] = tuple(filter(None, text.split(","))) if name == "ids" else text
    return msgspec.convert(found, kind, strict=False)


async def _read(request: Request) -> bytes:
    body = bytearray()
    if int(request.headers.get("content-length", "0")) <= MAX_BODY_BYTES:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
            else:
                return bytes(body)
    raise HTTPException(413, f"at most {MAX_BODY_BYTES} bytes at once")


def _unexpected(error: Exception, request: Request) -> tuple[int, Fault]:
    route = getattr(request.scope.get("route"), "path", "")  # not the address: it can hold what is personal
    _log.error("a request to the admin API failed", extra={"facts": {"resource": route}}, exc_info=error)
    return 500, Fault("internal", f"{type(error).__name__}; the engine's log says more")


def _as_dict(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
