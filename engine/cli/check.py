"""`doorstep check`: what is wrong with a configuration, as a linter says it."""

from __future__ import annotations

from functools import partial

import anyio
import click
import msgspec

from ..config import Config, examine
from . import exits
from .options import config_option, config_paths


@click.command("check")
@click.option("--strict", is_flag=True, help="Warnings are problems: exit code 78.")
@click.option(
    "--online", is_flag=True, help="Ask each destination, too, whether its settings are right. Nothing is delivered."
)
@config_option
@click.pass_context
def check_command(ctx: click.Context, strict: bool, online: bool, configs: tuple[str, ...]) -> None:
    """Finds every problem of a configuration in one go; starts nothing, and without --online connects to nothing.

    Prints a line for each, as `file:line: key: what is wrong, what would be right`, and exits with 78; or says that all is well. What
    is valid and hardly meant, such as a trigger that nothing matches, is a line with `warning:` in it, and the exit code stays 0.
    So is a destination that --online could not reach; one that refuses its settings is a problem.
    """
    found = examine(config_paths(configs))
    for problem in found.problems:
        click.echo(" ".join(str(problem).splitlines()))
    for warning in found.warnings:
        marked = msgspec.structs.replace(warning, message=f"warning: {warning.message}")
        click.echo(" ".join(str(marked).splitlines()))
    if found.config is None:
        click.echo(counted(len(found.problems), "problem"), err=True)
        ctx.exit(exits.CONFIGURATION)
    if found.warnings:
        click.echo(counted(len(found.warnings), "warning"), err=True)
        if strict:
            ctx.exit(exits.CONFIGURATION)
    config = found.config
    if online and not _is_well_online(config, strict):
        ctx.exit(exits.CONFIGURATION)
    click.echo(f"ok: {counted(len(config.destinations), 'destination')}, {counted(len(config.ingress), 'ingress')}")


def _is_well_online(config: Config, strict: bool) -> bool:
    """What the destinations say, a line each; whether none of them refuses."""
    from ..tester import ask  # here, because it brings the whole engine

    answers = anyio.run(partial(ask, config))
    for one in answers:
        marked = f"{_SAID[one.word]}{one.detail}" if one.detail else one.word
        click.echo(" ".join(f"destinations.{one.destination}: {marked}".splitlines()))
    return not any(one.word == "refused" or (strict and one.word == "unclear") for one in answers)


_SAID = {"refused": "refused: ", "unclear": "warning: cannot tell: ", "unasked": "not asked: ", "ok": "ok: "}


def counted(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`, `2 ingresses`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"
