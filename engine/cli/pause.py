"""`doorstep pause`: nothing is sent to a destination until somebody says so."""

from __future__ import annotations

import click

from .desk import ask, journal_options, place_of


@click.command("pause")
@click.argument("destination", metavar="DEST")
@journal_options
def pause_command(destination: str, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Stops sending to DEST, also after a restart. Its events are kept; `resume` goes on where it stood."""
    ask(place_of(configs, data_dir), lambda desk: desk.pause(destination))
    click.echo(f"{destination} is paused", err=True)
