"""The second yardstick: the least that one request per event costs. `python -m bench.bare URL < events`.

A bare aiohttp loop: stdin is read into memory first, then `IN_FLIGHT` workers post one line after the other. Nothing is
decoded, nothing can fail. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator

import aiohttp
import uvloop

IN_FLIGHT = 8
JSON = {"Content-Type": "application/json"}


async def worker(session: aiohttp.ClientSession, url: str, lines: Iterator[bytes]) -> None:
    """Posts lines until there are none; the workers share the iterator."""
    for line in lines:
        async with session.post(url, data=line, headers=JSON) as response:
            await response.read()
            response.raise_for_status()


async def post_all(url: str, lines: list[bytes]) -> None:
    """Every line in a request of its own."""
    shared = iter(lines)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
        await asyncio.gather(*[worker(session, url, shared) for _ in range(IN_FLIGHT)])


def main() -> None:
    """Reads, posts, reports."""
    lines = sys.stdin.buffer.read().splitlines()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    started = time.monotonic()
    uvloop.run(post_all(sys.argv[1], lines))
    seconds = time.monotonic() - started
    print(
        json.dumps({"events": len(lines), "sent": len(lines), "seconds": seconds, "cpu_seconds": time.process_time()})
    )


if __name__ == "__main__":
    main()
