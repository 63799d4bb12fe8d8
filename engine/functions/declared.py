"""A file's `class Settings` as a Struct, so that decoding, `check`, the schema and redaction work as for every other destination."""

from __future__ import annotations

import copy
from typing import Annotated, Any, get_type_hints

import msgspec

from ..sdk.function import Setting
from ..secret import Secret
from .function import Function, FunctionSettings

_TYPES: dict[Any, Any] = {str: "", bool: False, int: 0, float: 0.0, list[str]: [], dict[str, str]: {}}
"""What a setting may be, and what it is where nobody says anything."""
_SECRET: dict[Any, Any] = {str: Secret, list[str]: list[Secret], dict[str, str]: dict[str, Secret]}
_WORDS = "str, bool, int, float, list[str] or dict[str, str]"

Refusals = dict[str, str]
"""What is wrong with a setting, by its name."""


class _ApiKey:
    """What a file without `class Settings` has, as in Segment."""

    apiKey: str = Setting(label="API key", secret=True)  # type: ignore[assignment]


def settings_of(function: Function, declared: type | None, names: dict[str, Any]) -> type[FunctionSettings] | Refusals:
    """The Struct for `declared`; `names` is what its annotations are looked up in."""
    declared = _ApiKey if declared is None else declared
    refusals: Refusals = {
        name: f"has no type; write `{name}: str = setting(...)`"
        for name, value in vars(declared).items()
        if isinstance(value, Setting) and name not in declared.__annotations__
    }
    fields = []
    required: list[str] = []
    for name, type_ in _hints(declared, names).items():
        one = _setting(declared, name)
        refusal = _refusal(name, type_, one)
        if refusal:
            refusals[name] = refusal
            continue
        fields.append((name, *_field(type_, one)))
        required += [name] if one.required and type_ in (str, list[str], dict[str, str]) else []
    return refusals or _struct(function, fields, required)


def _hints(declared: type, names: dict[str, Any]) -> dict[str, Any]:
    """The annotations, resolved; one that cannot be is left as it was written, and refused for that."""
    try:
        return {
            name: type_ for name, type_ in get_type_hints(declared, names).items() if name in declared.__annotations__
        }
    except (NameError, TypeError, AttributeError, SyntaxError):
        return dict(declared.__annotations__)


def _setting(declared: type, name: str) -> Setting:
    """What was declared; a plain default, or nothing at all, says as much as it can."""
    value = vars(declared).get(name, msgspec.UNSET)
    if isinstance(value, Setting):
        return value
    return Setting(label=name, required=value is msgspec.UNSET, default=None if value is msgspec.UNSET else value)


def _refusal(name: str, type_: Any, one: Setting) -> str:
    if name.startswith("_"):
        return "begins with an underscore; settings are named like `only_plans`"
    if type_ not in _TYPES:
        return f"is not of a type that settings can have; write {_WORDS}"
    if one.secret and type_ not in _SECRET:
        return "cannot be secret: only str, list[str] and dict[str, str] can"
    if one.required and one.default is not None:
        return "is required, so its default is never used; leave one of the two out"
    try:
        msgspec.convert(_TYPES[type_] if one.default is None else one.default, type_)
    except msgspec.ValidationError:
        return f"has a default of another type ({type(one.default).__name__})"
    return ""


def _field(type_: Any, one: Setting) -> tuple[Any] | tuple[Any, Any]:
    meta = msgspec.Meta(description=one.description or one.label)
    described: Any = Annotated[_SECRET[type_] if one.secret else type_, meta]
    if one.required:
        return (described,)
    default = copy.deepcopy(_TYPES[type_] if one.default is None else one.default)
    if one.secret:
        default = msgspec.convert(default, _SECRET[type_], dec_hook=lambda _, value: Secret(value))
    if isinstance(default, list | dict):
        return described, msgspec.field(default_factory=lambda: copy.copy(default))
    return described, default


def _struct(function: Function, fields: list[Any], required: list[str]) -> type[FunctionSettings]:
    def check(self: Any) -> None:
        empty = [f"`{name}`: is empty; it is required" for name in required if not getattr(self, name)]
        if empty:
            raise ValueError("; ".join(empty))

    made = msgspec.defstruct(
        "FunctionSettings",
        fields,
        bases=(FunctionSettings,),
        namespace={"__post_init__": check},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    assert issubclass(made, FunctionSettings)
    made.function = function
    return made
