"""`doorstep status`: how a running engine stands, one row a destination, once or as long as somebody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from ..errors import NotRunning
from ..units import format_duration, format_size
from .desk import journal_options, look_on, place_of
from .options import expect_stdout
from .tables import console_on, headline_of, milliseconds, state_text
from .telling import as_json

if TYPE_CHECKING:
    from ..admin.client import RemoteDesk

EVERY_S = 1.0


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on, once a second, until Ctrl-C or the engine's end.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
@journal_options
def status_command(watch: bool, form: str, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Shows how the engine that runs on this journal stands: what came in, and for each destination what became of it.

    The numbers are those of the summary. Exit code 3: no engine runs there.
    """
    expect_stdout()
    console = console_on(sys.stdout)

    async def show(desk: RemoteDesk) -> None:
        first = await desk.status()
        if not watch:
            _print(console, first, form)
            return
        with suppress(NotRunning):
            if form == "text" and console.is_terminal:
                await _watch_live(console, desk)
            else:
                await _watch(lambda report: _print(console, report, form), desk)
        click.echo("the engine has ended", err=True)

    look_on(place_of(configs, data_dir), show)


async def _watch_live(console: Console, desk: RemoteDesk) -> None:
    with Live(console=console, auto_refresh=False) as live:
        await _watch(lambda report: live.update(picture(report), refresh=True), desk)


async def _watch(show: Callable[[Mapping[str, Any]], None], desk: RemoteDesk) -> None:
    while True:
        show(await desk.status())
        await anyio.sleep(EVERY_S)


def _print(console: Console, report: Mapping[str, Any], form: str) -> None:
    if form == "json":
        click.echo(as_json(report))
    else:
        console.print(picture(report))


def picture(report: Mapping[str, Any]) -> Group:
    """For people."""
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("destination", overflow="fold")
    table.add_column("state", no_wrap=True)
    for name in ("a second", "delivered", "lag", "parked", "given-up", "p99 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("owner", overflow="fold")
    for name, one in report["destinations"].items():
        counts = [f"{one[key]:,}" for key in ("parked", "dead_lettered")]
        numbers = [f"{one['per_second']:,.0f}", f"{one['delivered']:,}", _lag(one["lag"]), *counts]
        state = state_text(one["state"], one["reason"])
        table.add_row(name, state, *numbers, milliseconds(one["latency_ms"]["p99"]), one["owner"] or "-")
    return Group(headline_of(report), table, *_journal(report["journal"]), _process(report["process"]))


def _lag(lag: Mapping[str, Any]) -> str:
    """Of a lag below a second nobody wants to know how long it is."""
    waited = f" ({format_duration(lag['seconds'])})" if lag["seconds"] >= 1 else ""
    return f"{lag['events']:,}{waited}"


def _journal(journal: Mapping[str, Any] | None) -> list[str]:
    if journal is None:
        return []
    used = f"journal {format_size(journal['used_bytes'])} of {format_size(journal['max_bytes'])}"
    full = ", full: nothing is accepted" if journal["is_full"] else ""
    return [f"{used}{full}; {_window(journal)}"]


def _window(journal: Mapping[str, Any]) -> str:
    """How far back a replay can go, really."""
    wished = format_duration(journal["retention_s"])
    if journal["kept_since"] is None:
        return f"nothing is kept for replay yet (of {wished})"
    kept_s = max(0.0, time.time() - journal["kept_since"])
    return f"the last {format_duration(kept_s)} are kept for replay (of {wished})"


def _process(process: Mapping[str, Any]) -> str:
    lag = (
        f", the loop is at most {process['loop_lag_max_ms']:,.0f} ms late" if process["loop_lag_ms"] is not None else ""
    )
    return f"memory {format_size(process['rss_bytes'])}{lag}"
