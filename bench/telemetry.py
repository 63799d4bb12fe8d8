"""What telemetry costs: the same events through the same engine in this process, with it and without it in turn, by CPU time.

    python -m bench telemetry [--turns 5] [--events 400000]

A receiver that answers at once is in the process, so that nothing else moves the figure. Without telemetry means: nothing is looked at
once an attempt, and there is no delivery log. What the summary counts is counted either way, as it always was.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Self

import anyio
import anyio.lowlevel
from doorstep.engine import Engine, load_config
from doorstep.engine.model.exchange import Request, Response
from doorstep.engine.net import NetSettings
from doorstep.engine.net.transport import TransportStatistics
from doorstep.engine.telemetry import Attempts

from .events import Mix

GOAL_US = 0.2
PIECE = 500
_CONFIG = """
[engine]
durability = "memory"
[destinations.hook]
type = "webhook"
settings = { url = "http://127.0.0.1:9/" }
"""
_HOOKS = ("sent", "reported", "ended", "lost")


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    command = commands.add_parser("telemetry", help="what telemetry costs an event, with it and without it in turn")
    command.add_argument("--turns", type=int, default=5)
    command.add_argument("--events", type=int, default=400_000, help="in each turn, with it and without it (400000)")
    command.set_defaults(command=telemetry_command)


def telemetry_command(options: argparse.Namespace) -> int:
    """Exits 1 if it costs more than the goal."""
    lines = [line for block in Mix().lines(options.events) for line in block.splitlines()]
    _cost_us(lines[:50_000])  # warm
    differences = []
    for turn in range(options.turns):
        with_it = _cost_us(lines)
        with _without():
            without_it = _cost_us(lines)
        differences.append(with_it - without_it)
        print(
            f"{turn + 1}: {with_it:.3f} with, {without_it:.3f} without, {differences[-1]:+.3f} us of CPU an event",
            flush=True,
        )
    cost = median(differences)
    print(f"median {cost:+.3f}, goal at most {GOAL_US}: {'met' if cost <= GOAL_US else 'missed'}")
    return 0 if cost <= GOAL_US else 1


def _cost_us(lines: Sequence[bytes]) -> float:
    gc.collect()
    return anyio.run(_run, lines, backend="asyncio", backend_options={"use_uvloop": True}) / len(lines) * 1e6


async def _run(lines: Sequence[bytes]) -> float:
    """CPU seconds."""
    async with Engine(load_config(text=_CONFIG), open_transport=_Echo.open) as engine:
        before = time.process_time()
        for start in range(0, len(lines), PIECE):
            await engine.submit(lines[start : start + PIECE])
        await engine.drain()
        spent_s = time.process_time() - before
    assert engine.statistics().destinations["hook"].delivered == len(lines)
    return spent_s


class _Echo:
    """Answers at once."""

    @classmethod
    async def open(cls, settings: NetSettings) -> Self:
        return cls()

    async def send(self, request: Request, timeout_s: float) -> Response:
        await anyio.lowlevel.checkpoint()
        return Response(200, {}, b"ok")

    async def aclose(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    def statistics(self) -> TransportStatistics:
        """Nobody asks."""
        raise NotImplementedError


class _Unheard:
    """In place of what is kept of an exchange."""

    def answered(self, response: Response) -> None:
        """Forgets it."""


@contextmanager
def _without() -> Iterator[None]:
    kept = {name: getattr(Attempts, name) for name in _HOOKS}
    unheard = _Unheard()
    for name in _HOOKS:
        setattr(Attempts, name, lambda *_, **__: unheard)
    try:
        yield
    finally:
        for name, hook in kept.items():
            setattr(Attempts, name, hook)
