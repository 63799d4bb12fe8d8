"""`doorstep check`: what is wrong with a configuration, as a linter says it; with `--online`, what its destinations say, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio
import click
import msgspec

from ..catalogue import Catalogue
from ..config import Config, Examined, examine
from ..errors import Problem
from . import exits
from .options import config_option, config_paths, prints_aside


@click.command("check")
@click.option("--strict", is_flag=True, help="Warnings are problems: exit code 78.")
@click.option(
    "--online",
    is_flag=True,
    help="Also ask each destination that is enabled whether it is there and knows the credentials; no event is sent.",
)
@config_option
@click.pass_context
def check_command(ctx: click.Context, strict: bool, online: bool, configs: tuple[str, ...]) -> None:
    """Finds every problem of a configuration in one go; starts nothing, and connects to nothing without --online.

    Prints a line for each, as `file:line: key: what is wrong, what would be right`, and exits with 78; or says that all is well. What
    is valid and hardly meant, such as a trigger that nothing matches, is a line with `warning:` in it, and the exit code stays 0.
    """
    catalogue = Catalogue.discover()
    with prints_aside():
        found = examine(config_paths(configs), catalogue=catalogue)
    if online and found.config is not None:
        found = _asked(found, found.config, catalogue)
    _print(found.problems)
    _print(msgspec.structs.replace(one, message=f"warning: {one.message}") for one in found.warnings)
    if found.problems or found.config is None:
        click.echo(counted(len(found.problems), "problem"), err=True)
        ctx.exit(exits.CONFIGURATION)
    if found.warnings:
        click.echo(counted(len(found.warnings), "warning"), err=True)
        if strict:
            ctx.exit(exits.CONFIGURATION)
    config = found.config
    click.echo(f"ok: {counted(len(config.destinations), 'destination')}, {counted(len(config.ingress), 'ingress')}")


def _asked(found: Examined, config: Config, catalogue: Catalogue) -> Examined:
    """With what the destinations said. What they answer that is well is printed at once."""
    from ..tester.asking import ask_all  # the way out, which a check of files need not import

    problems: list[Problem] = []
    doubts: Sequence[Problem] = found.warnings
    for one in anyio.run(ask_all, config, catalogue, backend=config.engine.backend):
        path = ("destinations", one.destination)
        if one.problem:
            problems.append(found.at(path, one.problem))
        elif one.doubt:
            doubts = [*doubts, found.at(path, one.doubt)]
        else:
            click.echo(f"{one.destination}: {one.answer or 'has nothing to ask'}")
    return msgspec.structs.replace(found, problems=problems, warnings=list(doubts))


def _print(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(" ".join(str(problem).splitlines()))


def counted(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`, `2 ingresses`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"
