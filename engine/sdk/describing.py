"""The actions of a destination as documentation: what the catalogue shows, and what stands in each README, made from the declarations."""

from __future__ import annotations

from typing import Any

import msgspec

from .actions import ActionDestination, Preset
from .destination import Destination
from .using import presets_of


class FieldInfo(msgspec.Struct, frozen=True):
    """A field of an action, as a user meets it."""

    name: str
    label: str
    type: str
    required: bool
    description: str
    default: Any
    """The mapping that holds if the user writes none; None if there is none."""


class ActionInfo(msgspec.Struct, frozen=True):
    """An action in use when the user says nothing, or one that can be added (`trigger` is "")."""

    name: str
    action: str
    label: str
    description: str
    trigger: str
    fields: list[FieldInfo]


def actions_of(destination: type[Destination[Any]]) -> list[ActionInfo]:
    """The presets in their order, then the actions that have none; [] for a type that takes no actions."""
    destination = destination.with_actions or destination
    if not issubclass(destination, ActionDestination):
        return []
    presets = presets_of(destination)
    used = {preset.action for preset in presets.values()}
    more = {action.name: Preset(action) for action in destination.actions if action not in used}
    return [_info(name, preset) for name, preset in {**presets, **more}.items()]


def _info(name: str, preset: Preset) -> ActionInfo:
    action = preset.action
    fields = [
        FieldInfo(
            field,
            what.label,
            f"list of {what.type}" if what.multiple else what.type,
            what.required is True,
            what.description,
            preset.mapping.get(field, what.default),
        )
        for field, what in action.fields.items()
    ]
    trigger = preset.trigger or action.trigger
    return ActionInfo(name, action.name, preset.label or action.label, action.description, trigger, fields)


def actions_markdown(destination: type[Destination[Any]]) -> str:
    """The `## Actions` of a README: which events make what, and what each field is made of."""
    infos = actions_of(destination)
    rows = [
        f"| `{one.name}` | {one.label} | {f'`{_cell(one.trigger)}`' if one.trigger else 'only if you add it'} |"
        for one in infos
    ]
    parts = ["\n".join(["| action | what it does | which events |", "|---|---|---|", *rows])]
    shown: set[str] = set()
    for one in infos:
        if one.action not in shown:
            shown.add(one.action)
            parts.append(_fields_markdown(one))
    return "\n\n".join(parts)


def _fields_markdown(one: ActionInfo) -> str:
    rows = [
        f"| `{field.name}` | {field.type}{', required' if field.required else ''} | {_default(field.default)} | "
        f"{_cell(field.description)} |"
        for field in one.fields
    ]
    head = [
        f"### `{one.action}`",
        "",
        one.description,
    ]
    table = ["", "| field | type | made of | what it is |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([*head, *table])


def _default(mapping: Any) -> str:
    if mapping is None:
        return ""
    if isinstance(mapping, dict) and list(mapping) == ["@path"] and isinstance(mapping["@path"], str):
        return f"`{_cell(mapping['@path'])}`"
    text = msgspec.json.encode(mapping).decode()
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
