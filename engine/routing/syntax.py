"""What an FQL expression is made of, after parsing: frozen Structs that know which part of the text they came from.

`fields` of the spec are here too, because what a name means is decided while parsing: `Type` is a spelling mistake, not a field.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

Keys: TypeAlias = tuple[str, ...]
"""A path into an event: the top-level field, then keys and list indexes, all as text."""

TEXT_FIELDS = frozenset({"type", "event", "name", "userId"})
"""Fields that Segment compares as text: nothing is below them, and `userId = 123` means the text "123"."""

OBJECT_FIELDS = frozenset({"properties", "traits", "context", "integrations"})

FIELDS = (
    TEXT_FIELDS
    | OBJECT_FIELDS
    | frozenset({"anonymousId", "groupId", "previousId", "messageId", "category", "channel", "version", "projectId"})
    | frozenset({"timestamp", "originalTimestamp", "sentAt", "receivedAt", "writeKey", "_metadata"})
)
"""Every top-level field of the spec. Another one is written with a backslash (`\\level`), so that a typing error is an error."""


class Node(msgspec.Struct, frozen=True):
    """A part of an expression: `text[start:end]`."""

    start: int
    end: int


class Literal(Node, frozen=True):
    """A value as written. `text` is the spelling without quotes: what a text field is compared with."""

    value: str | int | float | bool | None
    text: str


class Listing(Node, frozen=True):
    """`['a', 'b', 5]`"""

    items: tuple[Literal, ...]


class Path(Node, frozen=True):
    """`properties.products[0].price`"""

    keys: Keys


class Call(Node, frozen=True):
    """`lowercase(properties.email)`; `name` is a row of `functions.FUNCTIONS`, the arguments fit it."""

    name: str
    arguments: tuple[Path | Call | Literal, ...]


class Compare(Node, frozen=True):
    """`left operator right`, the operator one of `= != < <= > >=`."""

    operator: str
    left: Path | Call
    right: Literal | Call


class Within(Node, frozen=True):
    """`left in right`"""

    left: Path | Call | Literal
    right: Listing | Path | Call


class Holds(Node, frozen=True):
    """A path or a yes/no function as a condition of its own: `properties.enabled`, `contains(event, "Order")`."""

    operand: Path | Call


class Lacks(Node, frozen=True):
    """`!contains(...)` or `!match(...)`: there is text, and it does not. (`!( ... )` is plain negation: `Not`.)"""

    operand: Call


class Not(Node, frozen=True):
    """`!( ... )`"""

    condition: Condition


class AllOf(Node, frozen=True):
    """Conditions joined by `and`: two or more, never an `AllOf` without parentheses around it."""

    conditions: tuple[Condition, ...]


class AnyOf(Node, frozen=True):
    """Conditions joined by `or`: two or more."""

    conditions: tuple[Condition, ...]


class Everything(Node, frozen=True):
    """`all`"""


Operand: TypeAlias = Path | Call
Condition: TypeAlias = Compare | Within | Holds | Lacks | Not | AllOf | AnyOf | Everything
