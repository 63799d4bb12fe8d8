"""The reserved key that makes one directive out of a whole mapping: everything beside it becomes the directive's `mapping`.

It is how Segment says "first flatten, then map": `{"__segment_internal_directive": {"@transform": {"apply": ...}}, "name": ...}`.
"""

from __future__ import annotations

from typing import Any

from ..errors import MappingError, Problem
from .values import units

ROOT_DIRECTIVE = "__segment_internal_directive"


def unwrapped(mapping: Any) -> dict[str, Any]:
    """The mapping as an object, its root directive applied. Raises MappingError if that is none.

    A list is an object with numbers for keys, as it is where this comes from; so is a text, and a number is an empty one.
    """
    fields = _object(mapping)
    if ROOT_DIRECTIVE not in fields:
        return fields
    directive = fields.pop(ROOT_DIRECTIVE)
    if not isinstance(directive, dict) or not directive:
        raise _refused("The root directive must be an object")
    if len(directive) > 1:
        raise _refused("The root mapping must only have a single directive object")
    [(name, options)] = directive.items()
    if not isinstance(options, dict):
        raise _refused("The root directive must be an object")
    return {name: {**options, "mapping": fields}}


def _object(mapping: Any) -> dict[str, Any]:
    if isinstance(mapping, dict):
        return dict(mapping)
    items = units(mapping) if isinstance(mapping, str) else mapping if isinstance(mapping, list) else []
    return {str(position): item for position, item in enumerate(items)}


def _refused(message: str) -> MappingError:
    return MappingError([Problem("", message)])
