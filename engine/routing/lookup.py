"""Reading a path from a decoded event, as Segment's triggers do.

A value that JavaScript calls falsy (`null`, false, 0, "") stops the walk and is the result: `properties.a.b = 0` is true for
`{"a": 0}`. Lists answer to indexes, lists and texts to `length`; whatever is not there is None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .syntax import Keys

Getter: TypeAlias = Callable[[Keys], Callable[[Any], Any]]
"""For a path, the function that reads it from one representation of an event."""


def from_dict(keys: Keys) -> Callable[[Any], Any]:
    """The Getter of whole decoded events."""
    if len(keys) == 1:
        return lambda event: event.get(keys[0])
    if len(keys) == 2:
        return _two(*keys)
    return lambda event: walk(event, keys)


def _two(first: str, second: str) -> Callable[[Any], Any]:
    def read(event: Any) -> Any:
        part = event.get(first)
        return part.get(second) if type(part) is dict else step(part, second)

    return read


def walk(value: Any, keys: Keys) -> Any:
    """`value` followed down `keys`."""
    for key in keys:
        value = step(value, key)
    return value


def step(value: Any, key: str) -> Any:
    """One key further down from any JSON value."""
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list):
        return _from_list(value, key)
    if isinstance(value, str) and value:
        return _from_text(value, key)
    return None if value else value


def _from_list(value: list[Any], key: str) -> Any:
    if key == "length":
        return len(value)
    index = _index(key)
    return value[index] if index is not None and index < len(value) else None


def _from_text(value: str, key: str) -> Any:
    """A text is UTF-16 here: an emoji has the length 2, and half of one is a text too."""
    units = value.encode("utf-16-le", "surrogatepass")
    if key == "length":
        return len(units) // 2
    index = _index(key)
    if index is None or 2 * index >= len(units):
        return None
    return units[2 * index : 2 * index + 2].decode("utf-16-le", "surrogatepass")


def _index(key: str) -> int | None:
    """`0`, `12`; not `00`, not `-1`, nothing absurdly long."""
    canonical = key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or key[0] != "0")
    return int(key) if canonical else None
