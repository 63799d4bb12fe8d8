"""What happens in the demo, and when."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import anyio
import msgspec
from anyio.abc import TaskGroup

from ...app import Engine
from ...config import load_config
from ...telemetry import Statistics
from .board import Board
from .events import Shop
from .receivers import Receiver, moody, prompt

DEAD_PART = 0.6
"""For so much of the time the dead receiver is dead."""
DEAD_MOST_S = 12.0
TICK_S = 0.02
PATIENCE_S = 10.0

# The log has room for all that the dead receiver is missing at the highest rate there is.
_CONFIG = """
[engine]
durability = "memory"
memory_log = "512MiB"

[admin]
listen = "127.0.0.1:0"

[destinations.healthy]
type = "webhook"
settings = {{ url = "{healthy}" }}

[destinations.flaky]
type = "webhook"
settings = {{ url = "{flaky}" }}

[destinations.dead]
type = "webhook"
settings = {{ url = "{dead}" }}
breaker = {{ consecutive = 3, open = "500ms", max_open = "2s" }}
"""


class Script(msgspec.Struct, frozen=True):
    """How long, and how much."""

    seconds: float
    """0: until a signal."""
    rate: int
    """Events a second."""

    @property
    def dead_s(self) -> float:
        """After so many seconds the dead receiver is up again."""
        return min(DEAD_MOST_S, self.seconds * DEAD_PART) if self.seconds else DEAD_MOST_S


async def play(script: Script) -> Statistics:
    """All of it; returns the final numbers. The first signal brings the dead receiver back and ends early, the second leaves at once."""
    receivers = {"healthy": Receiver(prompt), "flaky": Receiver(moody), "dead": Receiver(prompt)}
    try:
        await receivers["healthy"].listen()
        await receivers["flaky"].listen()
        config = load_config(text=_CONFIG.format(**{name: one.url for name, one in receivers.items()}))
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            return await Play(script, Engine(config), receivers["dead"]).run(signals)
    finally:
        for receiver in receivers.values():
            receiver.close()


class Play:
    """One performance."""

    def __init__(self, script: Script, engine: Engine, dead: Receiver) -> None:
        self._script = script
        self._engine = engine
        self._dead = dead
        self._is_back = False
        self._board = Board(engine, script.rate)
        self._sending = anyio.CancelScope()
        self._leave = anyio.CancelScope()

    async def run(self, signals: AsyncIterator[signal.Signals]) -> Statistics:
        """From the first event to the last word."""
        async with anyio.create_task_group() as beside:
            with self._leave:
                async with self._engine as engine:
                    self._board.start(beside)
                    beside.start_soon(self._obey, signals)
                    await self._send(beside)
                    await self._bring_back()
                    await engine.drain(PATIENCE_S)
                    await engine.stop(1.0)
            beside.cancel_scope.cancel()
        self._engine.drop_leftovers()
        self._board.finish()
        return self._engine.statistics()

    async def _send(self, beside: TaskGroup) -> None:
        """At a steady rate: as many as are due by now, whatever the last ones took."""
        beside.start_soon(self._come_back_later)
        shop, sent, start = Shop(), 0, anyio.current_time()
        end = start + self._script.seconds if self._script.seconds else float("inf")
        with self._sending:
            while (now := anyio.current_time()) < end:
                due = int((now - start) * self._script.rate) - sent
                if due > 0:
                    await self._engine.submit(shop.events(due), source="demo")
                    sent += due
                await anyio.sleep(TICK_S)

    async def _come_back_later(self) -> None:
        await anyio.sleep(self._script.dead_s)
        await self._bring_back()

    async def _bring_back(self) -> None:
        if not self._is_back:
            self._is_back = True
            self._board.back()
            await self._dead.listen()

    async def _obey(self, signals: AsyncIterator[signal.Signals]) -> None:
        async for _ in signals:
            if self._sending.cancel_called:
                self._leave.cancel()
            self._sending.cancel()
