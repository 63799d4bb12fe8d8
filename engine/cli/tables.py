"""What people see of the numbers: one table, at the end and while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..telemetry import DestinationStatistics, Statistics

WIDTH = 110
"""Where there is no terminal to say how wide it is."""
_STYLES = {"closed": "green", "half_open": "yellow", "open": "red", "held": "bold red", "crashed": "bold red"}
_WORDS = {"closed": "working", "half_open": "trying", "open": "open"}
"""A breaker's states as people say them; `open` is the well-known one."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # it is called while that error is handled; rich would end the process from within whatever prints


def console_on(stream: TextIO) -> Console:
    """rich's console for `stream`. Raises BrokenPipeError when nobody reads that any more."""
    return _Console(file=stream, width=None if stream.isatty() else WIDTH, highlight=False, soft_wrap=False)


def print_summary(statistics: Statistics) -> None:
    """The numbers of a run that has ended, on stderr."""
    console = console_on(sys.stderr)
    console.print(headline(statistics))
    console.print(destinations_table(statistics))


def headline(statistics: Statistics) -> str:
    """What came in, in one line."""
    return headline_of(statistics.summary())


def headline_of(summary: Mapping[str, Any]) -> str:
    """The same of a summary."""
    took_s, received = summary["duration_s"], summary["received"]
    rate = f", {received / took_s:,.0f} a second" if took_s > 0 else ""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary["rejected"].items())
    rejected = f", rejected {sum(summary['rejected'].values()):,} ({reasons})" if reasons else ""
    duplicates = f", duplicates {summary['duplicates']:,}" if summary["duplicates"] else ""
    return f"received {received:,}, accepted {summary['accepted']:,}{rejected}{duplicates} in {took_s:.1f} s{rate}"


def destinations_table(statistics: Statistics) -> Table:
    """A row for each destination, in 80 columns: where it is too wide, long names go on in the next line, and no number is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("destination", overflow="fold")
    table.add_column("state", no_wrap=True)
    for name in ("delivered", "filtered", "given-up", "dropped", "pending", "retried", "p99 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in statistics.destinations.items():
        table.add_row(name, state_of(one), *_numbers(one))
    return table


def state_of(one: DestinationStatistics) -> Text:
    """Its state in a word and a colour."""
    return state_text(one.state)


def state_text(state: str, reason: str | None = None) -> Text:
    """The same, with the reason if there is one."""
    word = _WORDS.get(state, state)
    return Text(f"{word}: {reason}" if reason else word, style=_STYLES.get(state, ""))


def milliseconds(value: float | None) -> str:
    """`12`, `1,204`, `-` for none yet."""
    return "-" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _numbers(one: DestinationStatistics) -> list[str]:
    counts = [one.delivered, sum(one.filtered.values()), one.dead_lettered, one.dropped + one.expired]
    waiting = [one.pending + one.parked, one.retried]
    return [*(f"{count:,}" for count in counts + waiting), milliseconds(one.latency_ms.p99)]
