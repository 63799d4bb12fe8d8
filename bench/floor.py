"""The yardstick: the least that a Python process can do between stdin and HTTP. `python -m bench.floor URL < events`.

Reads chunks, decodes each envelope (nested parts left as `Raw`), keeps `type != "group"`, joins 500 raw lines into a JSON
array, posts with four requests in flight. No validation, no retries, no limits, no mailbox: what the engine costs beyond
this is what its promises cost. One file, nothing of the project in it. Prints one JSON line.

Tried, and no faster beyond the noise (2.4 to 2.8 us an event): `decode_lines` on whole chunks, 64 and 256 KiB reads, reading
in a thread, fewer fields, no cookie jar, no timeouts; reads of 1 MiB were slower (3.1 us: they leave the cache).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import stat
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import uvloop

READ_BYTES = 128 * 1024
PIPE_BYTES = 1024 * 1024
BATCH = 500
IN_FLIGHT = 4
JSON = {"Content-Type": "application/json"}


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What a router needs of an event."""

    type: str
    messageId: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    event: str | None = None
    timestamp: str | None = None
    properties: msgspec.Raw = msgspec.Raw()
    traits: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    integrations: msgspec.Raw = msgspec.Raw()


decode = msgspec.json.Decoder(Envelope).decode


class Sender:
    """Posts batches, at most `IN_FLIGHT` at a time."""

    def __init__(self, session: aiohttp.ClientSession, posts: asyncio.TaskGroup, url: str) -> None:
        self._session = session
        self._posts = posts
        self._url = url
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self.requests = 0

    async def send(self, lines: list[bytes]) -> None:
        """Waits for a slot, not for the answer."""
        await self._slots.acquire()
        self.requests += 1
        self._posts.create_task(self._post(b"[%b]" % b",".join(lines)))

    async def _post(self, body: bytes) -> None:
        async with self._session.post(self._url, data=body, headers=JSON) as response:
            await response.read()
            response.raise_for_status()
        self._slots.release()


async def chunks(fd: int) -> AsyncIterator[bytes]:
    """What is there to read, as it comes; from a file, at once."""
    loop = asyncio.get_running_loop()
    waits = not stat.S_ISREG(os.fstat(fd).st_mode)
    while True:
        if waits:
            ready = loop.create_future()
            loop.add_reader(fd, ready.set_result, None)
            await ready
            loop.remove_reader(fd)
        else:
            await asyncio.sleep(0)
        if not (data := os.read(fd, READ_BYTES)):
            return
        yield data


async def whole_lines(fd: int) -> AsyncIterator[bytes]:
    """Chunks cut at line ends."""
    rest = b""
    async for data in chunks(fd):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest += data
    if rest:
        yield rest


async def pump(fd: int, url: str) -> dict[str, float]:
    """Moves everything from `fd` to `url`; counts."""
    read = sent = 0
    held: list[bytes] = []
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as posts:
        sender = Sender(session, posts, url)
        async for chunk in whole_lines(fd):
            lines = chunk.splitlines()
            read += len(lines)
            held += [line for line in lines if decode(line).type != "group"]
            while len(held) >= BATCH:
                await sender.send(held[:BATCH])
                sent += BATCH
                del held[:BATCH]
        if held:
            await sender.send(held)
            sent += len(held)
    return {"events": read, "sent": sent, "requests": sender.requests}


def main() -> None:
    """Runs the pump with a calm collector and a large pipe, as the engine does."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    started = time.monotonic()
    counts = uvloop.run(pump(0, sys.argv[1]))
    times = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time()}
    print(msgspec.json.encode({**counts, **times}).decode())


if __name__ == "__main__":
    main()
