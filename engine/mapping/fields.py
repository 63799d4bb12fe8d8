"""What an author of a destination says about one field of an action. The stage that makes payloads fit is in `stage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

FieldType: TypeAlias = Literal["string", "text", "password", "number", "integer", "boolean", "datetime", "object"]
"""`text` is a long string, `password` one that is not shown; `datetime` a date as text, or a number of seconds or milliseconds."""

Format: TypeAlias = Literal[
    "email", "uri", "hostname", "ipv4", "ipv6", "uuid", "date", "date-time", "time", "date-like"
]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the values that a field may have, and how it is called where people choose."""

    value: Any
    label: str


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What another field has, or has not. Without a value: that it is absent or null."""

    field: str
    """Its key; `address.city` is a field of an object field."""
    operator: Literal["is", "is_not"] = "is"
    value: Any = None


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field is required only if other fields are such and such."""

    conditions: tuple[Condition, ...]
    match: Literal["all", "any"] = "all"


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of what an action takes."""

    label: str
    """Its name for people; messages use it."""
    type: FieldType = "string"
    description: str = ""
    required: bool | When = False
    default: Any = None
    """The mapping that is used if the user writes none: JSON, as for `compile_mapping`. None: there is none."""
    choices: tuple[Any, ...] = ()
    """The values there are: plain ones, or Choices."""
    format: Format | None = None
    """What a text must be besides."""
    multiple: bool = False
    """A list of such values; a single one is made a list of one."""
    minimum: float | None = None
    """Of a number, or of the length of a text in characters."""
    maximum: float | None = None
    properties: Mapping[str, Field] | None = None
    """The fields of an object; None: it is not looked into."""
    additional_properties: bool = False
    """Whether an object with `properties` keeps others too."""
    allow_null: bool = False
    """Whether null is a value; otherwise it is the same as nothing."""
    hidden: bool = False
    """Whether only experts are shown it."""
    personal: str | None = None
    """What personal data it is, a kind of `privacy.KINDS` such as `email`; None: none."""
    hashed: str | None = None
    """The algorithm with which the vendor wants personal data hashed, `sha256` for most; None: as it is."""

    @property
    def values(self) -> tuple[Any, ...]:
        """The choices, without their labels."""
        return tuple(choice.value if isinstance(choice, Choice) else choice for choice in self.choices)

    @property
    def json_types(self) -> tuple[str, ...]:
        """The names of its types in messages, the preferred one first."""
        names = _JSON_TYPES.get(self.type, (self.type,))
        return (*names, "null") if self.allow_null else names


_JSON_TYPES: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "text": ("string",),
    "password": ("string",),
    "datetime": ("string", "number"),
}
