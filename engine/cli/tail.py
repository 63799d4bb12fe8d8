"""`doorstep tail`: deliveries of a running engine as they happen, one line an attempt."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from ..telemetry import Delivery, Missed
from .desk import journal_options, look_on, place_of
from .telling import as_json, moment

if TYPE_CHECKING:
    from ..admin.client import RemoteDesk

SAID_CHARS = 200
"""Of what the receiver said to an attempt that failed."""


@click.command("tail")
@click.argument("destination", metavar="[DEST]", required=False)
@click.option("--last", type=click.IntRange(0, 500), default=10, show_default=True, help="So many past ones first.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Whether to wait for more.")
@click.option("--bodies", is_flag=True, help="Also what was sent and what came back, secrets masked.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
@journal_options
def tail_command(
    destination: str | None,
    last: int,
    follow: bool,
    bodies: bool,
    form: str,
    configs: tuple[str, ...],
    data_dir: str | None,
) -> None:
    """Shows attempts at delivery as they happen, at DEST or everywhere, until Ctrl-C or the engine's end.

    What is shown can be personal: it comes over a socket that only the engine's user may open. Exit code 3: no engine runs there.
    """

    def say(heard: Delivery | Missed) -> None:
        click.echo(as_json(heard) if form == "json" else _told(heard, bodies=bodies))

    async def show(desk: RemoteDesk) -> None:
        if not follow:
            found = await desk.deliveries(destination, limit=max(1, last))  # none is no question, and DEST may be wrong
            for one in reversed(found[:last]):
                say(one)
            return
        async with aclosing(desk.follow(destination, last=last)) as heard:
            async for delivery in heard:
                say(delivery)
        click.echo("the engine has ended", err=True)

    look_on(place_of(configs, data_dir), show)


def _told(heard: Delivery | Missed, *, bodies: bool) -> str:
    if isinstance(heard, Missed):
        return f"... {heard.missed:,} more, too many to show"
    return "\n".join([_line(heard), *(_bodies(heard) if bodies else _said(heard))])


def _line(one: Delivery) -> str:
    events = f"{one.delivered:,} of {one.events:,}" if one.result == "partial" else f"{one.events:,}"
    outcome = " ".join(filter(None, [one.result, one.reason if one.result != "delivered" else ""]))
    status = f" (HTTP {one.status})" if one.status is not None else ""
    again = f", try {one.tries}" if one.tries > 1 else ""
    first = f", from {one.message_id or one.first}" if one.events > 1 else f", {one.message_id or one.first}"
    plural = "event" if one.events == 1 else "events"
    return f"{moment(one.at)}  {one.destination}  {outcome}{status}: {events} {plural}{first}, {one.took_ms:,.0f} ms{again}"


def _said(one: Delivery) -> list[str]:
    if one.result == "delivered" or one.response is None or not one.response.body:
        return []
    said = " ".join(one.response.body.split())
    return [f"    {said[:SAID_CHARS]}"]


def _bodies(one: Delivery) -> list[str]:
    lines = []
    if one.request is not None:
        lines += [f"    > {one.request.method} {one.request.url}"]
        lines += [f"    > {name}: {value}" for name, value in one.request.headers.items()]
        lines += [f"    > {line}" for line in one.request.body.splitlines()]
    if one.response is not None:
        lines += [f"    < {one.response.status}"]
        lines += [f"    < {name}: {value}" for name, value in one.response.headers.items()]
        lines += [f"    < {line}" for line in one.response.body.splitlines()]
    return lines
