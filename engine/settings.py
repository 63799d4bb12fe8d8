"""The types that settings Structs are made of, shared by every room that declares some.

A settings Struct is the spec (default, unit, bounds, description, example on the field); parsing, `check`, the JSON Schema and
the docs all come from it. Durations are written `"5s"` and held as seconds; sizes `"4MiB"`, held as bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .secret import Secret
from .units import format_duration, format_size, parse_duration, parse_size


class Duration(float):
    """Seconds, written as text with a unit."""

    def __new__(cls, value: float | str) -> Duration:
        return super().__new__(cls, parse_duration(value) if isinstance(value, str) else value)

    def __str__(self) -> str:
        return format_duration(self)


class Size(int):
    """Bytes, written as text with a unit, or as a plain number."""

    def __new__(cls, value: int | str) -> Size:
        return super().__new__(cls, parse_size(value) if isinstance(value, str) else value)

    def __str__(self) -> str:
        return format_size(self)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every settings Struct: unknown keys are errors, values never change."""


def decode_hook(type_: type, value: Any) -> Any:
    """msgspec's `dec_hook` for settings: text to Duration, Size and Secret. Raises ValueError with what would be right."""
    if type_ is Duration and isinstance(value, str):
        return Duration(value)
    if type_ is Size and isinstance(value, str | int) and not isinstance(value, bool):
        return Size(value)
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    expected: dict[type, str] = {Duration: 'a duration like "5s"', Size: 'a size like "4MiB"', Secret: "a string"}
    raise ValueError(f"expected {expected.get(type_, type_.__name__)}, got {value!r}")


def schema_hook(type_: type) -> dict[str, Any]:
    """msgspec's `schema_hook` for the same types."""
    if type_ is Duration:
        return {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$", "examples": ["5s"]}
    if type_ is Size:
        return {
            "anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*([KMGT]i?B|B)?$"}, {"type": "integer"}],
            "examples": ["4MiB"],
        }
    if type_ is Secret:
        return {"type": "string", "writeOnly": True}
    raise NotImplementedError(type_)
