"""Around the application: says of each request who asks, and turns away those of whom that cannot be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import SOCKET, Access, Denied
from .answering import CALLER, refusal
from .messages import Fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Trusting:
    """For the Unix socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._app({**scope, CALLER: SOCKET}, receive, send)


class Guard:
    """For everything else. `public` are the addresses that anybody may ask for, once it is the right host and no other page."""

    def __init__(self, app: ASGIApp, access: Access, public: frozenset[str]) -> None:
        self._app = app
        self._access = access
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        caller = self._access.judge(dict(pairs))
        hosts = sum(name == "host" for name, _ in pairs)
        if hosts != 1:
            caller = Denied(400, "wrong_host", "one Host header, please")
        if isinstance(caller, Denied):
            if caller.status != 401 or scope["path"] not in self._public:
                await self._refuse(caller, scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        await self._app({**scope, CALLER: caller}, receive, send)

    async def _refuse(self, denied: Denied, scope: Scope, receive: Receive, send: Send) -> None:
        response = refusal(denied.status, Fault(denied.code, denied.message))
        if denied.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="doorstep"'
        await response(scope, receive, send)
