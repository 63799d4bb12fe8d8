"""`doorstep test`: what would become of an event at each destination, and why, before anything is sent."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from ..config import load_config
from ..sdk.samples import ECOMMERCE, SAMPLES
from ..tester import DestinationReport, EventTester
from . import exits
from .options import config_option, config_paths, prints_aside
from .telling import as_json
from .tested import text_of


@click.command("test")
@click.argument("destination", required=False)
@click.option(
    "--event",
    "event_file",
    metavar="FILE",
    help="The event, as JSON; - reads standard input, several lines are several events.",
)
@click.option(
    "--sample",
    metavar="NAME",
    help='A sample event: a type such as track, or an e-commerce event such as "Order Completed".',
)
@click.option("--action", help="Only this action, whatever its trigger says.")
@click.option("--send", is_flag=True, help="Really send it.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
@config_option
@click.pass_context
def test_command(
    ctx: click.Context,
    destination: str | None,
    event_file: str | None,
    sample: str | None,
    action: str | None,
    send: bool,
    form: str,
    configs: tuple[str, ...],
) -> None:
    """Shows what would become of an event, at DESTINATION or at all: consent, integrations, the clause of the trigger that decided, the
    mapped fields beside what they are made of, and the exact request, secrets masked.

    Nothing is sent without --send. Without an event, a sample track is taken. Functions do run; what they fetch is answered with an empty
    object. Exit code 0: all is well; 3: something is wrong with the event, the mapping or the answer, or DESTINATION does not get the
    event.
    """
    with prints_aside():
        tester = EventTester(load_config(*config_paths(configs)))
    events = _events(event_file, sample)
    well = True
    found = []
    for event in events:
        try:
            with prints_aside():
                reports = anyio.run(_test, tester, event, destination, action, send)
        except LookupError as error:
            raise click.UsageError(str(error.args[0])) from error
        except ValueError as error:
            click.echo(f"{error}", err=True)
            well = False
            continue
        well &= not any(one.failed or (destination and not one.passed) for one in reports)
        found.append((event, reports))
    if form == "json":
        click.echo(as_json([{"event": json.loads(event), "destinations": _plain(reports)} for event, reports in found]))
    else:
        click.echo("\n\n".join(text_of(json.loads(event), report) for event, reports in found for report in reports))
    if not well:
        ctx.exit(exits.INCOMPLETE)


async def _test(
    tester: EventTester, event: str, destination: str | None, action: str | None, send: bool
) -> list[DestinationReport]:
    return await tester.test(event, destination=destination, action=action, send=send)


def _plain(reports: list[DestinationReport]) -> Any:
    return msgspec.to_builtins(reports)


def _events(file: str | None, sample: str | None) -> list[str]:
    if file is None:
        return [json.dumps(_sample(sample or "track"))]
    if sample is not None:
        raise click.UsageError("--event and --sample: one of them")
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} cannot be read: {error}", param_hint="--event") from None
    return list(_documents(text, file))


def _documents(text: str, file: str) -> Iterator[str]:
    """One event over many lines, a list of them, or one a line, which then stays as it is written."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        whole = json.loads(text)
    except ValueError:
        if not lines:
            raise click.BadParameter(f"{file} is empty", param_hint="--event") from None
        yield from lines
        return
    if isinstance(whole, dict) and len(lines) == 1:
        yield lines[0]
    else:
        yield from (json.dumps(one) for one in (whole if isinstance(whole, list) else [whole]))


def _sample(name: str) -> Mapping[str, Any]:
    known = {**SAMPLES, **ECOMMERCE}
    by_name = {one.lower(): event for one, event in known.items()}
    if name.lower() not in by_name:
        raise click.BadParameter(f"there is no sample {name!r}; there are: {', '.join(known)}", param_hint="--sample")
    # As if it happened now: some vendors take nothing that is older than a few days.
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**by_name[name.lower()], "timestamp": now}
