"""Takes parts out of a nested value, or leaves only some: of JSON as bytes, and of dicts and lists, by one and the same walk.

What is not on the way is not looked at. A value that loses nothing is given back as it is, the same object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import is_
from typing import Any, TypeAlias

import msgspec

Tree: TypeAlias = "dict[str, Tree | None]"
"""Paths by their keys; None ends one, and stands for all that is below."""

_GONE: Any = object()


def tree_of(paths: Iterable[Sequence[str]]) -> Tree:
    """All paths in one tree; a path that includes another takes its place."""
    tree: Tree = {}
    for keys in sorted(paths, key=len):
        below: Tree | None = tree
        for key in keys[:-1]:
            below = None if below is None else below.setdefault(key, {})
        if below is not None:
            below[keys[-1]] = None
    return tree


class Walker:
    """The walk over decoded values. Values are never changed: what loses a part is copied.

    One frame a level (`map`, no comprehension), so that an event as deep as may come in does not reach the interpreter's limit.
    """

    def without(self, value: Any, tree: Tree) -> Any:
        """`value` less what `tree` names."""
        parts = self._parts(value)
        if isinstance(parts, list):
            return self._of_list(value, parts, list(map(self.without, parts, repeat(tree))))
        if not isinstance(parts, dict):
            return value
        kept = parts
        for key in [key for key in tree if key in parts]:
            below = tree[key]
            part = _GONE if below is None else self.without(parts[key], below)
            if part is not parts[key]:
                kept = dict(parts) if kept is parts else kept
                kept[key] = part
                if part is _GONE:
                    del kept[key]
        return self._of_dict(value, parts, kept)

    def only(self, value: Any, tree: Tree) -> Any:
        """`value` with nothing but what `tree` names. What has no keys, where keys were named, is none of that, and goes."""
        parts = self._parts(value)
        if isinstance(parts, list):
            return self._of_list(value, parts, list(map(self.only, parts, repeat(tree))))
        if not isinstance(parts, dict):
            return _GONE
        kept = {key: part for key, part in parts.items() if key in tree}
        for key in kept:
            below = tree[key]
            if below is not None:
                kept[key] = self.only(kept[key], below)
        is_same = len(kept) == len(parts) and all(map(is_, kept.values(), parts.values()))
        left = parts if is_same else {key: part for key, part in kept.items() if part is not _GONE}
        return self._of_dict(value, parts, left)

    def _of_dict(self, value: Any, parts: dict[str, Any], kept: dict[str, Any]) -> Any:
        return value if kept is parts and self._is_whole(value, parts) else self._joined(kept)

    def _of_list(self, value: Any, parts: list[Any], kept: list[Any]) -> Any:
        if all(map(is_, parts, kept)):
            return value
        return self._joined([part for part in kept if part is not _GONE])

    def _parts(self, value: Any) -> Any:
        """The dict or list that `value` is; of anything else something else."""
        return value

    def _joined(self, parts: Any) -> Any:
        return parts

    def _is_whole(self, value: Any, parts: dict[str, Any]) -> bool:
        """Whether `value` has nothing that `parts` has not."""
        return True


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class _LineWalker(Walker):
    """The walk over JSON, held as msgspec.Raw: one level is decoded at a time, the values in it stay bytes."""

    def _parts(self, value: Any) -> Any:
        text = bytes(value)
        first = text[:1] if text[:1] in b"{[" else text.lstrip()[:1]
        if first == b"{":
            return _decode_object(text)
        return _decode_list(text) if first == b"[" else None

    def _joined(self, parts: Any) -> Any:
        return msgspec.Raw(_encode(parts))

    def _is_whole(self, value: Any, parts: dict[str, Any]) -> bool:
        """Whether no key is in it twice. JSON in one of the two usual layouts is simply written again and compared."""
        text = bytes(value)
        return text == _encode(parts) or text == _spaced(parts) or _count_pairs(text) == len(parts)


def _spaced(parts: dict[str, Any]) -> bytes:
    """As Python's `json` writes it, with a space after each comma and colon."""
    return b"{%b}" % b", ".join([b"%b: %b" % (_encode(key), bytes(part)) for key, part in parts.items()])


def _count_pairs(text: bytes) -> int:
    """Members of the object `text`; 0 if the standard library cannot say. Numbers are left alone: it refuses very long ones."""
    counts: list[int] = [0]

    def pairs(members: list[tuple[str, Any]]) -> None:
        counts.append(len(members))

    try:
        json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return 0
    return counts[-1]


VALUES = Walker()
LINES: Walker = _LineWalker()
