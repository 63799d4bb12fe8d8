"""The other end: a process with a path for each destination, which checks every event and fails as it is told to.

`POST /NAME` takes events. `POST /control/NAME` (a `Behaviour` as JSON) says how NAME behaves from now on; a path that was never
told is healthy. `GET /control` gives the `Counts` of all paths (JSON), `GET /control/NAME` all of one (`Arrived`, msgpack);
`GET /open` how many connections are open, the one that asks among them.

`python -m bench.reliability.receiver SEED` prints its port and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import sys
import time
from typing import cast

import msgspec
import uvloop

from bench.http1 import Request
from bench.paths import Answer, Tally
from bench.sink import Connection

from .arrivals import Arrivals
from .behaviour import RESET, Asked, Behaviour, answer, arrives
from .facts import Facts

_AUTHORIZATION = re.compile(rb"\r\nAuthorization: *([^\r]*)\r\n", re.IGNORECASE)
_HEAD_BYTES = 4096


class Paths(Tally):
    """All paths, in place of the bench's: what a request is answered with, and what is kept of it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._facts = Facts(seed)
        self._draw = random.Random(seed).random
        self._behaviours: dict[str, Behaviour] = {}
        self._arrivals: dict[str, Arrivals] = {}
        self.open = 0

    def handle(self, request: Request) -> tuple[Answer, bytes]:
        """What to do about a request, and the body of the answer."""
        _, first, *rest = request.target.split("/")
        if first == "control":
            return Answer(), self._control(request, "/".join(rest))
        if first == "open":
            return Answer(), b"%d" % self.open
        return self._deliver(request, first), b"{}"

    def _deliver(self, request: Request, name: str) -> Answer:
        now_ns = time.monotonic_ns()
        arrivals = self._arrivals.setdefault(name, Arrivals())
        body, authorization = request.body, _authorization(request)
        seen = self._facts.read(body)
        given = answer(self._behaviours.get(name, Behaviour()), Asked(seen, authorization), self._draw)
        arrivals.hear(authorization)
        if arrives(given):
            arrivals.take(seen, body, now_ns)
        else:
            arrivals.refuse(now_ns)
        return given

    def _control(self, request: Request, name: str) -> bytes:
        if request.method == "POST":
            self._behaviours[name] = msgspec.json.decode(request.body, type=Behaviour)
            return b"{}"
        if name:
            return msgspec.msgpack.encode(self._arrivals.get(name, Arrivals()).arrived())
        return msgspec.json.encode({name: arrivals.counts() for name, arrivals in self._arrivals.items()})


class FaultyConnection(Connection):
    """One that is counted, and that can also be closed in place of an answer."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(paths)
        self._paths = paths

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._paths.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._paths.open -= 1

    def _obey(self, answer: Answer, body: bytes) -> None:
        if answer == RESET:
            self._busy = True
            self._transport.abort()
        else:
            super()._obey(answer, body)


def _authorization(request: Request) -> str:
    head = request.buffer[max(0, request.start - _HEAD_BYTES) : request.start]
    found = _AUTHORIZATION.findall(head)
    return cast(bytes, found[-1]).decode("latin-1") if found else ""


async def serve(seed: int) -> None:
    """Serves until standard input ends; prints where."""
    paths, loop, ended = Paths(seed), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: FaultyConnection(paths), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(sys.stdin.fileno(), ended.set)  # nothing is ever written to it
    await ended.wait()
    server.close()  # not waited for: clients that hang would keep it open


def main() -> None:
    """The command line."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
