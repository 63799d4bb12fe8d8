"""A resource of the admin API, declared: from one table of these come the routes, who may use them, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .settings import Role

Handler: TypeAlias = Callable[[Request], Awaitable[msgspec.Struct | Mapping[str, Any] | Response | None]]
"""Returns the body of the answer, or an answer that is no JSON; None: there is nothing to say but that it is done."""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one address."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    """Below the host, as Starlette writes it: `/admin/v1/letters/{id:int}`."""
    handler: Handler
    summary: str
    role: Role | None = "viewer"
    """Who may, at least; None: whoever asks, for it says nothing. More than viewer means that it changes something: it is audited."""
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    answer: Any = None
    """The type of the JSON answered; None for none, or for what is no JSON."""
    media: str = "application/json"
    """Of an answer that is no JSON."""

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.role not in (None, "viewer")
