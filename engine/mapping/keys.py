"""Which paths a mapping mentions, as they are written: for linters and editors."""

from __future__ import annotations

from typing import Any

from .directives import DIRECTIVES
from .nodes import directive_of


def field_value_keys(mapping: Any) -> list[str]:
    """The paths of the event in the order in which they are mentioned, repeated where they are.

    As the reference's `getFieldValueKeys`; but it overlooks those in `@merge` and `@transform`, which are found here (of the
    latter those of its first stage: the second does not see the event).
    """
    return [key for key in _mentioned(mapping) if key]


def _mentioned(node: Any) -> list[str]:
    if isinstance(node, list):
        return [key for item in node for key in _mentioned(item)]
    if not isinstance(node, dict):
        return []
    name = directive_of(node)
    if name is None:
        return [key for value in node.values() for key in _mentioned(value)]
    row = DIRECTIVES.get(name)
    return row.mentions(node[name], _mentioned) if row else []
