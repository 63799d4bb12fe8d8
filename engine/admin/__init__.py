"""The engine that runs can be asked: HTTP and JSON under `/admin/v1`, on a Unix socket that only its own user may open.

    command -> client -> admin.sock -> net.serving (uvicorn or hypercorn) -> app -> Desk (of the journal)

| file | what |
|---|---|
| `server.py` | opens the socket at the start; loads all that is heavy when somebody asks for the first time |
| `place.py` | where the socket is, from both sides |
| `app.py`, `looking.py`, `answering.py` | the resources; those that only look; requests read, answers and refusals written |
| `messages.py` | what goes over the wire, for both sides |
| `client.py` | a `Desk` on the other side of the socket, for commands |

Never decides anything: each request is one call of a `Desk`. An engine that is never asked pays for a socket and nothing else, so
nothing here but `server.py` and `place.py` may be imported with the engine.
"""

from .server import serve_admin

__all__ = ["serve_admin"]
