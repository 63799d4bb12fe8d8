"""The app, whose requests are noted on their connections, and can be given up. Cancelled as tasks, uvicorn would log each as a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .watch import Watch

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

WATCH = "doorstep.watch"
"""Where in a request's state its connection is."""


class Requests:
    """An ASGI app around one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: set[anyio.CancelScope] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        watch: Watch = scope["state"].pop(WATCH)
        watch.begin()
        with anyio.CancelScope() as one:
            self._under_way.add(one)
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way.discard(one)
                watch.finish()

    def give_up(self) -> None:
        """Ends all that are under way, without answers."""
        for one in tuple(self._under_way):
            one.cancel()
