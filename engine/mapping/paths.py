"""Paths into a payload, as the reference reads them: `properties.products[0].sku`.

    split(path) -> keys        reader(keys)(payload) -> value

A value that counts as false (`null`, false, 0, "") ends the walk and is the result: `a.b` of `{"a": 0}` is 0. There are no
wildcards and no negative indexes, and a key with a dot in it cannot be reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from .values import UNDEFINED, is_falsy, length, list_index, units

Keys: TypeAlias = tuple[str, ...]
Read: TypeAlias = Callable[[Any], Any]

_SEPARATORS = re.compile(r"""\[(?=["'\d])|\.|(?<=["'\d])\]+""", re.ASCII)
_QUOTES = str.maketrans("", "", "'\"")


@lru_cache(maxsize=1024)
def split(path: str) -> Keys:
    """The keys of a path. Quotes are dropped wherever they are: `a["b c"]` is `a`, `b c`."""
    return tuple(piece.translate(_QUOTES) for piece in _SEPARATORS.split(path) if piece)


def unrooted(path: str) -> str:
    """Without its first `$.`, wherever that is: `@path` and `@arrayPath` allow it, placeholders of a template do not."""
    return path.replace("$.", "", 1)


def reader(keys: Keys) -> Read:
    """The function that reads what is at `keys`; for none of them, the payload itself."""
    if not keys:
        return lambda payload: payload
    if len(keys) == 1:
        return _one(keys[0])
    if len(keys) == 2:
        return _two(*keys)
    return _three(*keys) if len(keys) == 3 else lambda payload: walk(payload, keys)


def walk(value: Any, keys: Keys) -> Any:
    """`value` followed down `keys`."""
    for key in keys:
        value = value.get(key, UNDEFINED) if type(value) is dict else step(value, key)
    return value


def step(value: Any, key: str) -> Any:
    """One key further down from any value."""
    if is_falsy(value):
        return value
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    if isinstance(value, list):
        return len(value) if key == "length" else _item(value, key)
    if isinstance(value, str):
        return length(value) if key == "length" else _item(units(value), key)
    return UNDEFINED


def _item(items: list[Any], key: str) -> Any:
    index = list_index(key)
    return items[index] if index is not None and index < len(items) else UNDEFINED


def _one(key: str) -> Read:
    def read(payload: Any) -> Any:
        return payload.get(key, UNDEFINED) if type(payload) is dict else step(payload, key)

    return read


def _two(first: str, second: str) -> Read:
    keys = (first, second)

    def read(payload: Any) -> Any:
        if type(payload) is dict:
            part = payload.get(first, UNDEFINED)
            return part.get(second, UNDEFINED) if type(part) is dict else step(part, second)
        return walk(payload, keys)

    return read


def _three(first: str, second: str, third: str) -> Read:
    keys = (first, second, third)

    def read(payload: Any) -> Any:
        if type(payload) is dict:
            part = payload.get(first, UNDEFINED)
            if type(part) is dict:
                inner = part.get(second, UNDEFINED)
                return inner.get(third, UNDEFINED) if type(inner) is dict else step(inner, third)
        return walk(payload, keys)

    return read
