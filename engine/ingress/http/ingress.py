"""The sockets of an HTTP ingress, and the app behind them."""

from __future__ import annotations

import ssl

import anyio

from ...clock import LoopTime
from ...net.serving import ConnectionLimits, Watches, serve_on
from ..intake import Intake
from ..listen import Listeners
from ..port import IngressStatistics
from ..settings import HttpSettings
from .app import TrackingApp, Wanted

GRACE_S = 5.0
"""After `stop`, for requests whose head has come."""


class HttpIngress:
    """Serves `listeners`, which it closes."""

    def __init__(
        self, settings: HttpSettings, listeners: Listeners, max_event_bytes: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self.name = settings.name
        self._listeners = listeners
        self._tls = tls
        self._wanted = Wanted(
            name=settings.name,
            keys=settings.keys,
            max_body_bytes=settings.max_body_bytes,
            max_event_bytes=max_event_bytes,
            body_timeout_s=settings.body_timeout,
        )
        limits = ConnectionLimits(
            head_s=settings.header_timeout,
            idle_s=settings.idle_timeout,
            connections=settings.max_connections,
        )
        self._watches = Watches(limits, LoopTime())
        self._app: TrackingApp | None = None
        self._stop: anyio.Event | None = None
        self._stopped = False

    def __repr__(self) -> str:
        return f"<HttpIngress {self.name!r} at {', '.join(self.addresses)}, {len(self._watches.open)} connections>"

    @property
    def addresses(self) -> list[str]:
        """Where it listens, with the port that was found for 0."""
        return self._listeners.addresses

    async def run(self, intake: Intake) -> None:
        """See `Ingress`. Returns once every client has its answer."""
        if self._stopped:
            return
        from ...net.serving.listening import Serving

        self._app = TrackingApp(self._wanted, intake)
        self._stop = anyio.Event()
        serving = Serving(
            app=self._app,
            listeners=self._listeners.sockets,
            stop=self._stop,
            grace_s=GRACE_S,
            watches=self._watches,
            tls=self._tls,
        )
        try:
            await serve_on()(serving)
        finally:
            self.stop()

    def stop(self) -> None:
        """See `Ingress`. Whoever has not connected yet is refused; requests under way are answered."""
        if self._stopped:
            return
        self._stopped = True
        if self._stop is not None:
            for listener in self._listeners.sockets:
                anyio.notify_closing(listener)
            self._stop.set()
        self._listeners.close()

    def statistics(self) -> IngressStatistics:
        """See `Ingress`."""
        app = self._app.statistics() if self._app else None
        return IngressStatistics(
            self.name,
            app.size_bytes if app else 0,
            app.lines if app else 0,
            len(self._watches.open),
            self._watches.seen,
            self._watches.cut,
            app.requests if app else 0,
            app.refused if app else {},
        )
