"""`@json`: values to JSON text and back, as JavaScript does it."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any

import msgspec

from .nodes import Code, Keep, Scope, options_in
from .paths import Read
from .values import UNDEFINED, is_falsy, items_in_order, number_text

_WHOLE_UP_TO = 2**53
"""JavaScript has no larger whole numbers: they are rounded when they are read."""


def json(options: Any, scope: Scope, keep: Keep) -> Code:
    """`encode`: the JSON of a value. `decode`: the value of a JSON text; a text that is none stays as it is."""
    value, mode = options_in(options, "value"), options_in(options, "mode")
    if is_falsy(value):
        return scope.failing('@json requires a "value" key')
    if is_falsy(mode):
        return scope.failing('@json requires a "mode" key')
    code = scope.compile(value, "value", keep=keep)
    if mode == "encode":
        return Code(_encoded(code.run), undefined=code.undefined)
    if mode == "decode":
        return Code(_decoded(code.run)).like(code)
    return Code(_evaluated(code.run), undefined=True)


def _evaluated(read: Read) -> Read:
    """For `ENCODE`, which validation lets through and evaluation does not know."""

    def run(payload: Any) -> Any:
        read(payload)
        return UNDEFINED

    return run


def _encoded(read: Read) -> Read:
    def run(payload: Any) -> Any:
        value = read(payload)
        return UNDEFINED if value is UNDEFINED else json_text(value)

    return run


def _decoded(read: Read) -> Read:
    def run(payload: Any) -> Any:
        value = read(payload)
        return _value_of(value) if isinstance(value, str) else value

    return run


def json_text(value: Any) -> str:
    """Compact JSON: nothing undefined in it, NaN as null, numbers as JavaScript writes them, keys in its order."""
    if isinstance(value, str):
        return str(encode_basestring(value))
    if value is None or value is UNDEFINED:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = number_text(value)
        return text if text[-1].isdigit() else "null"
    parts = []
    if isinstance(value, dict):
        for key, inner in items_in_order(
            value
        ):  # here, and in no function of its own: half the stack for what is nested deep
            if inner is not UNDEFINED:
                parts.append(f"{encode_basestring(key)}:{json_text(inner)}")
        return f"{{{','.join(parts)}}}"
    for item in value:
        parts.append(json_text(item))
    return f"[{','.join(parts)}]"


def _value_of(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    return _doubles(value)


def _doubles(value: Any) -> Any:
    """`value` with whole numbers that JavaScript cannot hold rounded, in place: it was made here."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            value[position] = _doubles(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            value[key] = _doubles(item)
    elif isinstance(value, int) and abs(value) > _WHOLE_UP_TO:
        return float(value)
    return value
