"""`doorstep forget`: what is known of a destination that is no more."""

from __future__ import annotations

import click

from .desk import Refused, ask, journal_options, place_of
from .options import asked


@click.command("forget")
@click.argument("destination", metavar="DEST")
@click.option("--yes", is_flag=True, help="Do not ask, at a terminal either.")
@journal_options
def forget_command(destination: str, yes: bool, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Deletes where the removed destination DEST stood, and what waits for it. Its dead letters stay, until `dlq purge`.

    Should a destination of that name come back, it is a new one.
    """
    if not yes:
        asked(f"Forget {destination}, with its events that wait for another try?")
    try:
        ask(place_of(configs, data_dir), lambda desk: desk.forget(destination))
    except ValueError as error:
        raise Refused(str(error)) from error
    click.echo(f"{destination} is forgotten", err=True)
