"""The app, whose requests are noted on their connections, and can be given up. Cancelled as tasks, uvicorn would log each as a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .watch import Watch

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        is_open = True

        def finish() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                watch.finish()

        async def send_and_note(message: Message) -> None:
            """The client may go on as soon as it has the end of its answer, before this task does."""
            if message["type"] == "http.response.body" and not message.get("more_body"):
                finish()
            await send(message)

        watch.begin()
        with anyio.CancelScope() as one:
            self._under_way.add(one)
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                self._under_way.discard(one)
                finish()

    def give_up(self) -> None:
        """Ends all that are under way, without answers."""
        for one in tuple(self._under_way):
            one.cancel()
