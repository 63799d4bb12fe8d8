"""The demo's table: live on a terminal, every few seconds elsewhere; and at the end what was to be seen, in a sentence."""

from __future__ import annotations

import os
import sys
from collections import deque

import anyio
from anyio.abc import TaskGroup
from rich.console import Group
from rich.live import Live
from rich.table import Table

from ...app import Engine
from ...telemetry import Statistics
from ..tables import console_on, destinations_table, headline, milliseconds, state_of

LOOK_S = 0.25
PRINT_S = 2.0
_LOOKS = 8
"""A rate is over so many looks: two seconds."""
CHARACTERS = "healthy answers at once, flaky slowly and every fifth time 500, dead {dead}"
REFUSES = "not at all"
BACK = "again"


class Board:
    """Looks at an engine's statistics four times a second, and remembers what the last sentence needs."""

    def __init__(self, engine: Engine, rate: int) -> None:
        self._engine = engine
        self._rate = rate
        self._console = console_on(sys.stdout)
        self._looks: deque[Statistics] = deque(maxlen=_LOOKS + 1)
        self._dead = REFUSES
        self._opened = False
        self._waiting = 0
        self._back_at: float | None = None
        self._caught_up_s: float | None = None

    def start(self, beside: TaskGroup) -> None:
        """Shows what there is to see, until `beside` ends."""
        self._console.print(f"the console: {self._engine.console_url}\n")
        live = self._console.is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        beside.start_soon(self._show_live if live else self._print_now_and_then)

    def back(self) -> None:
        """The dead receiver is about to answer: the last chance to see it dead."""
        statistics = self._look()
        if not self._console.is_terminal:
            self._console.print(self._picture(statistics))
        self._dead = BACK
        self._back_at = statistics.duration_s

    def finish(self) -> None:
        """The final numbers, and what they say."""
        statistics = self._look()
        self._console.print(headline(statistics))
        self._console.print(destinations_table(statistics))
        self._console.print(self._sentence(statistics))

    async def _show_live(self) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._picture(self._look()), refresh=True)
                await anyio.sleep(LOOK_S)

    async def _print_now_and_then(self) -> None:
        printed = 0.0
        while True:
            statistics = self._look()
            if statistics.duration_s - printed >= PRINT_S:
                printed = statistics.duration_s
                self._console.print(self._picture(statistics))
            await anyio.sleep(LOOK_S)

    def _look(self) -> Statistics:
        statistics = self._engine.statistics()
        self._looks.append(statistics)
        dead = statistics.destinations["dead"]
        self._opened = self._opened or dead.state == "open"
        self._waiting = max(self._waiting, dead.pending + dead.parked)
        is_through = self._back_at is not None and dead.delivered and dead.pending + dead.parked < self._rate
        if is_through and self._caught_up_s is None and self._back_at is not None:
            self._caught_up_s = statistics.duration_s - self._back_at
        return statistics

    def _picture(self, statistics: Statistics) -> Group:
        table = Table(box=None, pad_edge=False)
        for name in ("receiver", "breaker"):
            table.add_column(name, no_wrap=True)
        for name in ("a second", "delivered", "retried", "pending", "dropped", "p99 ms"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, one in statistics.destinations.items():
            counts = [self._speed(name), one.delivered, one.retried, one.pending + one.parked, one.dropped]
            numbers = [f"{count:,.0f}" for count in counts]
            table.add_row(name, state_of(one), *numbers, milliseconds(one.latency_ms.p99))
        head = f"after {statistics.duration_s:.1f} s: {statistics.accepted:,} events, {self._rate:,} a second, to three receivers"
        return Group(head, CHARACTERS.format(dead=self._dead), table, "")

    def _speed(self, name: str) -> float:
        """Deliveries a second, lately."""
        first, last = self._looks[0], self._looks[-1]
        took_s = last.duration_s - first.duration_s
        count = last.destinations[name].delivered - first.destinations[name].delivered
        return count / took_s if took_s > 0 else 0.0

    def _sentence(self, statistics: Statistics) -> str:
        healthy = statistics.destinations["healthy"].latency_ms.p99
        opened = "its breaker opened, " if self._opened else ""
        caught_up = (
            f" and got them within {self._caught_up_s:.1f} s of being back" if self._caught_up_s is not None else ""
        )
        return (
            f"While dead refused connections, {opened}up to {self._waiting:,} events waited for it{caught_up}; "
            f"healthy was not held up by that (99 of 100 events there within {milliseconds(healthy)} ms)."
        )
