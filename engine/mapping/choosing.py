"""Directives that choose: `@if`, `@literal`, `@excludeWhenNull`, and our `@coalesce`."""

from __future__ import annotations

from typing import Any

from .nodes import NOTHING, Code, Keep, Scope
from .paths import Read
from .values import UNDEFINED, is_blank, is_falsy


def if_(options: Any, scope: Scope, keep: Keep) -> Code:
    """`then` if something exists (is neither missing nor null), or is not blank; else `else`, unless that is 0, false, "" or null."""
    if not isinstance(options, dict):
        return scope.failing('@if requires an object with an "exists" key')
    if is_falsy(options.get("exists")) and is_falsy(options.get("blank")):
        return scope.failing('@if requires an "exists" key or a "blank" key')
    asked = "exists" if "exists" in options else "blank"
    condition = scope.compile(options[asked], asked).run
    then = scope.compile(options["then"], "then", keep=keep) if "then" in options else NOTHING
    otherwise = NOTHING if is_falsy(options.get("else")) else scope.compile(options["else"], "else", keep=keep)
    run = (_if_there if asked == "exists" else _unless_blank)(condition, then.run, otherwise.run)
    return Code(run).like(then, otherwise)


def _if_there(condition: Read, then: Read, otherwise: Read) -> Read:
    def run(payload: Any) -> Any:
        value = condition(payload)
        return otherwise(payload) if value is None or value is UNDEFINED else then(payload)

    return run


def _unless_blank(condition: Read, then: Read, otherwise: Read) -> Read:
    return lambda payload: otherwise(payload) if is_blank(condition(payload)) else then(payload)


def literal(options: Any, scope: Scope, keep: Keep) -> Code:
    """What is written there. Directives in it do run, whatever the name says."""
    return scope.compile(options, keep=keep)


def exclude_when_null(options: Any, scope: Scope, keep: Keep) -> Code:
    """A value without nulls: those of an object, at any depth, but not those in lists."""
    code = scope.compile(options, keep=keep)

    def run(payload: Any) -> Any:
        return _without_nulls(code.run(payload), keep)

    return Code(run, undefined=True, gaps=bool(keep), holed=code.holed or keep is Keep.ALL)


def _without_nulls(value: Any, keep: Keep) -> Any:
    if value is None:
        return UNDEFINED
    if not isinstance(value, dict):
        return value
    result = {}
    for key, inner in value.items():
        kept = _without_nulls(inner, keep.inside)
        if keep or kept is not UNDEFINED:
            result[key] = kept
    return result


def coalesce(options: Any, scope: Scope, keep: Keep) -> Code:
    """Ours: the first of a list that is there: not missing, not null, not ""."""
    if not isinstance(options, list):
        return scope.failing("@coalesce requires an array")
    codes = [scope.compile(item, str(position), keep=keep) for position, item in enumerate(options)]
    runs = [code.run for code in codes]

    def run(payload: Any) -> Any:
        for read in runs:
            value = read(payload)
            if value is not None and value is not UNDEFINED and value != "":
                return value
        return UNDEFINED

    return Code(run, undefined=True).like(*codes)
