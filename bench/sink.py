"""A local HTTP receiver that is not the bottleneck, counts what comes, and misbehaves where it is asked to.

    /ok...            200 at once                     /hang...        never answers
    /slow...?ms=50    200 after 50 ms                 /trickle...     one byte of a body per second
    /status/503...    that status                     /flaky...?rate=0.2    503 with that probability

`GET /stats` tells what came, by path; `POST /reset` forgets it. On any path, `count=1` counts the events in the bodies,
`ids=1` keeps their messageIds (unique ones and repeats), `latency=1` measures from the feeder's stamp to the arrival of the
whole body, `pace=1` keeps how many bytes came in each tenth of a second. What a request costs here is a few microseconds; the
sink's own processor time is in the statistics, so that a run can show that the sink was not what limited it. `python -m
bench.sink [--port N]` prints its port as a JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import msgspec
import uvloop

from .http1 import Inbox, NotUnderstood
from .paths import Answer, Tally


class Connection(asyncio.BufferedProtocol):
    """One client. Answers in order: while an answer is being waited for, requests behind it wait too."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._inbox = Inbox()
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._inbox.free()

    def buffer_updated(self, nbytes: int) -> None:
        self._inbox.received(nbytes)
        self._serve()

    def _serve(self) -> None:
        try:
            while not self._busy and (request := self._inbox.next()) is not None:
                answer, body = self._tally.handle(request)
                self._obey(answer, body)
        except NotUnderstood:
            self._transport.close()

    def _obey(self, answer: Answer, body: bytes) -> None:
        if answer == (200, 0.0, False):
            self._transport.write(_head(200, len(body)) + body)
            return
        self._busy = True
        if answer.trickles:
            self._transport.write(_head(200, 10**6))
            self._trickle()
        elif answer.status:
            self._later(answer.after_s, lambda: self._resume(_head(answer.status, len(body)) + body))

    def _resume(self, response: bytes) -> None:
        self._transport.write(response)
        self._busy = False
        self._serve()

    def _trickle(self) -> None:
        self._transport.write(b".")
        self._later(1.0, self._trickle)

    def _later(self, after_s: float, then: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(after_s, then)


def _head(status: int, length: int) -> bytes:
    return _HEADS[status] % length


_HEADS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n".encode()
    for status in HTTPStatus
}


async def serve(host: str, port: int) -> None:
    """Serves until cancelled; prints where."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), host, port, backlog=1024)
    print(msgspec.json.encode({"port": server.sockets[0].getsockname()[1]}).decode(), flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.sink", description="A local HTTP receiver that counts.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one (the default)")
    options = parser.parse_args()
    gc.freeze()
    uvloop.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
