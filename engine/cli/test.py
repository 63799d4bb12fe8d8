"""`doorstep test`: what would become of an event at each destination, and why, before anything is sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from ..config import load_config
from ..sdk.samples import ECOMMERCE, SAMPLES
from ..tester import ActionReport, DestinationReport, EventTester, FieldReport, RequestReport
from . import exits
from .options import config_option, config_paths
from .telling import as_json

_WIDTH = 100


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

    Nothing is sent without --send. Without an event, a sample track is taken. Exit code 0: all is well; 3: something is wrong with the
    event, the mapping or the answer, or DESTINATION does not get the event.
    """
    tester = EventTester(load_config(*config_paths(configs)))
    events = _events(event_file, sample)
    well = True
    found = []
    for event in events:
        try:
            reports = anyio.run(_test, tester, event, destination, action, send)
        except (ValueError, LookupError) as error:
            raise click.ClickException(str(error.args[0] if error.args else error)) from error
        well &= not any(one.failed or (destination and not one.passed) for one in reports)
        found.append((event, reports))
    if form == "json":
        click.echo(as_json([{"event": json.loads(event), "destinations": _plain(reports)} for event, reports in found]))
    else:
        click.echo("\n\n".join(_text(event, report) for event, reports in found for report in reports))
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
    """One event over many lines, a list of them, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise click.BadParameter(f"{file} is empty", param_hint="--event") from None
        yield from lines
        return
    yield from (json.dumps(one) for one in (whole if isinstance(whole, list) else [whole]))


def _sample(name: str) -> Mapping[str, Any]:
    known = {**SAMPLES, **ECOMMERCE}
    by_name = {one.lower(): event for one, event in known.items()}
    if name.lower() not in by_name:
        raise click.BadParameter(f"there is no sample {name!r}; there are: {', '.join(known)}", param_hint="--sample")
    return by_name[name.lower()]


# For people ----------------------------------------------------------------------------------------------------------


def _text(event: str, report: DestinationReport) -> str:
    lines = [f"{_called(json.loads(event))} -> {report.destination} ({report.type}): {_summary(report)}"]
    width = max((len(check.name) for check in report.checks), default=0)
    for check in report.checks:
        lines.append(f"  {check.name:{width}}  {'ok' if check.passed else 'NO'}  {check.detail}".rstrip())
    if report.event is not None:
        lines += ["  the event as it is seen there:", f"    {json.dumps(report.event, ensure_ascii=False)}"]
    for action in report.actions:
        lines += _action(action)
    if report.returned is not None:
        lines.append(f"  returned {json.dumps(report.returned, ensure_ascii=False)}")
    lines += [f"  log: {line}" for line in report.logs]
    return "\n".join(lines)


def _called(event: Any) -> str:
    kind = event.get("type", "event") if isinstance(event, dict) else "event"
    name = event.get("event") or event.get("name") if isinstance(event, dict) else None
    return f"{kind} {name!r}" if name else str(kind)


def _summary(report: DestinationReport) -> str:
    if report.filtered_by:
        return f"filtered, {report.filtered_by}"
    outcomes = list(dict.fromkeys(one.outcome for one in report.actions if one.wanted))
    return ", ".join(outcomes) + ("" if report.passed else "  <- not well")


def _action(action: ActionReport) -> list[str]:
    lines = []
    if action.name:
        word = (
            "matches" if action.matches else "does not match, but was asked for" if action.wanted else "does not match"
        )
        lines.append(f"  action {action.name} {word}: {action.clause}")
    width = max((len(field.name) for field in action.fields), default=0)
    lines += [f"    {_field(field, width)}" for field in action.fields]
    for number, request in enumerate(action.requests):
        lines += [f"    {line}" for line in _request(request)]
        if number < len(action.responses):
            response = action.responses[number]
            lines.append(f"    <- {response.status} {response.body}".rstrip())
    if action.more:
        lines.append("    then more requests, which depend on the answer")
    if action.wanted:
        why = "".join(f": {part}" for part in (action.reason, action.detail) if part)
        lines.append(f"    = {action.outcome}{why}")
    return lines


def _field(field: FieldReport, width: int) -> str:
    value = "-" if field.value is None else _short(json.dumps(field.value, ensure_ascii=False))
    made_of = "" if field.made_of is None else f"  <- {_made_of(field.made_of)}"
    problem = f"  !! {field.problem}" if field.problem else ""
    return f"{field.name:{width}}  {value}{made_of}{problem}"


def _made_of(mapping: Any) -> str:
    if isinstance(mapping, dict) and list(mapping) == ["@path"] and isinstance(mapping["@path"], str):
        return mapping["@path"]
    return _short(json.dumps(mapping, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _request(request: RequestReport) -> list[str]:
    lines = [f"{request.method} {request.url}"]
    lines += [f"  {name}: {value}" for name, value in request.headers.items()]
    try:
        body = json.dumps(json.loads(request.body), indent=2, ensure_ascii=False)
    except ValueError:
        body = request.body
    return [*lines, *(f"  {line}" for line in body.splitlines())]
