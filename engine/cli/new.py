"""`doorstep new`: templates that work and pass their tests before anything is changed in them; and tokens."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..admin.settings import hash_of, new_token
from ..scaffold import Kind, default_directory, how_it_is_found, new_destination
from .commands import refuse_later


class Kinds(click.Group):
    """Says of a kind that a later version brings that it is one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        refuse_later(ctx, args[0])
        return super().resolve_command(ctx, args)


@click.group("new", cls=Kinds)
def new_command() -> None:
    """Makes a working template, with its test."""


@new_command.command("token")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "source_admin", "owner"]),
    default="viewer",
    show_default=True,
    help="viewer: sees everything. source_admin: also pauses, replays, edits dead letters, sends tests. owner: may do all.",
)
def new_token_command(name: str, role: str) -> None:
    """Makes a token for the admin API and the console: shown once, and the line that the configuration keeps of it."""
    token = new_token()
    line = json.dumps(name, ensure_ascii=False)
    click.echo(f"token (it is not kept anywhere: give it to {name} now):\n\n    {token}\n")
    click.echo("for the configuration:\n")
    click.echo(f'    [[admin.tokens]]\n    name = {line}\n    role = "{role}"\n    hash = "{hash_of(token)}"')


@new_command.command("destination")
@click.argument("name")
@click.option("--dir", "directory", type=click.Path(path_type=Path), metavar="DIR", help="Where to make its folder.")
@click.option(
    "--kind",
    type=click.Choice(["request", "sink"]),
    default="request",
    show_default=True,
    help="request: it is behind HTTP. sink: it does its own input and output.",
)
def new_destination_command(name: str, directory: Path | None, kind: Kind) -> None:
    """Makes the folder NAME of a new type of destination, among the others in a checkout of Doorstep, or here."""
    made = new_destination(name, directory or default_directory(Path.cwd()), kind)
    click.echo(f"made {made}\nits tests pass already: python -m pytest {made}")
    if hint := how_it_is_found(made):
        click.echo(f"\n{hint}", nl=False)
