"""Serves the admin API beside the engine, in its loop. The socket is there at once; what is behind it, when somebody asks.

    start -> socket -> (first client) -> imports, in a thread -> uvicorn or hypercorn -> end: half a second for who is in the middle

Importing the servers takes 0.1 to 0.4 s and 4 to 7 MiB, which an engine that nobody asks does not pay, nor one that starts.
Trouble in here is logged and never ends the engine.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import sniffio
from anyio.abc import TaskGroup

from ..clock import LoopTime
from .place import Place, open_place

if TYPE_CHECKING:
    from ..journal.desk import Desk
    from ..net.serving import Serve
    from ..net.serving.listening import Serving
    from .looking import Looks

_log = logging.getLogger("doorstep.admin")


GRACE_S = 0.5
"""For answers that are under way at the end."""


def serve_admin(desk: Desk, looks: Looks, folder: Path) -> AdminServer:
    """Serves `desk` to this user's commands while the block runs: `async with serve_admin(desk, looks, Path(data_dir)): ...`

    `looks` is how the engine stands. The caller holds the lock of `folder`.
    """
    return AdminServer(desk, looks, folder)


class AdminServer:
    """See `serve_admin`. Leaving the block waits for nobody for more than a second, and never raises."""

    _tasks: TaskGroup

    def __init__(self, desk: Desk, looks: Looks, folder: Path) -> None:
        self._desk, self._looks, self._folder = desk, looks, folder
        self._place: Place | None = None
        self._stop = anyio.Event()
        self._is_loaded = False

    def __repr__(self) -> str:
        return f"<AdminServer {self.path or 'nowhere'}>"

    @property
    def path(self) -> Path | None:
        """Where it listens; None if there is no place for a socket."""
        return self._place.path if self._place else None

    async def __aenter__(self) -> AdminServer:
        try:
            self._place = await anyio.to_thread.run_sync(open_place, self._folder)
        except OSError as error:
            facts = {"folder": str(self._folder), "error": str(error)}
            _log.error("no commands reach this engine: its socket cannot be opened", extra={"facts": facts})
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        if self._place is not None:
            self._tasks.start_soon(self._serve, self._place.listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._place is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._place.remove)
        self._stop.set()
        if not self._is_loaded:
            self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def _serve(self, listener: socket.socket) -> None:
        try:
            await anyio.wait_readable(listener)
            load = partial(_load, sniffio.current_async_library(), self._desk, self._looks)
            serve, serving = await anyio.to_thread.run_sync(load)
            self._is_loaded = True
            await serve(serving(listeners=[listener], stop=self._stop, grace_s=GRACE_S))
        except Exception:  # whatever it is, delivering goes on
            _log.exception("no commands reach this engine any more: its HTTP server failed")
        finally:
            listener.close()


def _load(library: str, desk: Desk, looks: Looks) -> tuple[Serve, Callable[..., Serving]]:
    from ..net.serving import ConnectionLimits, Watches, serve_on
    from ..net.serving.listening import Serving
    from .app import admin_app
    from .messages import MAX_HEAD_BYTES

    watches = Watches(ConnectionLimits(head_bytes=MAX_HEAD_BYTES), LoopTime())
    return serve_on(library), partial(Serving, app=admin_app(desk, looks), watches=watches)
