"""HTTP in: an ASGI app on sockets that listen already, in the engine's own loop. The admin API and the HTTP ingress are served so.

    listener -> accept (at the limit, whoever has been idle longest makes room) -> (TLS) -> uvicorn's or hypercorn's parser -> app

| file | what |
|---|---|
| `watch.py` | what is known of each connection, and when it has waited long enough. Pure |
| `requests.py` | the app, whose requests are noted and can be given up |
| `on_asyncio.py`, `on_trio.py` | the connections themselves |

Neither uvicorn nor hypercorn bounds how long a request's head may take, so that deadline sits here, at the connection: a client that sends
a byte now and then is cut off once its head has taken `head_s`, wherever it stops. How long a body may take is the app's to say.
Imported lazily, by whoever serves: the two servers take 0.1 s and some MiB to load.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import sniffio

from .requests import BODY_IS_HERE
from .watch import ConnectionLimits, Watches

if TYPE_CHECKING:
    from .listening import Serving

__all__ = ["BODY_IS_HERE", "ConnectionLimits", "Serve", "Watches", "serve_on"]

Serve: TypeAlias = "Callable[[Serving], Awaitable[None]]"


def serve_on(library: str | None = None) -> Serve:
    """What serves on this loop (or on the named one): accepts until `stop` is set, gives those in the middle `grace_s`, closes all."""
    if (library or sniffio.current_async_library()) == "trio":
        from .on_trio import serve
    else:
        from .on_asyncio import serve
    return serve
