"""The table of commands, and how errors are told.

A command's module is imported when the command is used, and what it needs of the engine with it: `doorstep --version` takes a tenth of a
second, most of it click.
"""

from __future__ import annotations

import errno
import logging
import os
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ..version import VERSION
from . import exits

if TYPE_CHECKING:
    from ..errors import Problem

COMMANDS = {
    "run": "Runs the engine: events in, each to every destination that should have it.",
    "check": "Finds every problem of a configuration in one go.",
    "schema": "Prints the JSON Schema of the configuration file.",
    "catalogue": "Shows the destinations there are, or one with its settings.",
    "test": "Shows what would become of an event at each destination, and why.",
    "filter": "Passes on the events that an FQL expression matches.",
    "map": "Reshapes events by a mapping.",
    "new": "Makes a working template, with its test.",
    "demo": "Shows the engine at work, with no set-up at all.",
    "status": "Shows how a running engine stands.",
    "tail": "Shows deliveries as they happen.",
    "explain": "Shows what became of one event, everywhere.",
    "dlq": "Dead letters: counts, shows, exports, sends again, deletes them.",
    "replay": "Sends events of the journal to one destination again.",
    "pause": "Stops sending to a destination; its events are kept.",
    "resume": "Sends to a paused destination again.",
    "forget": "Deletes what is known of a destination that is no more.",
    "journal": "Checks a journal; rescues what a damaged one holds.",
}
"""Each is in the module of its name, under its name."""
ALIASES = {"validate": "check", "catalog": "catalogue", "tap": "tail"}
_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
VERBOSE = "doorstep.verbose"
"""The key in `Context.meta` under which `-v` of whatever command is found."""
LOG_FORMAT = "doorstep.log_format"
"""The same for `--log-format`."""


class Commands(click.Group):
    """Looks commands up in the table, and turns what they raise into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{name}", __package__), f"{name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if "--version" in args and ALIASES.get(name, name) in COMMANDS:
            _print_version(ctx, None, True)  # here, before the command is imported
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"There is no command {name!r}{did_you_mean(name, [*COMMANDS, *ALIASES])}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for arg in args:
            try:
                arg.encode()
            except UnicodeEncodeError:  # Python holds bytes that are not UTF-8 as surrogates, which nothing takes
                shown = os.fsencode(arg).decode("utf-8", "backslashreplace")
                raise click.UsageError(f"Arguments must be UTF-8: {shown}", ctx) from None
        try:
            return super().parse_args(ctx, args)
        except OSError as error:  # help and version are printed here
            if error.errno == errno.EPIPE:
                raise
            ctx.exit(report(error, "text", verbose=False))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            cause = _only(error)
            if isinstance(cause, OSError) and cause.errno == errno.EPIPE:
                raise cause from None  # whoever read our output has gone: click ends quietly
            ctx.exit(report(error, ctx.meta.get(LOG_FORMAT, "text"), verbose=ctx.meta.get(VERBOSE, False)))


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a message about a name that is not known."""
    near = get_close_matches(name, known, n=2, cutoff=0.5)
    return f". Did you mean {' or '.join(map(repr, near))}?" if near else f". There are {', '.join(known)}."


def report(error: Exception, log_format: str, *, verbose: bool) -> int:
    """Says on stderr what went wrong, for whoever must act. Returns the exit code."""
    from ..errors import (
        ConfigError,
        FqlError,
        JournalError,
        JournalFull,
        MappingError,
        OtherJournal,
    )  # here, because it costs a third of what `--version` takes

    cause = _only(error)
    if isinstance(cause, ConfigError):
        _PROBLEMS[log_format](cause.problems)
        return exits.CONFIGURATION
    if isinstance(cause, FqlError | MappingError):
        click.echo(f"Error: {cause}", err=True)
        return exits.USAGE
    if isinstance(cause, JournalError | JournalFull):
        _say(f"{cause}", log_format)
        return exits.CONFIGURATION if isinstance(cause, OtherJournal) else exits.PENDING
    if isinstance(cause, OSError) and cause.errno in _DISK and cause.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is left of it, which Python writes at the very end
        _say(f"what is printed cannot be written: {cause.strerror}", log_format)
        return exits.OUTPUT
    told = "this should not have happened. `doorstep -v ...` shows a traceback, to report it"
    if verbose:
        told = "".join(traceback.format_exception(error)).rstrip()
    _say(f"{type(cause).__name__}: {cause}\n{told}", log_format)
    return exits.INTERNAL


def _say(message: str, log_format: str) -> None:
    """What went wrong, that is no problem of the configuration."""
    if log_format == "text":
        click.echo(f"Error: {message}", err=True)
    else:
        _log_as_json().error("%s", message)


def _problems_as_text(problems: list[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)


def _problems_as_json(problems: list[Problem]) -> None:
    log = _log_as_json().getChild("config")
    for problem in problems:
        log.error("%s", problem.message, extra={"facts": {k: getattr(problem, k) for k in ("file", "line", "path")}})


def _log_as_json() -> logging.Logger:
    """The log, made ready: whoever reads that as JSON reads nothing else on stderr."""
    from ..telemetry import configure_logging

    configure_logging("json", verbose=False)
    return logging.getLogger("doorstep")


_PROBLEMS = {"text": _problems_as_text, "json": _problems_as_json}


def _only(error: Exception) -> Exception:
    """What task groups have wrapped, if it is one thing."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _print_version(ctx: click.Context, _: click.Parameter | None, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"doorstep {VERSION}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="How logs are written to stderr.  [default: text]"
)
@click.option("-v", "--verbose", is_flag=True, help="Log more; a traceback for an internal error.")
@click.pass_context
def doorstep(ctx: click.Context, log_format: str | None, verbose: bool) -> None:
    """Delivers customer events to every destination that should have them."""
    ctx.meta[VERBOSE] = verbose
    ctx.meta[LOG_FORMAT] = log_format or "text"
