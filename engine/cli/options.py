"""Options that several commands have, and the types of their values."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from typing import Any, TextIO, TypeVar

import click

from ..errors import ConfigError, Problem
from ..units import parse_duration
from .commands import LOG_FORMAT, VERBOSE

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_FILE = "doorstep.toml"
FILE_VARIABLE = "DOORSTEP_CONFIG"


class DurationType(click.ParamType[float]):
    """`30s`, `5m`: seconds as a float."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def config_option(command: F) -> F:
    """`-c FILE`, any number of times."""
    return click.option(
        "-c",
        "--config",
        "configs",
        multiple=True,
        metavar="FILE",
        help=f"Configuration file; several are merged, later ones win.  [default: ${FILE_VARIABLE}, then ./{DEFAULT_FILE}]",
    )(command)


def log_options(command: F) -> F:
    """`--log-format` and `-v`, as on the command before them."""
    verbose = click.option(
        "-v", "--verbose", is_flag=True, callback=_remember_verbose, help="Log more; a traceback for an internal error."
    )
    log_format = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        callback=_inherit_format,
        help="How logs are written to stderr.  [default: text]",
    )
    return verbose(log_format(command))


def config_paths(given: tuple[str, ...]) -> list[str]:
    """The files that were named, or where they are by default. Raises ConfigError if there is none."""
    if given:
        return list(given)
    if named := os.environ.get(FILE_VARIABLE):
        return [named]
    if os.path.exists(DEFAULT_FILE):
        return [DEFAULT_FILE]
    message = f"there is no configuration: name a file with -c or ${FILE_VARIABLE}, or put a {DEFAULT_FILE} here"
    raise ConfigError([Problem("", message)])


def asked(question: str) -> None:
    """Lets people think again. Only they are asked: a script has no answer, and has said what it wants. Raises click.Abort."""
    if sys.stdin is not None and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


def expect_stdout() -> None:
    """For commands whose only result is printed. Raises click.ClickException where whoever started us had closed it."""
    if sys.stdout is None:
        raise click.ClickException("standard output is closed, and what is printed there is all that this command does")


def prints_aside() -> AbstractContextManager[TextIO]:
    """Around whatever loads or calls functions: what they print goes to stderr, since stdout is for what was asked for.

    Of the whole process, so nothing else may be printed meanwhile; a console destination writes to the descriptor.
    """
    return redirect_stdout(sys.stderr)


def _remember_verbose(ctx: click.Context, _: click.Parameter, verbose: bool) -> bool:
    ctx.meta[VERBOSE] = verbose or ctx.meta.get(VERBOSE, False)
    return bool(ctx.meta[VERBOSE])


def _inherit_format(ctx: click.Context, _: click.Parameter, log_format: str | None) -> str:
    ctx.meta[LOG_FORMAT] = log_format or ctx.meta.get(LOG_FORMAT, "text")
    return str(ctx.meta[LOG_FORMAT])
