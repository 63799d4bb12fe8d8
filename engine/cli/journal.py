"""`doorstep journal`: whether a journal is whole, and what can be had from one that is not."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..errors import ConfigError, Problem
from ..journal.checking import check
from ..journal.salvage import salvage
from ..journal.schema import FILE
from ..journal.untouched import locked, untouched
from . import exits
from .check import counted
from .desk import Refused, journal_options, place_of


@click.group("journal")
def journal_command() -> None:
    """Checks a journal; rescues what a damaged one holds."""


@journal_command.command("verify")
@journal_options
@click.pass_context
def verify_command(ctx: click.Context, configs: tuple[str, ...], data_dir: str | None) -> None:
    """Reads all of the journal, and names what is damaged or missing, a line each; the exit code is then 3. Changes nothing.

    No engine may run on it meanwhile.
    """
    folder = place_of(configs, data_dir).folder
    _expect_journal(folder)
    with locked(folder), untouched(folder) as connection:
        checked = check(connection, folder)
    for finding in checked.findings:
        click.echo(str(finding))
    click.echo(f"{counted(checked.events, 'event')} in {counted(checked.chunks, 'chunk')}", err=True)
    if checked.findings:
        click.echo("`doorstep journal salvage` rescues what is whole", err=True)
        ctx.exit(exits.INCOMPLETE)
    click.echo("ok")


@journal_command.command("salvage")
@click.argument("folder", metavar="FROM_DIR", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO_FILE", type=click.Path(path_type=Path))
@click.pass_context
def salvage_command(ctx: click.Context, folder: Path, target: Path) -> None:
    """Writes every event that can be read from the journal in FROM_DIR to the new file TO_FILE: NDJSON, in the order they came in.

    Nothing in FROM_DIR is changed, and no event comes out altered. Events that were delivered may be among them: `doorstep run --from
    TO_FILE` sends all of them, to each destination. Numbers that are not there are named on stderr; the exit code is then 3.
    """
    _expect_journal(folder)
    with locked(folder):
        try:
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
                rescued = salvage(folder, out)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise Refused(f"{target} cannot be written: {error.strerror}") from error
    for first, last in rescued.missing:
        click.echo(f"missing: {first}" if first == last else f"missing: {first} to {last}", err=True)
    click.echo(f"{counted(rescued.events, 'event')} rescued, {rescued.from_pages} of them page by page", err=True)
    if rescued.missing:
        ctx.exit(exits.INCOMPLETE)


def _expect_journal(folder: Path) -> None:
    if not (folder / FILE).exists():
        raise ConfigError([Problem("engine.data_dir", f"there is no journal in {folder}")])
