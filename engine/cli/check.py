"""`doorstep check`: what is wrong with a configuration, as a linter says it."""

from __future__ import annotations

import click
import msgspec

from ..config import examine
from . import exits
from .options import config_option, config_paths


@click.command("check")
@click.option("--strict", is_flag=True, help="Warnings are problems: exit code 78.")
@config_option
@click.pass_context
def check_command(ctx: click.Context, strict: bool, configs: tuple[str, ...]) -> None:
    """Finds every problem of a configuration in one go; starts nothing, connects to nothing.

    Prints a line for each, as `file:line: key: what is wrong, what would be right`, and exits with 78; or says that all is well. What
    is valid and hardly meant, such as a trigger that nothing matches, is a line with `warning:` in it, and the exit code stays 0.
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
    click.echo(f"ok: {counted(len(config.destinations), 'destination')}, {counted(len(config.ingress), 'ingress')}")


def counted(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`, `2 ingresses`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"
