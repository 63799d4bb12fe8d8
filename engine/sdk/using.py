"""Which actions of a destination are in use, and how: its presets, changed and completed by what the user wrote.

    presets + [destinations.NAME.actions.*] -> ActionSettings each -> Use each, and whatever is wrong with them

A user's mapping has a value for some fields; the others keep their defaults. "" leaves a field out. A mapping that is a directive itself
takes the place of all. A moment in a vendor's own format (`@timestamp` in the default) may be mapped as any moment: it is formatted all
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..errors import FqlError, MappingError, ValidationError
from ..mapping import compile_fields, compile_mapping
from ..routing import compile_fql
from ..settings import Settings
from ..text import placed
from .actions import Action, ActionDestination, Preset, Read, Use
from .destination import Destination
from .payload import decode_event


class ActionSettings(Settings, frozen=True, kw_only=True):
    """`[destinations.NAME.actions.ACTION]`: an action changed, or one more."""

    enabled: Annotated[bool, Meta(description="Whether it is in use.", examples=[True])] = True
    action: Annotated[
        str | None,
        Meta(
            description="For one more: which of the type's actions it is. Default: the one that has this name.",
            examples=["track_event"],
        ),
    ] = None
    trigger: Annotated[
        str | None,
        Meta(description="FQL: which events it is for.", examples=['type = "track" and event = "Order Completed"']),
    ] = None
    mapping: Annotated[
        dict[str, Any] | str | None,
        Meta(
            description="What its fields are made of: a table, or a string of JSON. Fields that are not in it keep their "
            'defaults; "" leaves one out.',
            examples=[{"transaction_id": {"@path": "$.properties.order_id"}}],
        ),
    ] = None
    mapping_file: Annotated[
        str | None,
        Meta(description="The same, as a file of JSON beside the configuration.", examples=["purchase.json"]),
    ] = None


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is wrong with an action."""

    action: str
    key: str
    """The setting of it."""
    message: str


class Chosen(msgspec.Struct, frozen=True):
    """What a user's settings come to."""

    uses: list[Use]
    wrong: list[Wrong]


def presets_of(destination: type[ActionDestination[Any]]) -> dict[str, Preset]:
    """What is in use when the user says nothing, by name."""
    if destination.presets:
        return dict(destination.presets)
    return {action.name: Preset(action) for action in destination.actions if action.trigger}


def choose(
    destination: type[ActionDestination[Any]], settings: Any, written: Mapping[str, ActionSettings] = {}
) -> Chosen:
    """The actions in use, in the order of the presets, then of what the user added. All problems in one go.

    `settings`: None if they are wrong themselves. Then there are no uses, only what is wrong.
    """
    presets = presets_of(destination)
    known = {action.name: action for action in destination.actions}
    uses: list[Use] = []
    wrong: list[Wrong] = []
    for name in [*presets, *(name for name in written if name not in presets)]:
        one = written.get(name, ActionSettings())
        preset = _preset(name, one, presets, known, wrong)
        if preset is None or not one.enabled:
            continue
        use = _use(name, one, preset, settings, wrong)
        if use is not None:
            uses.append(use)
    return Chosen(uses, wrong)


def _preset(
    name: str,
    one: ActionSettings,
    presets: Mapping[str, Preset],
    known: Mapping[str, type[Action[Any]]],
    wrong: list[Wrong],
) -> Preset | None:
    if name in presets and one.action in (None, presets[name].action.name):
        return presets[name]
    wanted = one.action or name
    if wanted in known:
        return Preset(known[wanted])
    if one.action is None and len(known) == 1:
        return Preset(next(iter(known.values())))
    there = ", ".join(known)
    if one.action is None:
        wrong.append(Wrong(name, "", f"is no action of this type; write `action` to add one of: {there}"))
    else:
        wrong.append(Wrong(name, "action", f"there is no action {wanted!r}; there are: {there}"))
    return None


