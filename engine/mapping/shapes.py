"""Directives that reshape: `@arrayPath`, `@flatten`, `@merge`, `@transform`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import MappingError, UnmappableEvent
from .nodes import Code, Keep, Scope, options_in
from .paths import Read, split, unrooted
from .root import unwrapped
from .values import UNDEFINED, is_falsy, items_in_order, real_type, units, without_undefined

# @arrayPath ----------------------------------------------------------------------------------------------------------


def array_path(options: Any, scope: Scope, keep: Keep) -> Code:
    """A list, or each of its items in another shape. In the shape the item is all that there is."""
    if not isinstance(options, list):
        return scope.failing(f"@arrayPath expected array, got {real_type(options)}")
    path, shape = [*options, UNDEFINED, UNDEFINED][:2]
    is_shaped = isinstance(shape, dict) and len(shape) > 0
    root = _root(path, scope, Keep.ALL if is_shaped else keep)
    if not is_shaped:
        return root
    each = scope.of(root).compile(shape, "1", keep=keep.inside)
    holed = root.gaps or root.holed or each.undefined or each.gaps or each.holed
    return Code(_shaped(root.run, each.run), undefined=root.undefined, holed=holed)


def _root(path: Any, scope: Scope, keep: Keep) -> Code:
    return scope.path(split(unrooted(path))) if isinstance(path, str) else scope.compile(path, "0", keep=keep)


def _shaped(read: Read, each: Read) -> Read:
    def run(payload: Any) -> Any:
        root = read(payload)
        if isinstance(root, list):
            return [each(item) for item in root]
        return [each(root)] if isinstance(root, dict) else root

    return run


# @flatten ------------------------------------------------------------------------------------------------------------


def flatten(options: Any, scope: Scope, keep: Keep) -> Code:
    """One object without objects in it; the names are joined: `address.city` of `{"address": {"city": ...}}`."""
    separator = options_in(options, "separator")
    if is_falsy(separator):
        return scope.failing('@flatten requires a "separator" key')
    separated = scope.compile(separator, "separator").run
    code = scope.compile(options_in(options, "value"), "value", keep=Keep.ALL if keep else Keep.NOTHING)
    goes_through_lists = is_falsy(options_in(options, "omitArrays"))

    def run(payload: Any) -> dict[str, Any]:
        joint = separated(payload)
        if not isinstance(joint, str):
            raise UnmappableEvent("@flatten requires a string separator")
        result: dict[str, Any] = {}
        _flatten(code.run(payload), "", joint, goes_through_lists, result)
        return result if keep else {key: value for key, value in result.items() if value is not UNDEFINED}

    return Code(run, gaps=bool(keep), holed=code.gaps or code.holed)


def _flatten(value: Any, name: str, joint: str, goes_through_lists: bool, result: dict[str, Any]) -> None:
    inner: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        inner = items_in_order(value)
    elif isinstance(value, list) and goes_through_lists:
        inner = _numbered(value)
    else:
        result[name] = value
        return
    for key, item in inner:
        _flatten(item, f"{name}{joint}{key}" if name else key, joint, goes_through_lists, result)


def _numbered(items: list[Any]) -> Iterable[tuple[str, Any]]:
    return ((str(position), item) for position, item in enumerate(items))


# @merge --------------------------------------------------------------------------------------------------------------


def merge(options: Any, scope: Scope, keep: Keep) -> Code:
    """Several objects in one, the last (or with `left` the first) wins; a value that is missing wins too."""
    direction, objects = options_in(options, "direction"), options_in(options, "objects")
    if is_falsy(direction):
        return scope.failing('@merge requires a "direction" key')
    if not isinstance(objects, list):
        return scope.failing("@merge requires an array of objects")
    inner = max(keep, Keep.OWN)
    codes = [scope.compile(item, "objects", str(position), keep=inner) for position, item in enumerate(objects)]
    if direction == "left":
        codes.reverse()
    runs = [code.run for code in codes]

    def run(payload: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for read in runs:
            value = read(payload)
            result.update(value if isinstance(value, dict) else _members(value))
        return result if keep else {key: value for key, value in result.items() if value is not UNDEFINED}

    return Code(run, gaps=bool(keep), holed=any(code.holed for code in codes))


def _members(value: Any) -> Iterable[tuple[str, Any]]:
    """What JavaScript copies of something that is no object: the items of a list, the characters of a text."""
    if isinstance(value, list):
        return _numbered(value)
    return _numbered(units(value)) if isinstance(value, str) else ()


# @transform ----------------------------------------------------------------------------------------------------------


def transform(options: Any, scope: Scope, keep: Keep) -> Code:
    """One mapping, then another of what it gave."""
    mapping, apply = options_in(options, "mapping"), options_in(options, "apply")
    if is_falsy(mapping):
        return scope.failing('@transform requires a "mapping" key')
    if is_falsy(apply):
        return scope.failing('@transform requires a "apply" key')
    if not isinstance(apply, dict):
        return scope.failing('@transform "apply" key should be an object')
    try:
        first = scope.compile(unwrapped(apply), "apply")
    except MappingError as error:
        return scope.failing(str(error))
    second = scope.of(first).compile(mapping, "mapping", keep=keep)
    return Code(_chained(first, second.run)).like(second)


def _chained(first: Code, second: Callable[[Any], Any]) -> Read:
    clean: Callable[[Any], Any] = without_undefined if first.holed else lambda value: value

    def run(payload: Any) -> Any:
        if not isinstance(payload, dict):
            raise UnmappableEvent(f"data must be an object, got {real_type(payload)}")
        return second(clean(first.run(payload)))

    return run
