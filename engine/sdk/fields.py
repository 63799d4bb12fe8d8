"""A settings Struct read as documentation: what the catalogue shows and the conformance suite insists on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from ..secret import Secret
from ..settings import Duration, Settings, Size, encode_hook

_PLAIN: dict[type, str] = {
    inspect.AnyType: "anything",
    inspect.NoneType: "nothing",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.StructType: "table",
}
_CUSTOM: dict[type, str] = {Duration: "duration", Size: "size", Secret: "secret"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


class Field(msgspec.Struct, frozen=True):
    """One setting, as a user meets it."""

    name: str
    type: str
    """In words: `string`, `duration`, `one of "a", "b"`, `table of secret`."""
    required: bool
    default: Any
    """JSON-able, as it would be written in a file; None if required."""
    description: str
    examples: list[Any]
    secret: bool


def fields(settings: type[Settings]) -> list[Field]:
    """The settings of a Struct, in the order of their declaration."""
    struct = inspect.type_info(settings)
    assert isinstance(struct, inspect.StructType), settings
    return [_field(field) for field in struct.fields]


def _field(field: inspect.Field) -> Field:
    extra = _schema_extra(field.type)
    words = _in_words(field.type)
    return Field(
        field.encode_name,
        words,
        field.required,
        _default(field),
        extra.get("description", ""),
        extra.get("examples", []),
        "secret" in words.split(),
    )


def _schema_extra(type_: inspect.Type) -> dict[str, Any]:
    """What `Meta` says about a type: msgspec keeps it around the type, or around the alternatives of a union."""
    return (type_.extra_json_schema or {}) if isinstance(type_, inspect.Metadata) else {}


def _default(field: inspect.Field) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return _as_written(field.default_factory())
    return None if field.default is msgspec.NODEFAULT else _as_written(field.default)


def _as_written(value: Any) -> Any:
    if isinstance(value, Duration | Size | Secret):
        return encode_hook(value)
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def _in_words(type_: inspect.Type) -> str:
    if isinstance(type_, inspect.Metadata):
        return _in_words(type_.type)
    for kind, words in _WORDS.items():
        if isinstance(type_, kind):
            return words(type_)
    return _PLAIN.get(type(type_), "value") + _bounds(type_)


def _bounds(type_: inspect.Type) -> str:
    found = [(word, getattr(type_, name, None)) for name, word in _BOUNDS.items()]
    return "".join(f", {word} {bound}" for word, bound in found if bound is not None)


def _union(type_: inspect.UnionType) -> str:
    return " or ".join(_in_words(part) for part in type_.types if not isinstance(part, inspect.NoneType))


_WORDS: dict[type, Callable[[Any], str]] = {
    inspect.UnionType: _union,
    inspect.CustomType: lambda custom: _CUSTOM.get(custom.cls, custom.cls.__name__),
    inspect.LiteralType: lambda literal: "one of " + ", ".join(f'"{value}"' for value in literal.values),
    inspect.ListType: lambda list_: f"list of {_in_words(list_.item_type)}",
    inspect.DictType: lambda dict_: f"table of {_in_words(dict_.value_type)}",
}
