"""The app, whose requests are noted on their connections, and may be given up in the end: uvicorn would log each of those as a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .watch import Watch

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WATCH = "doorstep.watch"
"""Where in a request's state its connection is."""
BODY_IS_HERE = "doorstep.body_is_here"
"""In a request's state if all of its body has come, and nobody has to wait for it. It may have come without that, too."""


class Requests:
    """An ASGI app around one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.is_over = False
        """Whether those under way are cancelled by now, and nobody waits for their answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        watch: Watch = scope["state"].pop(WATCH)
        is_open = True

        async def send_and_note(message: Message) -> None:
            nonlocal is_open
            if not is_open or message["type"] != "http.response.body" or message.get("more_body"):
                await send(message)
                return
            is_open = False
            watch.answer()
            try:
                await send(message)
            finally:
                watch.finish()

        watch.begin()
        try:
            await self._app(scope, receive, send_and_note)
        except anyio.get_cancelled_exc_class():
            if not self.is_over:
                raise
        finally:
            if is_open:
                watch.answer()
                watch.finish()
