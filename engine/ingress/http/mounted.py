"""The same app for a program that has an HTTP server of its own.

    app = Starlette(routes=[Mount("/collect", tracking_app(engine))], lifespan=...)     # the engine is entered in the lifespan

The server has to run in the loop of the engine. How long a head may take is then that server's to say; all else is as in `doorstep run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ...errors import ConfigError, Problem
from ...settings import decode_hook
from ..intake import Intake
from ..settings import HttpSettings, WriteKey
from .app import AsgiApp, TrackingApp, Wanted

_NOWHERE = "127.0.0.1:0"


class Mountable(Protocol):
    """What is asked of an engine."""

    @property
    def intake(self) -> Intake:
        """Where events go. There before the engine is entered; then it refuses them."""
        ...

    @property
    def http_ingresses(self) -> Sequence[HttpSettings]:
        """Those of its configuration."""
        ...

    @property
    def max_event_bytes(self) -> int:
        """Of its configuration."""
        ...


def tracking_app(
    engine: Mountable, ingress: str | None = None, *, keys: Sequence[Mapping[str, Any]] | None = None
) -> AsgiApp:
    """An ASGI app that takes what Segment's SDKs send, and plain events at `/events`, and hands them on to `engine`.

    It is set up as the `[[ingress]]` of type `http` named `ingress`, or the only one there is, though nothing listens at its address;
    without any, whatever write key is accepted, and the source is `program`. `keys` come in place of the ingress' own, each a mapping as
    in the configuration file. Requests that come before the engine is entered, or after it has ended, are answered 503. Raises
    ConfigError if there is no such ingress, or it stays open which, and msgspec.ValidationError for wrong keys.
    """
    settings = _chosen(engine.http_ingresses, ingress)
    chosen = settings.keys if keys is None else tuple(map(_write_key, keys))
    wanted = Wanted(
        name=settings.name,
        keys=chosen,
        max_body_bytes=settings.max_body_bytes,
        max_event_bytes=engine.max_event_bytes,
        body_timeout_s=settings.body_timeout,
    )
    return TrackingApp(wanted, engine.intake)


def _chosen(ingresses: Sequence[HttpSettings], name: str | None) -> HttpSettings:
    named = [one for one in ingresses if name in (None, one.name)]
    if len(named) == 1:
        return named[0]
    if not named and name is None:
        return HttpSettings(listen=_NOWHERE, name="program")
    known = ", ".join(one.name for one in ingresses) or "none"
    message = f"say which HTTP ingress the app is to be; there are: {known}"
    raise ConfigError([Problem("ingress", message, "tracking_app")])


def _write_key(key: Mapping[str, Any]) -> WriteKey:
    return msgspec.convert(dict(key), WriteKey, dec_hook=decode_hook)
