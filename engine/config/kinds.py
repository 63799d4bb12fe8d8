"""What a setting's type is in words: for messages that say what would be right.

Works on the types of `msgspec.inspect`, which is how the Structs of all rooms are seen here.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, Final

import msgspec
from msgspec import inspect

from ..secret import Secret
from ..settings import WRITTEN, Duration, Settings, Size, encode_hook

_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_JSON_TYPES: Final[dict[type, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "a table",
    list: "a list",
    datetime: "a date",
    date: "a date",
    time: "a time",
}
_SCALARS: Final[dict[type, str]] = {
    inspect.StrType: "a string",
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
    inspect.AnyType: "anything",
}
_SHOWN_FOR = (inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.LiteralType)


class Help(msgspec.Struct, frozen=True):
    """What a field says about itself."""

    description: str = ""
    example: str = ""
    """As it would be written in TOML; "" if there is none."""
    bounds: dict[str, Any] = {}
    """`gt`, `ge`, `lt`, `le` of a Duration or Size."""
    is_file: bool = False
    """A string that names a file."""


def unwrap(type_: inspect.Type) -> tuple[inspect.Type, Help]:
    """The type without its annotation and without `| None`, for which TOML has no value; and what the annotation said."""
    help_ = Help()
    while True:
        if isinstance(type_, inspect.Metadata):
            help_ = _joined(help_, type_)
            type_ = type_.type
        elif isinstance(type_, inspect.UnionType) and len(_present(type_)) == 1:
            (type_,) = _present(type_)
        else:
            return type_, help_


def options(type_: inspect.UnionType) -> list[inspect.Type]:
    """What a union chooses from, None left out."""
    return [unwrap(option)[0] for option in _present(type_)]


def _present(type_: inspect.UnionType) -> list[inspect.Type]:
    return [option for option in type_.types if not isinstance(option, inspect.NoneType)]


def _joined(help_: Help, meta: inspect.Metadata) -> Help:
    schema = meta.extra_json_schema or {}
    examples = schema.get("examples", [])
    bounds = {name: value for name, value in (meta.extra or {}).items() if name in _BOUNDS}
    return Help(
        help_.description or schema.get("description", ""),
        help_.example or (toml(examples[0]) if examples else ""),
        help_.bounds or bounds,
        help_.is_file or bool((meta.extra or {}).get("is_file")),
    )


def kind(type_: inspect.Type, bounds: dict[str, Any] | None = None) -> str:
    """`a whole number of at least 1`, `one of "block", "drop_newest"`, `a list, each a string`."""
    type_, help_ = unwrap(type_)
    bounds = bounds or help_.bounds or bounds_of(type_)
    if isinstance(type_, inspect.UnionType):
        return " or ".join(dict.fromkeys(map(kind, options(type_))))
    if isinstance(type_, inspect.LiteralType):
        values = ", ".join(map(toml, type_.values))
        return f"one of {values}" if len(type_.values) > 1 else values
    if isinstance(type_, inspect.ListType | inspect.VarTupleType):
        return f"a list, each {kind(type_.item_type)}"
    name = WRITTEN[type_.cls] if isinstance(type_, inspect.CustomType) else _SCALARS[type(type_)]
    limits = " and ".join(f"{_BOUNDS[name]} {_plain(value)}" for name, value in bounds.items())
    return f"{name}, {limits}" if limits else name


def wanted(type_: inspect.Type, help_: Help) -> str:
    """All that would be right: the kind, an example unless the kind shows it, the description."""
    name = kind(type_, help_.bounds)
    example = "" if isinstance(type_, inspect.LiteralType) else help_.example
    if example and isinstance(type_, inspect.CustomType):
        name = re.sub(r' like "\w+"', "", name)
    description = f" ({help_.description.rstrip('.')})" if help_.description else ""
    return name + (f", such as {example}" if example else "") + description


def bounds_of(type_: inspect.Type) -> dict[str, Any]:
    """The bounds of a number as msgspec holds them."""
    if not isinstance(type_, inspect.IntType | inspect.FloatType):
        return {}
    return {name: getattr(type_, name) for name in _BOUNDS if getattr(type_, name) is not None}


def seen(type_: inspect.Type, value: Any) -> str:
    """`value` in words. Itself only where no secret can be meant: where a number, a choice or a quantity belongs."""
    if value == "":
        return '""'
    short = isinstance(value, str | int | float) and len(str(value)) <= 40
    quantity = isinstance(type_, inspect.CustomType) and type_.cls is not Secret
    if short and (quantity or isinstance(type_, _SHOWN_FOR)):
        return toml(value)
    return _JSON_TYPES[type(value)] if not isinstance(value, bool) else toml(value)


def toml(value: Any) -> str:
    """`value` as it would be written in a file, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return msgspec.json.encode(value, enc_hook=encode_hook).decode()


def _plain(value: Any) -> str:
    return value.text if isinstance(value, Duration | Size) else f"{value:g}"


def closest(word: str, words: Iterable[str]) -> str:
    """`; did you mean "timeout"?`, or nothing where none of `words` is near."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def nearest(word: str, words: Iterable[str]) -> str:
    """As `closest`, but all of `words` where none is near."""
    known = sorted(words)
    return closest(word, known) or ("; known are " + ", ".join(f'"{name}"' for name in known) if known else "")


def is_open(type_: inspect.Type) -> bool:
    """Whether any table will do: `Settings` itself, in whose place each destination type puts its own."""
    return isinstance(type_, inspect.StructType) and type_.cls is Settings
