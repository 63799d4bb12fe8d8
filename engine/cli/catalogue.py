"""`doorstep catalogue`: the destinations there are, for people, for programs, for a document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from ..catalogue import Catalogue, Entry, describe
from ..sdk.describing import ActionInfo, actions_markdown
from ..sdk.fields import Field


@click.command("catalogue")
@click.argument("name", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True, help="How."
)
def catalogue_command(name: str | None, form: str) -> None:
    """Shows the destinations there are; with NAME one of them, with its settings and limits."""
    catalogue = Catalogue.discover()
    if name is not None:
        click.echo(_ONE[form](catalogue.load(name)))
        return
    entries, problems = catalogue.load_all()
    click.echo(_ALL[form](entries))
    for problem in problems:
        click.echo(str(problem), err=True)


# All of them ---------------------------------------------------------------------------------------------------------


def _list_text(entries: list[Entry]) -> str:
    width = max((len(entry.name) for entry in entries), default=0)
    return "\n".join(f"{entry.name:{width}}  {entry.description}{_origin(entry)}" for entry in entries)


def _list_json(entries: list[Entry]) -> str:
    return _json([describe(entry) for entry in entries])


def _list_markdown(entries: list[Entry]) -> str:
    rows = [f"| `{entry.name}` | {entry.label} | {_cell(entry.description)} |" for entry in entries]
    return "\n".join(["| type | label | what it does |", "|---|---|---|", *rows])


def _origin(entry: Entry) -> str:
    return "" if entry.source == "builtin" else f" ({entry.source})"


# One of them ---------------------------------------------------------------------------------------------------------


def _one_text(entry: Entry) -> str:
    lines = [f"{entry.name}: {entry.label}{_origin(entry)}", entry.description]
    lines += ["", "settings:"] if entry.settings else []
    for field in entry.settings:
        lines += [f"  {field.name} ({field.type}; {_default(field)})", f"      {field.description}{_example(field)}"]
    lines += ["", "limits:", *(f"  {limit}" for limit in _limits(entry))]
    if entry.actions:
        lines += ["", "actions:", *(line for action in entry.actions for line in _action_text(action))]
    return "\n".join(lines)


def _action_text(action: ActionInfo) -> list[str]:
    lines = [f"  {action.name}: {action.description}", f"      trigger: {action.trigger or 'none; it has to be added'}"]
    for field in action.fields:
        made_of = "" if field.default is None else f" = {json.dumps(field.default, ensure_ascii=False)}"
        lines.append(f"      {field.name} ({field.type}{', required' if field.required else ''}){made_of}")
    return lines


def _one_json(entry: Entry) -> str:
    return _json(describe(entry))


def _one_markdown(entry: Entry) -> str:
    rows = [
        f"| `{field.name}` | {_cell(field.type)} | {_cell(_default(field))} | {_cell(field.description)} |"
        for field in entry.settings
    ]
    settings = ["| setting | type | default | what it is |", "|---|---|---|---|", *rows]
    head = [f"## `{entry.name}`: {entry.label}", "", entry.description, ""]
    actions = ["", actions_markdown(entry.destination)] if entry.actions else []
    return "\n".join([*head, *settings, "", f"Limits: {', '.join(_limits(entry))}.", *actions])


def _default(field: Field) -> str:
    return "required" if field.required else f"default {json.dumps(field.default, ensure_ascii=False)}"


def _example(field: Field) -> str:
    return f" Example: {json.dumps(field.examples[0], ensure_ascii=False)}" if field.examples else ""


def _limits(entry: Entry) -> list[str]:
    return [f"{name} {value}" for name, value in describe(entry)["limits"].items() if value is not None]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


_ALL: dict[str, Callable[[list[Entry]], str]] = {"text": _list_text, "json": _list_json, "markdown": _list_markdown}
_ONE: dict[str, Callable[[Entry], str]] = {"text": _one_text, "json": _one_json, "markdown": _one_markdown}
