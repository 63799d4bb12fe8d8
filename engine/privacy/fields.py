"""Fields that may leave: an allow or deny list of paths, compiled to functions from event to event.

    FieldSettings -> FieldRules -> clean(line) -> line          bytes in, bytes out; the very same ones if nothing had to go
                                -> clean_event(event) -> event  the same for a decoded event, which is never changed itself

A path names keys from the event down and runs through lists: `properties.products.cost` is the cost of each product. There are no
indexes and no wildcards, because a rule that silently fits nothing is worse than none.

What is decoded is only what lies on the paths, a level at a time; everything else is passed on as the bytes it came in, so numbers
keep their digits and keys their order. A key that is written twice counts once, the last one, as for every receiver: an event that
has such an object on a path is written anew without the others, where a denied value could hide.

The spec's own fields are not up for negotiation. Those that no receiver can do without cannot be denied: to say so is an error, and
sending another id is what mappings are for. An allow list is about `properties`, `traits`, `context` and whatever is not of the
spec: what it does not name there goes, the spec's other fields stay.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..settings import Settings
from .walking import LINES, VALUES, Walker, tree_of

_NEEDED = frozenset(("type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event", "timestamp"))
"""What makes an event an event."""
_ALWAYS_ALLOWED = _NEEDED | frozenset(
    ("name", "category", "originalTimestamp", "sentAt", "receivedAt", "integrations", "channel", "version")
)
_PART = re.compile(r"\\(.)|([^\\.\[\]])|(\.)|(.)", re.DOTALL)


class FieldSettings(Settings, frozen=True):
    """`fields = { ... }`: what of an event may go to a destination."""

    deny: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Paths of fields that it must not get; a path runs through lists.",
            examples=[["context.ip", "properties.products.cost"]],
        ),
    ] = None
    allow: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Paths of the only fields of `properties`, `traits`, `context` and outside the spec that it may get.",
            examples=[["properties.order_id", "properties.products.sku"]],
        ),
    ] = None

    def __post_init__(self) -> None:
        if (self.deny is None) is (self.allow is None):
            raise ValueError("expected `deny` or `allow`, one of the two")
        name = "allow" if self.deny is None else "deny"
        problem = _problem_of(self.deny or self.allow or (), is_deny=name == "deny")
        if problem:
            raise ValueError(f"`{name}`: {problem}")


def _problem_of(paths: tuple[str, ...], *, is_deny: bool) -> str | None:
    if not paths:
        return 'names no field; write at least one, such as "context.ip"'
    for path in paths:
        try:
            keys = keys_of(path)
        except ValueError as error:
            return f'"{path}" {error}'
        if is_deny and keys[0] in _NEEDED:
            return f'"{path}" cannot be denied: no destination could do with an event without it'
    return None


def keys_of(path: str) -> list[str]:
    r"""The keys that a path names, from the event down. A dot that belongs to a key has a backslash before it: `properties.a\.b`.

    Raises ValueError, which says what is wrong with it.
    """
    keys, written = [""], [""]
    for escaped, plain, dot, wrong in _PART.findall(path.removeprefix("$.")):
        if wrong == "\\":
            raise ValueError("ends in a backslash")
        if wrong:
            raise ValueError("has an index: a path runs through lists, so leave it out")
        if dot:
            keys.append("")
            written.append("")
        keys[-1] += escaped or plain
        written[-1] += f"\\{escaped}" if escaped else plain
    for key in written:
        if not key:
            raise ValueError("has an empty part; write keys with dots between them")
        if key == "*":
            raise ValueError("has a *: a path includes all that is below it, so leave the * out")
        if key.isdecimal():
            raise ValueError(f"has an index: a path runs through lists, so leave it out (a key is written \\{key})")
    return keys


class FieldRules:
    """The compiled rules of one destination. Never changes."""

    __slots__ = ("_is_deny", "_needles", "_settings", "_tree")

    def __init__(self, settings: FieldSettings) -> None:
        self._settings = settings
        paths = [keys_of(path) for path in settings.deny or settings.allow or ()]
        self._is_deny = settings.deny is not None
        self._tree = tree_of(paths if self._is_deny else [*([key] for key in _ALWAYS_ALLOWED), *paths])
        self._needles = [msgspec.json.encode(keys[-1]) for keys in paths] if self._is_deny else []

    def clean(self, line: bytes) -> bytes:
        """The event without what must not leave: `line` itself if that is nothing.

        Never raises for a line that was accepted as an event; else msgspec.DecodeError, UnicodeDecodeError or RecursionError.
        """
        if self._is_deny and self._is_clean(line):
            return line
        before = msgspec.Raw(line)
        after = self._walk(LINES, before)
        return line if after is before else bytes(after)

    def clean_event(self, event: dict[str, Any]) -> dict[str, Any]:
        """The same for a decoded event: itself if nothing had to go, else a copy along the paths."""
        cleaned: dict[str, Any] = self._walk(VALUES, event)
        return cleaned

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldRules) and other._settings == self._settings

    def __hash__(self) -> int:
        return hash(self._settings)

    def __repr__(self) -> str:
        return f"<FieldRules {'deny' if self._is_deny else 'allow'} {self._settings.deny or self._settings.allow}>"

    def _walk(self, walker: Walker, event: Any) -> Any:
        return walker.without(event, self._tree) if self._is_deny else walker.only(event, self._tree)

    def _is_clean(self, line: bytes) -> bool:
        """Whether no denied key is anywhere in it, which costs next to nothing. A key can hide only behind an escape."""
        return b"\\" not in line and not any(needle in line for needle in self._needles)
