"""`doorstep check`: what is wrong with a configuration, as a linter says it."""

from __future__ import annotations

import click

from ..config import load_config
from ..errors import ConfigError
from . import exits
from .options import config_option, config_paths


@click.command("check")
@config_option
@click.pass_context
def check_command(ctx: click.Context, configs: tuple[str, ...]) -> None:
    """Finds every problem of a configuration in one go; starts nothing, connects to nothing.

    Prints a line for each, as `file:line: key: what is wrong, what would be right`, and exits with 78; or says that all is well.
    """
    try:
        config = load_config(*config_paths(configs))
    except ConfigError as error:
        for problem in error.problems:
            click.echo(" ".join(str(problem).splitlines()))
        click.echo(counted(len(error.problems), "problem"), err=True)
        ctx.exit(exits.CONFIGURATION)
    click.echo(f"ok: {counted(len(config.destinations), 'destination')}, {counted(len(config.ingress), 'ingress')}")


def counted(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`, `2 ingresses`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"
