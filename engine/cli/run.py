"""`doorstep run`: the command itself, from options to what is to be run. The running is in `running.py`.

options -> Config (files, or `--to`) -> Wanted -> running.run, on the event loop that the configuration names -> summary, exit code
"""

from __future__ import annotations

import errno
import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import TextIO

import click
import msgspec

from ..catalogue import Catalogue
from ..config import Config, load_config
from ..errors import ConfigError, Problem
from ..telemetry import Statistics, configure_logging
from .exits import exit_code
from .options import DurationType, config_option, config_paths, log_options, prints_aside
from .running import Wanted, run_on_loop


@click.command("run")
@config_option
@click.option(
    "--to", metavar="URL|-", help="Send every event to this webhook, or print it (-). Needs no file and takes none."
)
@click.option("--from", "source", metavar="FILE", help="Read this file in place of standard input.")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where the journal lives; with --to, events are kept there and not in memory only.",
)
@click.option("--no-input", is_flag=True, help="Finish what is in the journal, without reading more.")
@click.option(
    "--summary",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: a table on stderr at the end. json: one object, the last line of stdout.",
)
@click.option(
    "--drain-timeout",
    type=DurationType(),
    default="30s",
    show_default=True,
    help="How long destinations may take after a signal, or get nowhere after the end of input.",
)
@click.option(
    "--leftovers",
    metavar="FILE",
    help="Without a journal: write events that are left at the end here (NDJSON), in place of dropping them.",
)
@click.option("--watch", is_flag=True, help="Reload when the configuration files change, as on SIGHUP.")
@log_options
@click.pass_context
def run_command(
    ctx: click.Context,
    configs: tuple[str, ...],
    to: str | None,
    source: str | None,
    data_dir: str | None,
    no_input: bool,
    summary: str,
    drain_timeout: float,
    leftovers: str | None,
    watch: bool,
    log_format: str,
    verbose: bool,
) -> None:
    """Runs the engine: events in, each to every destination that should have it.

    \b
    doorstep run                                        as ./doorstep.toml says
    doorstep run --to https://example.com/in < events.ndjson

    Without [[ingress]] in the file, events are read from standard input, one JSON object a line. The run ends when no input is left
    and all is delivered. SIGTERM or Ctrl-C: takes nothing more, finishes what it can within --drain-timeout; a second one leaves
    at once. SIGHUP reloads the files.

    Exit codes: 0 all delivered, or filtered on purpose, or stopped by a signal with everything kept; 3 some lines were rejected, or
    events dropped or given up; 75 events are left, in the journal (run --no-input goes on with them) or in the --leftovers file;
    78 the configuration is wrong; 70 an internal error.
    """
    if to is not None and configs:
        raise click.UsageError(
            "--to needs no configuration file and takes none; write a [destinations.NAME] in the file instead", ctx
        )
    catalogue = Catalogue.discover()
    paths = [] if to is not None else config_paths(configs)
    with prints_aside():
        config = load_config(*paths, catalogue=catalogue) if to is None else destination_of(to, catalogue, data_dir)
    config = _placed(config, data_dir)
    _expect_fitting(config, no_input=no_input, leftovers=leftovers)
    configure_logging(log_format, verbose=verbose)
    wanted = Wanted(
        config=config,
        catalogue=catalogue,
        paths=paths,
        source=source,
        reads=not no_input,
        drain_timeout_s=drain_timeout,
        leftovers=leftovers,
        watch=watch,
        live=log_format == "text",
        tell=_teller(summary, log_format),
    )
    with prints_aside():
        ended = run_on_loop(wanted)
    ctx.exit(
        ended.code
        or exit_code(ended.statistics, kept_after_signal=ended.signalled and config.engine.durability != "memory")
    )


def destination_of(to: str, catalogue: Catalogue, data_dir: str | None = None) -> Config:
    """The configuration that `--to` stands for: a webhook `hook`, or a console `console`. Raises ConfigError."""
    url = json.dumps(to, ensure_ascii=False)  # a TOML string, too
    durability = "memory" if data_dir is None else "disk"
    hook = f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = {url} }}'
    destination = '[destinations.console]\ntype = "console"' if to == "-" else hook
    try:
        return load_config(text=f'[engine]\ndurability = "{durability}"\n{destination}', catalogue=catalogue)
    except ConfigError as error:
        raise ConfigError([Problem("--to", problem.message, "command line") for problem in error.problems]) from error


def _placed(config: Config, data_dir: str | None) -> Config:
    """With the journal where the command line says."""
    if data_dir is None:
        return config
    if config.engine.durability == "memory":
        message = 'engine.durability is "memory", which has no journal; write durability = "disk", or leave this out'
        raise ConfigError([Problem("--data-dir", message, "command line")])
    engine = msgspec.structs.replace(config.engine, data_dir=data_dir)
    return msgspec.structs.replace(config, engine=engine)


def _expect_fitting(config: Config, *, no_input: bool, leftovers: str | None) -> None:
    in_memory = config.engine.durability == "memory"
    problems = {}
    if no_input and in_memory:
        problems["--no-input"] = (
            'finishes what is in a journal, and there is none: give --data-dir, or write durability = "disk"'
        )
    if leftovers is not None and not in_memory:
        problems["--leftovers"] = "what is left stays in the journal, for the next run; leave this out"
    if problems:
        raise ConfigError([Problem(name, message, "command line") for name, message in problems.items()])


def _teller(summary: str, log_format: str) -> Callable[[Statistics], None]:
    """What prints the summary, to what stdout is now: while it runs, that is stderr."""
    if summary == "json":
        return partial(_tell_as_json, sys.stdout)
    return _tell_as_log if log_format == "json" else _tell_as_text


def _tell_as_text(statistics: Statistics) -> None:
    from .tables import print_summary  # rich takes as long to import as all else that a short run does

    print_summary(statistics)


def _tell_as_log(statistics: Statistics) -> None:
    """A table would be no line of a log that is JSON."""
    logging.getLogger("doorstep.run").info("summary", extra={"facts": statistics.summary()})


def _tell_as_json(stdout: TextIO | None, statistics: Statistics) -> None:
    if stdout is None:  # click would say nothing to nobody, and raise nothing
        raise OSError(errno.EBADF, "standard output is closed")
    click.echo(json.dumps(statistics.summary()), file=stdout)
