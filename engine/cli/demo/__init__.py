"""`doorstep demo`: three receivers in this process, a steady stream of events, the engine between, and a table of what happens.

    events.py -> Engine.submit -> three webhooks -> receivers.py (one healthy, one flaky, one dead for a while)
                    |-> Engine.statistics -> board.py -> the terminal

Uses what a program that embeds the engine can use, and nothing else: it is an example, too.
"""

from __future__ import annotations

import logging

import anyio
import click

from ...telemetry import configure_logging
from ..exits import exit_code
from ..options import expect_stdout, log_options
from .show import Script, play

__all__ = ["demo_command"]


@click.command("demo")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=20,
    show_default=True,
    help="How long events are sent; 0: until Ctrl-C.",
)
@click.option(
    "--rate", type=click.IntRange(1, 20_000), default=2_000, show_default=True, help="How many of them a second."
)
@log_options
@click.pass_context
def demo_command(ctx: click.Context, seconds: float, rate: int, log_format: str, verbose: bool) -> None:
    """Shows the engine at work, with no set-up at all.

    Three local receivers get the same events: one is healthy; one is slow and answers every fifth request with 500; one refuses
    connections, and comes back after a while. Watch how the third one's trouble is nobody else's, and how it catches up.
    """
    expect_stdout()
    configure_logging(log_format, verbose=verbose)
    if not verbose:
        logging.getLogger("doorstep.delivery").setLevel(
            logging.CRITICAL
        )  # what goes wrong here is in the table, and meant to
    script = Script(seconds=seconds, rate=rate)
    statistics = anyio.run(play, script, backend="asyncio", backend_options={"use_uvloop": True})
    ctx.exit(exit_code(statistics))
