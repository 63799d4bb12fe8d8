"""A live table on the terminal while the engine runs: four times a second, off the path of events, with the log lines above it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from rich.console import Console, Group
from rich.live import Live

from ..app import Engine
from ..telemetry import Statistics
from .tables import console_on, destinations_table, headline

EVERY_S = 0.25


async def show_progress(engine: Engine) -> None:
    """Until cancelled."""
    console = console_on(sys.stderr)
    with Live(console=console, auto_refresh=False, transient=True) as live, logs_above(console):
        while True:
            live.update(_picture(engine.statistics()), refresh=True)
            await anyio.sleep(EVERY_S)


@contextmanager
def logs_above(console: Console) -> Iterator[None]:
    """Log lines go through `console`, which knows what is on the screen, and so do not tear it."""
    handlers = [
        handler for handler in logging.getLogger("doorstep").handlers if isinstance(handler, logging.StreamHandler)
    ]
    before = [handler.setStream(_Above(console)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.setStream(stream)


class _Above:
    """As much of a stream as a log handler uses."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        self._console.print(text, end="", markup=False, highlight=False, soft_wrap=True)

    def flush(self) -> None:
        """Printed already."""


def _picture(statistics: Statistics) -> Group:
    return Group(headline(statistics), destinations_table(statistics))
