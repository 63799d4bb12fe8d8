"""What `= != < <= > >= in` mean, decided once per comparison from the field and the literal (reference, section 9.3 and 9.4).

    literal      =                        !=                                       < <= > >=
    "text"       a text, equal            anything else, missing too               a number; the text is read as one
    5            a number, equal          a number, another (missing: no)          a number
    true         exactly true             not the text "true" (sic)                a number, against 1 or 0
    null         missing or null          neither                                  never

`type`, `event`, `name` and `userId` are texts: what is written after them is taken as text (`userId = 123` means "123"), except
`name = null`, `userId = null`, `userId = true` and `userId = false`. A bool is never a number.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .numbers import NUMBERS, text_to_number
from .syntax import TEXT_FIELDS, Literal

_ORDERINGS = {"<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge}


class Meaning(msgspec.Struct, frozen=True):
    """A comparison in normal form: `how` is a row of `_TESTS`, `expected` what the value is held against."""

    how: str
    expected: Any = None


def meaning(operator: str, field: str, literal: Literal) -> Meaning:
    """What `field operator literal` asks of the field's value; `field` is "" for what a function gives."""
    if operator in _ORDERINGS:
        return _ordering(operator, field, literal)
    equal = operator == "="
    if literal.value is None and field not in ("type", "event"):
        return Meaning("missing" if equal else "exists")
    if isinstance(literal.value, bool) and equal and field not in ("type", "event", "name"):
        return Meaning("is", literal.value)
    if isinstance(literal.value, str | bool) or field in TEXT_FIELDS:
        return Meaning("text" if equal else "not_text", literal.text)
    return Meaning("number" if equal else "other_number", literal.value)


def _ordering(operator: str, field: str, literal: Literal) -> Meaning:
    value = literal.value
    number: float | None
    if isinstance(value, str):
        number = text_to_number(value)
    elif isinstance(value, bool):
        number = None if field in TEXT_FIELDS else int(value)
    else:
        number = value
    return Meaning("never") if number is None else Meaning(operator, number)


def test(meant: Meaning, get: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """`meant` of what `get` reads, as one closure."""
    return _TESTS[meant.how](get, meant.expected)


def one_of(meanings: Sequence[Meaning], get: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """Whether any of `meanings` (all made with `=`) is true: two look-ups, however long the list."""
    scalars = frozenset(
        (type(meant.expected) in NUMBERS, meant.expected) for meant in meanings if meant.how in ("text", "number")
    )
    texts = frozenset(value for numeric, value in scalars if not numeric)
    if all(meant.how == "text" for meant in meanings):
        return lambda event: isinstance(value := get(event), str) and value in texts
    numbers = frozenset(value for numeric, value in scalars if numeric)
    singles = [meant.expected for meant in meanings if meant.how in ("is", "missing")]

    def among_them(event: Any) -> bool:
        value = get(event)
        if isinstance(value, str):
            return value in texts
        return value in numbers if type(value) in NUMBERS else any(value is single for single in singles)

    return among_them


def among(value: Any, listed: Any) -> bool:
    """`value in listed` where both are known only with the event: what is no list holds nothing."""
    return isinstance(listed, list) and any(same(value, item) for item in listed)


def same(one: Any, other: Any) -> bool:
    """Equality between two values of an event: of the same type, and no lists or objects."""
    if type(one) in NUMBERS and type(other) in NUMBERS:
        return bool(one == other)
    return type(one) is type(other) and isinstance(one, str | bool | None) and one == other


def between(operator: str, left: Callable[[Any], Any], right: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """A comparison whose right side is computed too: strict about types, ordering for numbers only."""
    if operator == "=":
        return lambda event: same(left(event), right(event))
    if operator == "!=":
        return lambda event: not same(left(event), right(event))
    ordered = _ORDERINGS[operator]

    def compare(event: Any) -> bool:
        one, other = left(event), right(event)
        return type(one) in NUMBERS and type(other) in NUMBERS and bool(ordered(one, other))

    return compare


_TESTS: dict[str, Callable[[Callable[[Any], Any], Any], Callable[[Any], bool]]] = {
    "text": lambda get, expected: lambda event: get(event) == expected,
    "not_text": lambda get, expected: lambda event: get(event) != expected,
    "number": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value == expected,
    "other_number": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value != expected,
    "is": lambda get, expected: lambda event: get(event) is expected,
    "exists": lambda get, expected: lambda event: get(event) is not None,
    "missing": lambda get, expected: lambda event: get(event) is None,
    "never": lambda get, expected: lambda event: False,
    "<": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value < expected,
    "<=": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value <= expected,
    ">": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value > expected,
    ">=": lambda get, expected: lambda event: type(value := get(event)) in NUMBERS and value >= expected,
}
