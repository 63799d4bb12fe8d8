"""Decodes from an event's bytes just the parts that some mappings read, once for all of them.

    EventReader(paths)  ->  read(line) -> a plain dict

The dict has what is read and nothing else, and every mapping of these paths gives for it what it gives for the whole event.
msgspec skips the rest, which costs a fraction of building it. (`routing.Reader` gives Structs: quicker still, but a mapping
gives parts of the event on, and those have to be plain.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypedDict

import msgspec

from .paths import Keys

_Tree: TypeAlias = dict[str, "_Tree | None"]
"""What is read below a key; None: all of it."""


class EventReader:
    """Compiled once for the union of the paths that some mappings read; never changes afterwards."""

    __slots__ = ("_decode", "paths")

    def __init__(self, paths: Iterable[Keys]) -> None:
        self.paths = least(paths)
        decoder = msgspec.json.Decoder(dict[str, Any] if () in self.paths else _object(_tree(self.paths)))
        self._decode = decoder.decode

    def read(self, line: bytes) -> dict[str, Any]:
        """What is read of one event. Raises one of UNDECODABLE if it is no object, or such a part cannot be decoded."""
        event: dict[str, Any] = self._decode(line)
        return event

    def __repr__(self) -> str:
        parts = ", ".join(".".join(keys) or "everything" for keys in sorted(self.paths))
        return f"<EventReader of {parts or 'nothing'}>"


def least(paths: Iterable[Keys]) -> frozenset[Keys]:
    """`paths` without those that are part of others among them."""
    all_ = frozenset(paths)
    return frozenset(keys for keys in all_ if not any(keys[:end] in all_ for end in range(len(keys))))


def _tree(paths: Iterable[Keys]) -> _Tree:
    below: dict[str, list[Keys]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(tuple(rest))
    return {key: _tree(rests) if all(rests) else None for key, rests in below.items()}


def _object(tree: Mapping[str, _Tree | None]) -> Any:
    fields = {key: _any_shape(branch) if branch else Any for key, branch in tree.items()}
    return TypedDict("Part", fields, total=False)  # type: ignore[operator]


def _any_shape(tree: _Tree) -> Any:
    """An object of which some keys are read. If it is something else, it is decoded whole."""
    return _object(tree) | list[Any] | str | int | float | bool | None
