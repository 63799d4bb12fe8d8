"""Many clients that write one event at a time and wait for its ack: how late the acks are. Open loop, one thread, uvloop."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from typing import NamedTuple, cast

import msgspec
import uvloop

from .facts import Facts
from .ledger import Ledger
from .producer import Address
from .repeats import SECOND_NS

TICK_S = 0.001
LAST_ACKS_S = 10.0


class Waits(NamedTuple):
    """Nanoseconds."""

    acks_ns: array[int]
    """From when each event was due to its ack."""
    late_ns: array[int]
    """How late the clients themselves were, at each look at the clock: what of it is not the engine's."""


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, ledger: Ledger, latencies_ns: array[int]) -> None:
        self.waiting: deque[tuple[int, int]] = deque()
        """(id, when it was due) of what is not acknowledged."""
        self._ledger, self._latencies_ns = ledger, latencies_ns
        self._answered = 0
        self._heard = b""
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def send(self, i: int, line: bytes, due_ns: int) -> None:
        """One event."""
        self.waiting.append((i, due_ns))
        self._transport.write(line)

    def data_received(self, data: bytes) -> None:
        *lines, self._heard = (self._heard + data).split(b"\n")
        if lines:
            now_ns, upto = time.monotonic_ns(), msgspec.json.decode(lines[-1])["ack"]
            done = [self.waiting.popleft() for _ in range(upto - self._answered)]
            self._ledger.ack([i for i, _ in done])
            self._latencies_ns.extend(now_ns - due_ns for _, due_ns in done)
            self._answered = upto

    async def finish(self) -> None:
        """Ends the connection; waits for the last ack, after which the engine closes it too."""
        self._transport.write_eof()
        await self._closed.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()


def ack_latencies_ns(
    facts: Facts, ledger: Ledger, address: Address, *, clients: int, rate: int, seconds: float
) -> Waits:
    """`rate` events a second of all clients together, from id 0 on. Raises TimeoutError if an ack never comes."""
    return uvloop.run(_run(facts, ledger, address, clients, rate, round(rate * seconds)))


async def _run(facts: Facts, ledger: Ledger, address: Address, clients: int, rate: int, total: int) -> Waits:
    waits = Waits(array("q"), array("q"))
    everyone = [await _connect(Client(ledger, waits.acks_ns), address) for _ in range(clients)]
    start_ns, i = time.monotonic_ns(), 0
    while i < total:
        due = min(total, (time.monotonic_ns() - start_ns) * rate // SECOND_NS)
        ledger.send(range(i, due))
        waits.late_ns.append(time.monotonic_ns() - start_ns - i * SECOND_NS // rate)
        for n in range(i, due):
            everyone[n % clients].send(n, facts.event(n) + b"\n", start_ns + n * SECOND_NS // rate)
        i = due
        await asyncio.sleep(TICK_S)
    async with asyncio.timeout(LAST_ACKS_S):
        for client in everyone:
            await client.finish()
    return waits


async def _connect(client: Client, address: Address) -> Client:
    loop = asyncio.get_running_loop()
    if isinstance(address, str):
        await loop.create_unix_connection(lambda: client, address)
    else:
        await loop.create_connection(lambda: client, *address)
    return client
