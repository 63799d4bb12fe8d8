"""Requests read and answers written: JSON both ways, and every error as a `Refusal`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..telemetry.masking import Mask
from .access import Caller
from .asked import Fact, facts_of
from .audit import AuditLog, Change
from .messages import MAX_BODY_BYTES, Fault, Refusal, fault_of
from .resource import Resource

_log = logging.getLogger("doorstep.admin")

T = TypeVar("T")
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
CALLER = "doorstep.caller"
"""Where in a request's scope it is said who asks ..."""
_ASKED = "doorstep.asked"
"""... and for what, once its body is read."""


def endpoint_of(resource: Resource, audit: AuditLog, utc: Callable[[], float]) -> Endpoint:
    """What Starlette calls: asks who it is, answers, and notes what was changed.

    Errors that a `Desk` or `Bench` raises are the client's to know; of any other it hears the type only.
    """

    async def endpoint(request: Request) -> Response:
        caller: Caller | None = request.scope.get(CALLER)
        if resource.role is None:
            return await _answered(resource, request, None)
        if caller is None:
            return refusal(401, Fault("no_token", "nobody is known to ask"))
        if caller.may(resource.role):
            response = await _answered(resource, request, caller.mask)
        else:
            message = f"this takes the role {resource.role}; {caller.name} is {caller.role}"
            response = refusal(403, Fault("wrong_role", message))
        if resource.changes:
            await audit.note(
                Change(
                    at=utc(),
                    who=caller.name,
                    role=caller.role,
                    method=resource.method,
                    resource=resource.path,
                    of=_of(request, caller.mask),
                    status=response.status_code,
                )
            )
        return response

    return endpoint


def _of(request: Request, mask: Mask | None) -> dict[str, Fact]:
    of: dict[str, Fact] = {**request.path_params, **facts_of(request.scope.get(_ASKED))}
    return shown(of, mask) if mask else of


async def _answered(resource: Resource, request: Request, mask: Mask | None) -> Response:
    try:
        return answer(await resource.handler(request), mask=mask)
    except HTTPException as error:
        return await http_refusal(request, error)
    except ClientDisconnect:
        raise
    except Exception as error:
        status, fault = fault_of(error) or _unexpected(error, request)
        return refusal(status, shown(fault, mask) if mask else fault)


def answer(value: object, status: int = 200, mask: Mask | None = None) -> Response:
    """JSON, or 204. `mask`: what it knows is taken out, wherever it is."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status_code=204)
    body = msgspec.json.encode(shown(value, mask) if mask else value, enc_hook=_as_dict)
    return Response(body, status, headers=_UNKEPT, media_type="application/json")


_UNKEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def shown(value: T, mask: Mask) -> T:
    """The same as JSON has it, without what `mask` knows: in texts, in bytes, at any depth. Names of fields stay."""
    plain: T = msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=_as_dict)
    here = mask.narrowed("\n".join(_texts(plain)))
    if here is not None:
        plain = _masked(plain, here)
    return plain


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "surrogateescape")
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, dict):
        return {key: _masked(part, mask) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, mask) for part in value]
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return mask.text(text).encode("utf-8", "surrogateescape")
    return value


def refusal(status: int, fault: Fault) -> Response:
    """An error, as JSON."""
    return Response(msgspec.json.encode(Refusal(fault)), status, headers=_UNKEPT, media_type="application/json")


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
    asked = msgspec.json.decode(await _read(request), type=kind)
    request.scope[_ASKED] = asked
    return asked


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
