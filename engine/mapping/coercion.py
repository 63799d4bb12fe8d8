"""Values made to fit a type, as the reference's validator does it: "5" for a number is 5, 5 for a string "5", "true" true."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from .values import UNDEFINED, number_text, trimmed

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_RADIX = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_LONGEST_NUMBER = 400
"""Characters. A double has at most 309 digits before the point; beyond, only time is lost."""


def coerced(kind: str, value: Any, *, allow_null: bool) -> Any:
    """`value` as one of that type; UNDEFINED if it cannot be. A list with one scalar is that scalar."""
    if isinstance(value, list) and len(value) == 1 and kind != "object" and not isinstance(value[0], dict | list):
        value = value[0]
    if value is None:
        return None if allow_null else UNDEFINED
    result = _COERCIONS[kind](value)
    if result is UNDEFINED and allow_null and value in ("", 0, False) and not isinstance(value, dict | list):
        return None
    return result


def number_of(text: str) -> int | float | None:
    """The number that JavaScript reads in a text; None if there is none, or it is infinite."""
    text = trimmed(text)
    if _WHOLE.fullmatch(text):
        return int(text)
    if len(text) > _LONGEST_NUMBER:
        return None
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _string(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else UNDEFINED


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        number = number_of(value)
        return UNDEFINED if number is None else number
    return value if isinstance(value, int | float) and math.isfinite(value) else UNDEFINED


def _integer(value: Any) -> Any:
    number = _number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else UNDEFINED
    return number


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if value in ("true", 1):
        return True
    return False if value in ("false", 0) else UNDEFINED


def _date(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return _string(value)


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else UNDEFINED


_COERCIONS: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "text": _string,
    "password": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "datetime": _date,
    "object": _object,
}
