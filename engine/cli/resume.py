"""`doorstep resume`: the end of a pause."""

from __future__ import annotations

import click

from .desk import ask, journal_options, place_of


@click.command("resume")
@click.argument("destination", metavar="DEST")
@journal_options
def resume_command(destination: str, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Sends to DEST again, from where it was paused."""
    ask(place_of(configs, data_dir), lambda desk: desk.resume(destination))
    click.echo(f"{destination} goes on", err=True)
