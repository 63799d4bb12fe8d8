"""The values that mappings work on: JSON, and how JavaScript tells what they are and writes them as text.

Mappings are written for Segment's engine, which is JavaScript, and its rules show in what they give: 0 and "" count as missing
here and there, `1.0` is written `1`, an object `[object Object]`, an emoji has the length 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final


class Undefined:
    """The type of UNDEFINED: what JSON has no word for. It cannot be encoded, so it cannot slip out unseen."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final[Any] = Undefined()
"""Not there: other than None, which is JSON's null, and there. Compare with `is`."""

WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What JavaScript's `trim` takes away."""

_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    Undefined: "undefined",
    type(None): "null",
}
_EXPONENT_FROM = 10**21
_INDEX_BELOW = 2**32 - 1


def real_type(value: object) -> str:
    """Its name in messages: `string`, `number`, `null`, `array` ..."""
    return _TYPES.get(type(value)) or next(
        (name for known, name in _TYPES.items() if isinstance(value, known)), "object"
    )


def a(name: str) -> str:
    """With its article: `an array`, `a null`."""
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def is_falsy(value: object) -> bool:
    """Whether JavaScript takes it for false: undefined, null, false, 0, NaN, "". Empty lists and objects are true."""
    if value is None or value is UNDEFINED or value is False or value == "":
        return True
    return isinstance(value, int | float) and (value == 0 or value != value)


def is_blank(value: object) -> bool:
    """Whether it is nothing, or `== ""` is true of it in JavaScript: "", 0, false, [], [""], [null], [[]]."""
    if value is None or value is UNDEFINED or value is False:
        return True
    if isinstance(value, list):
        return text_of(value) == ""
    return value == "" or (isinstance(value, int | float) and value == 0)


def text_of(value: object) -> str:
    """Its text in a template: nothing for null, lists joined by commas, `[object Object]` for an object."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list):
        parts = []
        for item in value:  # a loop, no comprehension: half the stack for what is nested deep
            parts.append(text_of(item))
        return ",".join(parts)
    return "[object Object]"


def number_text(number: int | float) -> str:
    """The shortest decimal that is this number: `1` for 1.0, `1e+21`, `1e-7`. An int keeps all of its digits up to there."""
    if isinstance(number, int):
        if abs(number) < _EXPONENT_FROM:
            return str(number)
        number = _float(number)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    size = abs(number)
    if size == 0:
        return "0"
    if 1e-6 <= size < _EXPONENT_FROM:
        return f"{Decimal(repr(number)):f}".removesuffix(".0")
    digits, _, exponent = repr(number).partition("e")
    return f"{digits}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def trimmed(text: str) -> str:
    """Without the white space around it."""
    return text.strip(WHITESPACE)


def length(text: str) -> int:
    """In UTF-16 units, as JavaScript counts: an emoji has two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def units(text: str) -> list[str]:
    """The UTF-16 units of a text, each as a text. Half of an emoji is no character and cannot be sent: it becomes U+FFFD."""
    if text.isascii():
        return list(text)
    raw = text.encode("utf-16-le", "surrogatepass")
    return [raw[at : at + 2].decode("utf-16-le", "replace") for at in range(0, len(raw), 2)]


def list_index(key: str) -> int | None:
    """`0`, `12`; not `00`, not `-1`, nothing absurdly long."""
    canonical = key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or key[0] != "0")
    return int(key) if canonical else None


def items_in_order(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """As JavaScript lists them: keys that are integers first, ascending, the others as they came."""
    if not any(map(str.isdigit, value)):
        return value.items()
    return sorted(value.items(), key=_integers_first)  # stable


def _integers_first(item: tuple[str, Any]) -> tuple[bool, int]:
    key = item[0]
    canonical = key.isascii() and key.isdigit() and len(key) <= 10 and (key == "0" or key[0] != "0")
    number = int(key) if canonical else _INDEX_BELOW
    return (number >= _INDEX_BELOW, number if number < _INDEX_BELOW else 0)


def as_sent(value: Any) -> Any:
    """`value` without UNDEFINED: keys that hold it are dropped, a list has null there."""
    if value is UNDEFINED:
        return None
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if inner is not UNDEFINED:
                kept[key] = as_sent(inner)
        return kept
    return _each(value, as_sent)


def without_undefined(value: Any) -> Any:
    """`value` with keys that hold UNDEFINED dropped; in a list it stays as a hole."""
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if inner is not UNDEFINED:
                kept[key] = without_undefined(inner)
        return kept
    return _each(value, without_undefined)


def _each(value: Any, apply: Any) -> Any:
    if not isinstance(value, list):
        return value
    kept = []
    for item in value:
        kept.append(apply(item))
    return kept
