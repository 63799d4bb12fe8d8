"""The types that settings Structs are made of, shared by every room that declares some.

A settings Struct is the spec (default, unit, bounds, description, example on the field); parsing, `check`, the JSON Schema and
the docs all come from it. Durations are written `"5s"` and held as seconds; sizes `"4MiB"`, held as bytes.

msgspec takes bounds (`ge`, `le` ...) for its own numbers only, so those of a Duration or Size go into the field's
`Meta(extra={"gt": Duration("0s")})`, with the same four names. `extra=A_FILE` says that a string names a file: the configuration
makes it relative to the file that it is written in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from .secret import Secret
from .units import format_duration, format_size, parse_duration, parse_size

A_FILE = {"is_file": True}


class Duration(float):
    """Seconds, written as text with a unit."""

    def __new__(cls, value: float | str) -> Duration:
        return super().__new__(cls, parse_duration(value) if isinstance(value, str) else value)

    def __str__(self) -> str:
        return format_duration(self)

    @property
    def text(self) -> str:
        """As it would be written in a file: exact, where `str` rounds to three figures."""
        for unit in ("d", "h", "m", "s", "ms"):
            count = self / parse_duration(f"1{unit}")
            if count >= 1 and count.is_integer() and parse_duration(f"{int(count)}{unit}") == self:
                return f"{int(count)}{unit}"
        return f"{Decimal(repr(float(self))):f}s" if self else "0s"


class Size(int):
    """Bytes, written as text with a unit, or as a plain number."""

    def __new__(cls, value: int | str) -> Size:
        return super().__new__(cls, parse_size(value) if isinstance(value, str) else value)

    def __str__(self) -> str:
        return format_size(self)

    @property
    def text(self) -> str:
        """As it would be written in a file: exact, where `str` rounds to three figures."""
        for unit in ("TiB", "GiB", "MiB", "KiB"):
            count, rest = divmod(self, parse_size(f"1{unit}"))
            if count and not rest:
                return f"{count}{unit}"
        return f"{int(self)}B"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every settings Struct: unknown keys are errors, values never change."""


WRITTEN: dict[type, str] = {Duration: 'a duration like "5s"', Size: 'a size like "4MiB"', Secret: "a string"}
"""How a value of each type is written, for messages."""


def decode_hook(type_: type, value: Any) -> Any:
    """msgspec's `dec_hook` for settings: text to Duration, Size and Secret.

    Raises ValueError with what would be right; a value that ought to have been a secret is never repeated.
    """
    if type_ is Duration and isinstance(value, str):
        return Duration(value)
    if type_ is Size and isinstance(value, str | int) and not isinstance(value, bool):
        size = Size(value)
        if size < 0:
            raise ValueError(f'{value} is not a size; write one like "512KiB", "10MB" or 4096')
        return size
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"expected {WRITTEN.get(type_, type_.__name__)}, got {type(value).__name__}")


def encode_hook(value: Any) -> Any:
    """msgspec's `enc_hook` for the same types: as they would be written, secrets masked.

    `msgspec.json.schema` has no such hook and refuses defaults of these types; `config.schema` goes through here instead.
    """
    if isinstance(value, Duration | Size):
        return value.text
    if isinstance(value, Secret):
        return str(value)
    raise NotImplementedError(type(value))


def schema_hook(type_: type) -> dict[str, Any]:
    """msgspec's `schema_hook` for the same types."""
    if type_ is Duration:
        return {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"}
    if type_ is Size:
        return {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([KMGT]B|[KMGT]iB|B)?\s*$"},
                {"type": "integer", "minimum": 0},
            ]
        }
    if type_ is Secret:
        return {"type": "string", "writeOnly": True}
    raise NotImplementedError(type_)
