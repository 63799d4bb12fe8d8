"""Serves the admin API beside the engine, in its loop. The sockets are there at once; what is behind them, when somebody asks.

    start -> sockets -> (first client) -> imports, in a thread -> uvicorn or hypercorn -> end: half a second for who is in the middle

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
from ..errors import ConfigError, Problem
from ..net.address import format_address, parse_address
from .audit import AuditLog
from .place import Place, open_place
from .settings import AdminSettings

if TYPE_CHECKING:
    from ..journal.desk import Desk
    from ..net.serving import Serve
    from ..net.serving.listening import Serving
    from .bench import Bench
    from .looking import Looks

_log = logging.getLogger("doorstep.admin")


GRACE_S = 0.5
"""For answers that are under way at the end."""
_BACKLOG = 100
NO_SETTINGS = AdminSettings()


def serve_admin(
    desk: Desk,
    looks: Looks,
    folder: Path | None,
    *,
    settings: AdminSettings = NO_SETTINGS,
    bench: Bench | None = None,
) -> AdminServer:
    """Serves `desk` while the block runs: `async with serve_admin(desk, looks, Path(data_dir)): ...`

    To this user's commands on a socket in `folder`, whose lock the caller holds (None: there is no journal, and no such socket), and
    where `settings` say. `looks` is how the engine stands; without a `bench` nothing can be tried or configured.
    """
    return AdminServer(desk, looks, folder, settings, bench)


class AdminServer:
    """See `serve_admin`. Raises ConfigError if nobody can listen where the settings say.

    Leaving the block waits for nobody for more than a second, and never raises.
    """

    _tasks: TaskGroup

    def __init__(
        self, desk: Desk, looks: Looks, folder: Path | None, settings: AdminSettings, bench: Bench | None
    ) -> None:
        self._behind = (desk, looks, bench)
        self._folder, self._settings = folder, settings
        self._place: Place | None = None
        self._listener: socket.socket | None = None
        self._stop = anyio.Event()
        self._loading = anyio.Lock()
        self._loaded: _Loaded | None = None

    def __repr__(self) -> str:
        return f"<AdminServer {self.path or 'nowhere'}>"

    @property
    def path(self) -> Path | None:
        """Where its Unix socket is; None if there is none."""
        return self._place.path if self._place else None

    @property
    def url(self) -> str | None:
        """Where the console is; None if nothing but the Unix socket is there."""
        if self._listener is None:
            return None
        host, port = self._listener.getsockname()[:2]
        return f"http://{format_address(host, port)}/"

    async def __aenter__(self) -> AdminServer:
        if self._settings.listen is not None:
            self._listener = listen_tcp(self._settings.listen)
        try:
            if self._folder is not None:
                self._place = await anyio.to_thread.run_sync(open_place, self._folder)
        except OSError as error:
            facts = {"folder": str(self._folder), "error": str(error)}
            _log.error("no commands reach this engine: its socket cannot be opened", extra={"facts": facts})
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        if self._place is not None:
            self._tasks.start_soon(self._serve, self._place.listener, False)
        if self._listener is not None:
            self._tasks.start_soon(self._serve, self._listener, True)
            _log.info("the console is open", extra={"facts": {"url": self.url}})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._place is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._place.remove)
        self._stop.set()
        if self._loaded is None:
            self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def _serve(self, listener: socket.socket, guarded: bool) -> None:
        try:
            if await self._is_wanted(listener):
                loaded = await self._load()
                await loaded.serve(loaded.serving(listener, self._stop, guarded=guarded))
        except Exception:  # whatever it is, delivering goes on
            _log.exception("nobody reaches the admin API of this engine any more: its HTTP server failed")
        finally:
            listener.close()

    async def _is_wanted(self, listener: socket.socket) -> bool:
        """Waits for a first client; False if the end comes before that."""
        found = False
        async with anyio.create_task_group() as waiting:

            async def client() -> None:
                nonlocal found
                await anyio.wait_readable(listener)
                found = True
                waiting.cancel_scope.cancel()

            waiting.start_soon(client)
            await self._stop.wait()
            waiting.cancel_scope.cancel()
        return found

    async def _load(self) -> _Loaded:
        async with self._loading:
            if self._loaded is None:
                audit = AuditLog(self._folder)
                library = sniffio.current_async_library()
                load = partial(_load, library, *self._behind, audit, self._settings)
                self._loaded = await anyio.to_thread.run_sync(load)
            return self._loaded


def listen_tcp(listen: str) -> socket.socket:
    """A socket that listens there. Raises ConfigError."""
    host, port = parse_address(listen)
    listener: socket.socket | None = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        message = f"can't listen on {listen}: {error.strerror or error}"
        raise ConfigError([Problem("admin.listen", message)]) from error
    return listener


class _Loaded:
    """What serves, once it is loaded."""

    def __init__(self, serve: Serve, serving: Callable[..., Serving]) -> None:
        self.serve, self.serving = serve, serving


def _load(
    library: str, desk: Desk, looks: Looks, bench: Bench | None, audit: AuditLog, settings: AdminSettings
) -> _Loaded:
    from ..net.serving import ConnectionLimits, Watches, serve_on
    from ..net.serving.listening import Serving
    from .access import Access
    from .app import admin_app, public_paths
    from .guard import Guard, Trusting
    from .knowing import Knowing
    from .messages import MAX_HEAD_BYTES

    app = admin_app(desk, looks, bench, audit)
    guard = Guard(app, Access(settings, Knowing(bench).mask), public_paths())

    def serving(listener: socket.socket, stop: anyio.Event, *, guarded: bool) -> Serving:
        watches = Watches(ConnectionLimits(head_bytes=MAX_HEAD_BYTES), LoopTime())
        inner = guard if guarded else Trusting(app)
        return Serving(app=inner, listeners=[listener], stop=stop, grace_s=GRACE_S, watches=watches)

    return _Loaded(serve_on(library), serving)
