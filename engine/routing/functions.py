"""The functions of FQL, one row each: what they take, what they give, what they do with null.

All are total: every JSON value has an answer, and what makes no sense gives null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from .glob import compile_glob
from .numbers import NUMBERS, text_to_number


class Function(msgspec.Struct, frozen=True):
    """A row: `gives` is "bool" (a condition by itself), "text", "number" or "value"."""

    apply: Callable[..., Any]
    parameters: tuple[str, ...]
    gives: str
    doc: str


def contains(value: Any, part: Any) -> bool:
    """Whether the text `value` has the text `part` in it. Null, numbers and lists contain nothing."""
    return isinstance(value, str) and isinstance(part, str) and part in value


def match(value: Any, pattern: str) -> bool:
    """Whether the text `value` as a whole fits the glob `pattern`."""
    return isinstance(value, str) and compile_glob(pattern)(value)


def length(value: Any) -> int | None:
    """Items of a list, UTF-8 bytes of a text, 0 for null; null for anything else."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else None


def typeof(value: Any) -> str:
    """string, number, list, bool, null or object."""
    return _TYPE_NAMES.get(type(value), "object")


def to_bool(value: Any) -> bool | None:
    """A bool as it is, a number unless it is 0, the texts "true" and "false"; null for anything else."""
    if isinstance(value, bool):
        return value
    if type(value) in NUMBERS:
        return bool(value)
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def to_text(value: Any) -> str | None:
    """A text as it is, `true`, `false`, a number in its shortest form (5.0 is "5"); null for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number_text(value) if type(value) in NUMBERS else None


def to_number(value: Any) -> int | float | None:
    """A number as it is, a text that is one, 1 and 0 for true and false; null for anything else."""
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]  # NUMBERS are int and float
    if isinstance(value, bool):
        return int(value)
    return text_to_number(value) if isinstance(value, str) and value.strip() else None


def _number_text(value: int | float) -> str:
    """As JavaScript writes it: no exponent from 1e-6 up to 1e21."""
    if abs(value) < 10**21 and value == int(value):
        return str(int(value))
    short = repr(float(value)) if abs(value) < 10**308 else "Infinity"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(short), "f")
    return re.sub(r"e([+-])0(\d)$", r"e\1\2", short)


def _on_text(change: Callable[[str], str]) -> Callable[[Any], str | None]:
    """`change` for texts; null for anything else."""
    return lambda value: change(value) if isinstance(value, str) else None


def _titlecase(value: str) -> str:
    return re.sub(r"(?:^|(?<=\s))\S", lambda first: first[0].upper(), value)


_TYPE_NAMES = {
    str: "string",
    int: "number",
    float: "number",
    list: "list",
    bool: "bool",
    type(None): "null",
    dict: "object",
}

FUNCTIONS = {
    "contains": Function(contains, ("text", "part"), "bool", "the text has the part in it"),
    "match": Function(match, ("text", "pattern"), "bool", "the whole text fits the glob"),
    "length": Function(length, ("value",), "number", "items of a list, bytes of a text, 0 for null"),
    "lowercase": Function(_on_text(str.lower), ("text",), "text", "the text in lower case"),
    "uppercase": Function(_on_text(str.upper), ("text",), "text", "the text in upper case"),
    "snakecase": Function(_on_text(lambda text: text.replace(" ", "_")), ("text",), "text", "spaces become _"),
    "kebabcase": Function(_on_text(lambda text: text.replace(" ", "-")), ("text",), "text", "spaces become -"),
    "titlecase": Function(_on_text(_titlecase), ("text",), "text", "the first letter of each word in upper case"),
    "typeof": Function(typeof, ("value",), "text", "string, number, list, bool, null or object"),
    "bool": Function(to_bool, ("value",), "bool", 'numbers and the texts "true" and "false" as a bool'),
    "string": Function(to_text, ("value",), "text", "numbers and bools as text"),
    "number": Function(to_number, ("value",), "number", "a text that is a number, as one"),
}
TEXT_TESTS = frozenset({"contains", "match"})
"""The two that Segment's `!` turns into "is text, and does not"."""
