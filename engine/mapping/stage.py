"""Makes a mapped payload fit the fields of an action: what is empty or unknown is dropped, the rest made of the right type, and judged.

    compile_fields(fields) -> FieldStage        stage(payload) -> payload, or ValidationError with everything that is wrong

A payload that needs nothing, as most do, is seen to need nothing and given back as it is: half a microsecond for six fields.
Nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ..errors import Problem, ValidationError
from .coercion import coerced
from .fields import Condition, Field, When
from .formats import format_name, has_format
from .jsontext import json_text
from .values import UNDEFINED, a, real_type

Fits: TypeAlias = Callable[[Any], bool]
Payload: TypeAlias = dict[str, Any]

_PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "text": (str,),
    "password": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}
"""The types of values that such a field takes as they are. (No `bool` is an `int` here: types are compared, not classes.)"""


class FieldStage:
    """The fields of an action, or of an object field, as a function of a payload."""

    __slots__ = ("_checks", "_conditional", "_fits", "_keeps_others", "_plain", "_required")

    def __init__(self, fields: Mapping[str, Field], *, nested: bool = False, keeps_others: bool = False) -> None:
        self._checks = {key: _Check(field, nested) for key, field in fields.items()}
        self._plain = {key: check.plain for key, check in self._checks.items()}
        self._fits = {key: check.fits for key, check in self._checks.items()}
        self._required = frozenset(key for key, field in fields.items() if field.required is True)
        self._conditional = {key: field.required for key, field in fields.items() if isinstance(field.required, When)}
        self._keeps_others = keeps_others

    def __call__(self, payload: Any) -> Payload:
        """The payload that fits. Raises ValidationError."""
        if self.fits(payload):
            result: Payload = payload
            return result
        problems: list[Problem] = []
        fitted = self.fitted(payload, "", "", problems)
        if problems:
            raise ValidationError(" ".join(problem.message for problem in problems), problems=tuple(problems))
        return fitted

    def fits(self, payload: Any) -> bool:
        """Whether nothing has to be done. (False for some that turn out to need nothing.)"""
        if type(payload) is not dict:
            return False
        plain, fits = self._plain, self._fits
        try:
            for key, value in payload.items():
                if type(value) in plain[key] and (value or value != ""):  # most are true, and that is asked quicker
                    continue
                if not fits[key](value):
                    return False
        except KeyError:  # one that is not known
            return False
        return payload.keys() >= self._required and not (self._conditional and any(self._missing(payload)))

    def fitted(self, payload: Any, pointer: str, label: str, problems: list[Problem]) -> Payload:
        """What fits of `payload`, which is at `pointer`; what does not is noted."""
        if not isinstance(payload, dict):
            _note(problems, pointer, label, f"must be an object but it was {_a_type(payload)}")
            return {}
        kept = self._without_empties(payload)
        for key in self._missing(kept):
            _note(problems, pointer, label, f"is missing the required field '{key}'")
        for key, value in kept.items():
            if key in self._checks:
                kept[key] = self._checks[key].fitted(value, f"{pointer}/{key}", problems)
        return kept

    def _without_empties(self, payload: Payload) -> Payload:
        kept = {}
        for key, value in payload.items():
            check = self._checks.get(key)
            left = check.left_of(value) if check else value if self._keeps_others else UNDEFINED
            if left is not UNDEFINED:
                kept[key] = left
        return kept

    def _missing(self, payload: Payload) -> Iterable[str]:
        for key in self._checks:
            needed = key in self._required or (key in self._conditional and _holds(self._conditional[key], payload))
            if needed and key not in payload:
                yield key


class _Check:
    """One field."""

    def __init__(self, field: Field, nested: bool) -> None:
        self._field = field
        self._inner = self._stage(field)
        is_free = not (field.choices or field.format or field.minimum is not None or field.maximum is not None)
        self._is_date = is_free and field.type == "datetime"
        keeps_empty_text = nested and field.type in ("string", "text", "password", "datetime") and not field.multiple
        self._empties = {None, ""} - ({None} if field.allow_null and not field.multiple else set())
        self._empties -= {""} if keeps_empty_text else set()
        is_plain = is_free and not field.multiple
        self.plain = _PLAIN.get(field.type, ()) if is_plain else ()

    @staticmethod
    def _stage(field: Field) -> FieldStage | None:
        if field.type != "object" or field.properties is None:
            return None
        return FieldStage(field.properties, nested=True, keeps_others=field.additional_properties)

    def fits(self, value: Any) -> bool:
        """Whether a value that is not plain is good as it is."""
        if self._field.multiple:
            return type(value) is list and all(map(self._item_fits, value))
        return self._item_fits(value)

    def _item_fits(self, value: Any) -> bool:
        if self._inner is not None:
            return self._inner.fits(value)
        kind = self._field.type
        if kind == "object":
            return type(value) is dict
        if value == "" or type(value) not in (_PLAIN.get(kind) or (str, int, float)):
            return False
        if self._is_date and type(value) is str:
            return has_format("date-like", value)
        return value == value and not any(self._broken(value))

    def left_of(self, value: Any) -> Any:
        """`value` without what is empty; UNDEFINED if that is all of it."""
        if isinstance(value, str | None):
            return UNDEFINED if value in self._empties else value
        if self._field.multiple and isinstance(value, list):
            return [item for item in value if not (item is None or (item == "" and not self._takes_text))]
        return value

    @property
    def _takes_text(self) -> bool:
        return "string" in self._field.json_types

    def fitted(self, value: Any, pointer: str, problems: list[Problem]) -> Any:
        """The value that fits; what is wrong with it is noted."""
        if not self._field.multiple:
            return self._item(value, pointer, self._field.label, problems)
        items = value if isinstance(value, list) else [value]
        return [self._item(item, f"{pointer}/{position}", "", problems) for position, item in enumerate(items)]

    def _item(self, value: Any, pointer: str, label: str, problems: list[Problem]) -> Any:
        field = self._field
        fitting = coerced(field.type, value, allow_null=field.allow_null)
        if fitting is UNDEFINED:
            expected = _in_words(list(field.json_types))
            _note(problems, pointer, label, f"must be {a(expected)} but it was {_a_type(value)}")
            return value
        if self._inner is not None and fitting is not None:
            return self._inner.fitted(fitting, pointer, label, problems)
        for message in self._broken(fitting):
            _note(problems, pointer, label, message)
        return fitting

    def _broken(self, value: Any) -> Iterable[str]:
        """The rules that a value of the right type breaks."""
        field = self._field
        if field.choices and value not in field.values and value is not None:
            yield f"must be one of: {_in_words([json_text(choice) for choice in field.values])}"
        if isinstance(value, str):
            form = "date-like" if field.type == "datetime" else field.format
            if form and not has_format(form, value):
                yield f"must be a valid {format_name(form)} string but it was not"
            yield from self._wrong_length(len(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if field.minimum is not None and value < field.minimum:
                yield f"must be equal to or greater than {json_text(field.minimum)}"
            if field.maximum is not None and value > field.maximum:
                yield f"must be equal to or less than {json_text(field.maximum)}"

    def _wrong_length(self, length: int) -> Iterable[str]:
        shortest, longest = self._field.minimum, self._field.maximum
        if shortest is not None and length < shortest:
            yield f"must be {_characters(shortest)} or more but it was {_characters(length)}"
        if longest is not None and length > longest:
            yield f"must be {_characters(longest)} or fewer but it was {_characters(length)}"


def compile_fields(fields: Mapping[str, Field]) -> FieldStage:
    """The stage for an action with these fields, by key."""
    return FieldStage(fields)


# Conditions ----------------------------------------------------------------------------------------------------------


def _holds(when: When, payload: Payload) -> bool:
    answers = [_is_so(condition, payload) for condition in when.conditions]
    return all(answers) if when.match == "all" else any(answers)


def _is_so(condition: Condition, payload: Payload) -> bool:
    name, _, inner = condition.field.partition(".")
    value = payload.get(name)
    if inner:
        value = value.get(inner) if isinstance(value, dict) else None
    return (value == condition.value and type(value) is type(condition.value)) is (condition.operator == "is")


# Messages ------------------------------------------------------------------------------------------------------------


def _note(problems: list[Problem], pointer: str, label: str, message: str) -> None:
    subject = label or (f"the value at {pointer}" if pointer else "the root value")
    problems.append(Problem(pointer, f"{subject[0].upper()}{subject[1:]} {message}."))


def _a_type(value: Any) -> str:
    name = real_type(value)
    return name if name in ("null", "undefined") else a(name)


def _in_words(names: list[str]) -> str:
    """`a`, `a or b`, `a, b, or c`."""
    if len(names) < 3:
        return " or ".join(names)
    return f"{', '.join(names[:-1])}, or {names[-1]}"


def _characters(count: float) -> str:
    number = json_text(count)
    return f"{number} character{'' if number == '1' else 's'}"
