"""The engine that runs can be asked: HTTP and JSON under `/admin/v1`, and the console, a web page that does so.

    command -> client -> admin.sock -> net.serving (uvicorn or hypercorn) -> Trusting -> app -> Desk, Looks, Bench
    browser, scripts  -> [admin] listen ->          "                     -> Guard    ->  "

The Unix socket is its own user's alone; what comes by TCP has to say who it is, unless it is from this machine and nobody wants to know.

| file | what |
|---|---|
| `settings.py` | `[admin]` |
| `server.py` | opens the sockets at the start; loads all that is heavy when somebody asks for the first time |
| `access.py`, `guard.py` | who asks: Host, Origin, tokens. Denies what it does not know |
| `audit.py`, `knowing.py` | who changed what; the secrets that no answer may have |
| `place.py` | where the socket is, from both sides |
| `resource.py`, `app.py`, `openapi.py` | the one table: routes, roles, types; what is made of it |
| `looking.py`, `trying.py`, `pages.py`, `console/` | resources that only look; tests, dry runs, configuration; the console's files |
| `answering.py` | requests read, answers and refusals written |
| `messages.py` | what goes over the wire, for both sides |
| `client.py` | a `Desk` on the other side of the socket, for commands |

Never decides anything: each request is one call of a `Desk` or a `Bench` (`bench.py`). An engine that is never asked pays for a socket
and nothing else, so nothing here but `server.py` and what it imports at once may be imported with the engine.
"""

from .server import AdminServer, serve_admin
from .settings import AdminSettings

__all__ = ["AdminServer", "AdminSettings", "serve_admin"]
