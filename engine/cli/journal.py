"""`doorstep journal`: whether a journal is whole, and what can be had from one that is not."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from ..journal.checking import check
from ..journal.salvage import salvage
from ..journal.untouched import locked, untouched
from . import exits
from .check import counted
from .desk import Refused, journal_options, place_of
from .options import expect_stdout


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
@click.argument("paths", metavar="[FROM_DIR] [TO_FILE]", nargs=-1)
@journal_options
@click.pass_context
def salvage_command(ctx: click.Context, paths: tuple[str, ...], configs: tuple[str, ...], data_dir: str | None) -> None:
    """Writes every event that can be read from the journal in FROM_DIR to the new file TO_FILE: NDJSON, in the order they came in.

    Without FROM_DIR it is the journal of the configuration, or of --data-dir; without TO_FILE, or with -, standard output is written to.

    Nothing in FROM_DIR is changed, and no event comes out altered. Events that were delivered may be among them: `doorstep run --from
    TO_FILE` sends all of them, to each destination. Numbers that are not there are named on stderr; the exit code is then 3.
    """
    named = [*paths] if data_dir is None and not configs else ["", *paths]
    if len(named) > 2:
        raise click.UsageError("one journal, and one file to write to", ctx)
    source, target = (*named, "", "")[:2]
    folder = Path(source) if source else place_of(configs, data_dir).folder
    with locked(folder):
        try:
            with _opened(target) as out:
                rescued = salvage(folder, out)
                out.flush()
                if target not in ("", "-"):
                    os.fsync(out.fileno())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Refused(f"{target or 'standard output'} cannot be written: {error.strerror}") from error
    for first, last in rescued.missing:
        click.echo(f"missing: {first}" if first == last else f"missing: {first} to {last}", err=True)
    click.echo(f"{counted(rescued.events, 'event')} rescued, {rescued.from_pages} of them page by page", err=True)
    if rescued.missing:
        ctx.exit(exits.INCOMPLETE)


def _opened(target: str) -> AbstractContextManager[BinaryIO]:
    """A new file, for its owner alone; standard output, where there is no name."""
    if target in ("", "-"):
        expect_stdout()
        return nullcontext(sys.stdout.buffer)
    return open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
