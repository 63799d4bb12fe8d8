"""What the contract names and this version does not do yet: using it is an error that says so, never silently ignored.

One table. When a feature lands, its line goes, and its setting is declared by the room that uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from .document import Broken
from .positions import Path

_LATER = "is not in this version yet; until then leave it out"

_KEYS: dict[tuple[str, ...], str] = {}
"""`*` is any name or index."""

_VALUES: dict[tuple[tuple[str, ...], str], str] = {}


def not_yet(tree: dict[str, Any]) -> dict[Path, str]:
    """Where `tree` uses what is not there yet, and what to say."""
    found = {path: message for pattern, message in _KEYS.items() for path, _ in _matches(tree, pattern)}
    for (pattern, value), message in _VALUES.items():
        found |= {path: message for path, seen in _matches(tree, pattern) if seen == value}
    return found


def marked(tree: Any, paths: Collection[Path], path: Path = ()) -> Any:
    """`tree` with what is at `paths` marked as reported, so that nothing else is said about it."""
    if path in paths:
        return Broken.LATER
    if isinstance(tree, dict):
        return {key: marked(value, paths, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [marked(value, paths, (*path, index)) for index, value in enumerate(tree)]
    return tree


def _matches(tree: Any, pattern: tuple[str, ...], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not pattern:
        yield path, tree
        return
    head, *rest = pattern
    for key, value in _children(tree):
        if head in ("*", key):
            yield from _matches(value, tuple(rest), (*path, key))


def _children(tree: Any) -> list[tuple[str | int, Any]]:
    if isinstance(tree, dict):
        return list(tree.items())
    return list(enumerate(tree)) if isinstance(tree, list) else []
