"""`python -m bench.hostile HOST PORT IDLE SLOW`: so many connections that say nothing, and so many whose request never ends.

Whatever is cut off is opened anew. Prints a line once all are open; goes on until its standard input ends.
"""

from __future__ import annotations

import asyncio
import resource
import sys

BYTE_S = 1.0
"""Between two bytes of a slow one."""


async def main(host: str, port: int, idle: int, slow: int) -> None:
    """Until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(dawdle(host, port, n < slow, opened)) for n in range(idle + slow)]
    for _ in tasks:
        await opened.acquire()
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def dawdle(host: str, port: int, is_slow: bool, opened: asyncio.Semaphore) -> None:
    """One connection after another."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            opened.release()
            if is_slow:
                await drip(writer)
            await reader.read()
            writer.close()
        except OSError:
            await asyncio.sleep(BYTE_S)


async def drip(writer: asyncio.StreamWriter) -> None:
    """A head that never ends."""
    writer.write(b"POST /v1/track HTTP/1.1\r\nX-Slow: ")
    while not writer.is_closing():
        await asyncio.sleep(BYTE_S)
        writer.write(b"x")
        await writer.drain()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
