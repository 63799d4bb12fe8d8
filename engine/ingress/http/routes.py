"""Which address means what."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Kind = Literal["event", "batch", "plain", "ignored", "settings"]


class Route(msgspec.Struct, frozen=True):
    """What is done with a request to it."""

    kind: Kind
    type: str = ""
    """Of the event, for `event`."""
    write_key: str = ""
    """In the address, for `settings`."""

    @property
    def method(self) -> str:
        """The one it answers to, beside OPTIONS."""
        return "GET" if self.kind == "settings" else "POST"


_SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
"""The browser SDK's."""
_TYPES = ("track", "identify", "page", "screen", "group", "alias", "delete")
_ROUTES = {
    **{f"/v1/{type_}": Route("event", type_) for type_ in _TYPES},
    **{f"/v1/{short}": Route("event", type_) for short, type_ in _SHORT.items()},
    **{f"/v1/{name}": Route("batch") for name in ("batch", "b", "import")},
    "/v1/m": Route("ignored"),  # the browser SDK's figures about itself
    "/events": Route("plain"),
}
_SETTINGS = re.compile(r"/v1/projects/([^/]{1,200})/settings")
"""Where the browser SDK asks what it is to do, if this is its `cdnURL`."""


def route_of(path: str) -> Route | None:
    """None: there is nothing."""
    route = _ROUTES.get(path) or _ROUTES.get(path.rstrip("/"))
    if route is None:
        match = _SETTINGS.fullmatch(path)
        route = match and Route("settings", write_key=match[1])
    return route
