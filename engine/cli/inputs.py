"""What a run reads from: the ingresses of its configuration, opened together or not at all."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click

from ..config import Config
from ..errors import ConfigError, Problem
from ..ingress import Ingress, StdinIngress, StdinSettings, open_ingress

_log = logging.getLogger("doorstep.run")


@contextmanager
def open_inputs(config: Config, source: str | None, *, reads: bool = True) -> Iterator[list[Ingress]]:
    """All ingresses, `source` (a file's name) in place of standard input. Raises ConfigError; then none is open."""
    if not reads:
        yield []
        return
    with ExitStack() as opened:
        inputs: list[Ingress] = []
        if source is not None and not any(isinstance(one, StdinSettings) for one in config.ingress):
            message = 'takes the place of standard input, but no [[ingress]] with type = "stdin" is there; add one'
            raise ConfigError([Problem("--from", message, "command line")])
        for settings in config.ingress:
            if isinstance(settings, StdinSettings) and source is not None:
                fd = _opened(source)
                opened.callback(os.close, fd)
                ingress: Ingress = StdinIngress(settings.name, fd, config.engine.max_event_bytes)
            else:
                ingress = open_ingress(settings, max_event_bytes=config.engine.max_event_bytes)
            opened.callback(ingress.stop)
            inputs.append(ingress)
        yield inputs


def _opened(source: str) -> int:
    try:
        if os.path.isdir(source):
            raise IsADirectoryError(0, "it is a folder")
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # or a FIFO would be waited for here
    except OSError as error:
        raise ConfigError([Problem("--from", f"{source} cannot be read: {error.strerror}", "command line")]) from error


def say_where(config: Config, inputs: list[Ingress], source: str | None, *, to_people: bool) -> None:
    """Where it listens, since a port may have been chosen; and to whoever sits there, that something is to be typed.

    Whoever waited for this may send a signal at once, so it is said when signals are heard.
    """
    for ingress in inputs:
        for address in getattr(ingress, "addresses", []):
            if to_people:
                click.echo(f"{ingress.name}: listening on {address}", err=True)
            else:
                _log.info("listening", extra={"facts": {"ingress": ingress.name, "address": str(address)}})
    if to_people and inputs and reads_terminal(config, source):
        click.echo("reading events from the terminal, one JSON object a line; Ctrl-D ends", err=True)


def reads_terminal(config: Config, source: str | None) -> bool:
    """Whether events are typed."""
    reads_stdin = source is None and any(isinstance(one, StdinSettings) for one in config.ingress)
    return reads_stdin and sys.stdin is not None and sys.stdin.isatty()
