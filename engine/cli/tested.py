"""What `doorstep test` found, for people: top to bottom as the event goes, what is wrong marked with `!!` or NO."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from ..tester import ActionReport, DestinationReport, FieldReport, FunctionReport, RequestReport, ResponseReport

_WIDTH = 100


def text_of(event: Any, report: DestinationReport) -> str:
    """One event at one destination, many lines."""
    lines = [f"{_called(event)} -> {report.destination} ({report.type}): {_summary(report)}"]
    width = max((len(check.name) for check in report.checks), default=0)
    for check in report.checks:
        lines.append(f"  {check.name:{width}}  {'ok' if check.passed else 'NO'}  {check.detail}".rstrip())
    for function in report.functions:
        lines += _function(function)
    if report.event is not None:
        lines += [
            "  the event is changed on its way there:",
            *(f"    {line}" for line in _changes(event, report.event)),
        ]
    wanted = [action for action in report.actions if action.wanted]
    for action in wanted or report.actions:
        lines += _action(action, report)
    if wanted and (others := [action.name for action in report.actions if not action.wanted]):
        lines += _wrapped("  other actions, which do not match: ", others)
    return "\n".join(lines)


def _wrapped(head: str, words: list[str]) -> list[str]:
    return textwrap.wrap(
        head + ", ".join(words), _WIDTH + 20, subsequent_indent="    " + " " * (len(head) - len(head.lstrip()))
    )


def _called(event: Any) -> str:
    kind = event.get("type", "event") if isinstance(event, dict) else "event"
    name = event.get("event") or event.get("name") if isinstance(event, dict) else None
    return f"{kind} {json.dumps(name, ensure_ascii=False)}" if name else str(kind)


def _summary(report: DestinationReport) -> str:
    if report.filtered_by:
        return f"filtered, {report.filtered_by}"
    outcomes = [one.outcome for one in report.actions if one.wanted] or [one.outcome for one in report.functions[-1:]]
    return ", ".join(dict.fromkeys(outcomes)) + ("" if report.passed else "  !!")


def _function(function: FunctionReport) -> list[str]:
    lines = [f"  function {function.name}"]
    lines += [f"    log: {line}" for line in function.logs]
    lines += _exchanges(function.requests, function.responses)
    return [*lines, f"    = {_outcome(function)}"]


def _changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """What a function added, took out or changed, a line each."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(*pair, f"{path}[{index}]")
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield f"{path}: {_short(_json(before))} -> {_short(_json(after))}"
        return
    for key in [*before, *(key for key in after if key not in before)]:
        place = f"{path}.{key}" if path else key
        if key not in after:
            yield f"- {place}"
        elif key not in before:
            yield f"+ {place}: {_short(_json(after[key]))}"
        else:
            yield from _changes(before[key], after[key], place)


def _action(action: ActionReport, report: DestinationReport) -> list[str]:
    lines = []
    if action.name:
        word = (
            "matches" if action.matches else "does not match, but was asked for" if action.wanted else "does not match"
        )
        lines.append(f"  action {action.name} {word}: {action.clause}")
    told = [field for field in action.fields if field.value is not None or field.problem]
    width = max((len(field.name) for field in told), default=0)
    lines += [f"    {_field(field, width)}" for field in told]
    if empty := [field.name for field in action.fields if field not in told]:
        lines += _wrapped("    without a value: ", empty)
    lines += [f"    log: {line}" for line in report.logs]
    lines += _exchanges(action.requests, action.responses)
    if action.more:
        lines.append("    then more requests, which depend on the answer")
    if report.returned is not None:
        lines.append(f"    returned {_short(_json(report.returned))}")
    if action.wanted:
        lines.append(f"    = {_outcome(action)}")
    return lines


def _outcome(one: ActionReport | FunctionReport) -> str:
    return ": ".join(part for part in (one.outcome, one.reason, one.detail) if part)


def _exchanges(requests: list[RequestReport], responses: list[ResponseReport]) -> Iterator[str]:
    for number, request in enumerate(requests):
        yield from (f"    {line}" for line in _request(request))
        if number < len(responses):
            response = responses[number]
            made_up = "  (nothing was sent; the function was given this)" if response.made_up else ""
            yield f"    <- {response.status} {response.body}{made_up}".rstrip()


def _field(field: FieldReport, width: int) -> str:
    value = "-" if field.value is None else _short(_json(field.value))
    made_of = "" if field.made_of is None else f"  <- {_made_of(field.made_of)}"
    problem = f"  !! {field.problem}" if field.problem else ""
    return f"{field.name:{width}}  {value}{made_of}{problem}"


def _made_of(mapping: Any) -> str:
    if isinstance(mapping, dict) and list(mapping) == ["@path"] and isinstance(mapping["@path"], str):
        return mapping["@path"]
    return _short(_json(mapping))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


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