def _use(name: str, one: ActionSettings, preset: Preset, settings: Any, wrong: list[Wrong]) -> Use | None:
    before = len(wrong)
    kind = preset.action
    trigger = one.trigger or preset.trigger or kind.trigger
    if not trigger:
        wrong.append(
            Wrong(name, "trigger", f"is missing: {kind.name} has no trigger of its own; write which events it is for")
        )
    mapping = _mapping(name, one, preset, wrong)
    if kind.free_form and not mapping and len(wrong) == before:  # what was written is wrong is told already
        wrong.append(Wrong(name, "mapping", 'is missing: write what is sent; {"@path" = "$."} is all of an event'))
    try:
        matches = compile_fql(trigger or "all")  # that it is missing is told already
    except FqlError as error:
        wrong.append(Wrong(name, "trigger", f"is not well-formed FQL: {error.message} (column {error.column})"))
    try:
        compiled = compile_mapping(mapping)
    except MappingError as error:
        wrong += [Wrong(name, "mapping", f"{problem.path} {problem.message}".lstrip()) for problem in error.problems]
    if len(wrong) > before or settings is None:
        return None
    share = {field: mapping[field] for field in kind.share if field in mapping}
    return Use(
        name=name,
        action=kind(settings),
        trigger=trigger,
        mapping=mapping,
        version=compiled.version,
        matches=matches,
        compiled=compiled,
        complete=_as_mapped if kind.free_form else compile_fields(kind.fields),
        key=compile_mapping(share) if kind.share else None,
    )


def _mapping(name: str, one: ActionSettings, preset: Preset, wrong: list[Wrong]) -> dict[str, Any]:
    """The defaults with what the user wrote over them."""
    kind = preset.action
    defaults = {field: what.default for field, what in kind.fields.items() if what.default is not None}
    own = one.mapping
    if isinstance(own, str):
        text = own
        try:
            own = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            wrong.append(Wrong(name, "mapping", f"is no object of JSON: {placed(error, text)}"))
            own = {}
    own = own or {}
    if kind.free_form or any(key.startswith("@") or key == "__segment_internal_directive" for key in own):
        return own
    for field in own:
        if field not in kind.fields and not field.startswith("__segment_internal"):
            there = ", ".join(kind.fields)
            wrong.append(Wrong(name, f"mapping.{field}", f"{kind.name} has no field {field!r}; there are: {there}"))
    defaults = {**defaults, **preset.mapping}
    return {**defaults, **{field: _as_moment(value, defaults.get(field)) for field, value in own.items()}}


def _as_moment(value: Any, default: Any) -> Any:
    """A field whose default is a moment in the vendor's format takes any moment: a mapping of Segment's has `$.timestamp` there."""
    is_moment = isinstance(default, dict) and isinstance(default.get("@timestamp"), dict)
    has_own = value in (None, "") or (isinstance(value, dict) and "@timestamp" in value)
    if not is_moment or has_own or "format" not in default["@timestamp"]:
        return value
    return {"@timestamp": {**default["@timestamp"], "value": value}}


def _as_mapped(payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise ValidationError("the mapping makes no object of this event")
    return payload


def acting(destination: type[Destination[Any]], written: Mapping[str, ActionSettings]) -> type[Destination[Any]]:
    """The class that serves it with these actions. Where there are some, that holds even if none of them is enabled."""
    return destination.with_actions or destination if written else destination


def equipped(
    destination: type[Destination[Any]],
    settings: Any,
    written: Mapping[str, ActionSettings] = {},
    read: Read = decode_event,
) -> Destination[Any]:
    """A destination ready for use, with its actions if it is of the kind that has some. Raises ValueError if they are wrong."""
    destination = acting(destination, written)
    if not issubclass(destination, ActionDestination):
        return destination(settings)
    chosen = choose(destination, settings, written)
    if chosen.wrong:
        raise ValueError("; ".join(f"actions.{one.action}.{one.key}: {one.message}" for one in chosen.wrong))
    return destination(settings, chosen.uses, read)
