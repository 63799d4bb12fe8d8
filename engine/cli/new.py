"""`doorstep new`: templates that work and pass their tests before anything is changed in them; and tokens."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..admin.settings import hash_of, new_token
from ..scaffold import (
    FunctionKind,
    Kind,
    default_directory,
    how_it_is_found,
    how_it_is_used,
    new_destination,
    new_function,
)


@click.group("new")
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
    type=click.Choice(["actions", "request", "sink"]),
    default="actions",
    show_default=True,
    help="actions: behind HTTP, with triggers and mappings. request: behind HTTP, for events as they are. "
    "sink: no HTTP, it does its own input and output.",
)
def new_destination_command(name: str, directory: Path | None, kind: Kind) -> None:
    """Makes the folder NAME of a new type of destination, among the others in a checkout of Doorstep, or here."""
    made = new_destination(name, directory or default_directory(Path.cwd()), kind)
    click.echo(f"made {made}\nits tests pass already: python -m pytest {made}")
    if hint := how_it_is_found(made):
        click.echo(f"\n{hint}", nl=False)


@new_command.command("function")
@click.argument("name")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path("functions"),
    show_default=True,
    help="Where to make its file.",
)
@click.option(
    "--kind",
    type=click.Choice(["destination", "insert"]),
    default="destination",
    show_default=True,
    help="destination: it handles events. insert: it changes or drops them on their way to destinations.",
)
def new_function_command(name: str, directory: Path, kind: FunctionKind) -> None:
    """Makes the function NAME, a Python file of your own, with a test."""
    made = new_function(name, directory, kind)
    test = made.with_name(f"test_{made.name}")
    click.echo(f"made {made} and {test}\nits tests pass already: python -m pytest {test}\n")
    click.echo(f"To use it, add this to your configuration:\n\n{how_it_is_used(made, kind)}", nl=False)
