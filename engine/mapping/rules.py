"""What makes a mapping well-formed, in the reference's words (but for what a slip may have meant): rules from which the table of
directives puts its own together.

A rule looks at one value and notes what is wrong with it, and where. What is in lists is not looked at: the reference
does not either, and takes there for data what elsewhere would be an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..errors import Problem
from .nodes import Place, directive_of
from .values import UNDEFINED, a, length, real_type

Rule: TypeAlias = Callable[["Validation", Any, Place], None]


class Validation:
    """One look at a mapping; `problems` grows."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self.problems: list[Problem] = []

    def note(self, place: Place, message: str) -> None:
        """Something is wrong at `place`."""
        self.problems.append(Problem("/" + "/".join(place), message))

    def mismatch(self, place: Place, expected: str, value: Any) -> None:
        """`value` is no such thing."""
        self.note(place, f"should be {expected} but it is {a(kind(value))}")

    def any(self, value: Any, place: Place) -> None:
        """The rule of the reference for whatever is in a mapping: directives and objects are looked into."""
        if not isinstance(value, dict):
            return
        if _has_directive(value):
            self.directive(value, place)
        else:
            for key, inner in value.items():
                self.any(inner, (*place, key))

    def directive(self, value: dict[str, Any], place: Place) -> None:
        """`value` has a key with an @."""
        names = [key for key in value if key.startswith("@")]
        count = len(names) if len(names) > 1 else len(value) if set(value) - {*names, "_metadata"} else 1
        if count > 1:
            self.note(place, f"should only have one @-prefixed key but it has {count} keys")
        elif names[0] not in self._rules:
            self.note(place, f"has an invalid directive: {names[0]}{self._meant(names[0])}")
        else:
            self._rules[names[0]](self, value[names[0]], (*place, names[0]))

    def _meant(self, name: str) -> str:
        near = difflib.get_close_matches(name[1:], [known[1:] for known in self._rules], n=1)
        return f" (did you mean @{near[0]}?)" if near else ""


def kind(value: Any) -> str:
    """The name of its type in messages: `directive` for an object that is one."""
    return "directive" if isinstance(value, dict) and directive_of(value) else real_type(value)


def _has_directive(value: Any) -> bool:
    return isinstance(value, dict) and any(key.startswith("@") for key in value)


def whatever(validation: Validation, value: Any, place: Place) -> None:
    """JSON, or a directive."""
    if value is UNDEFINED:
        validation.mismatch(place, "a mapping directive or a JSON value", value)
    validation.any(value, place)


def unchecked(validation: Validation, value: Any, place: Place) -> None:
    """Nothing."""


def text_or_directive(validation: Validation, value: Any, place: Place) -> None:
    """A text, or a directive."""
    if _has_directive(value):
        validation.directive(value, place)
    elif not isinstance(value, str):
        validation.mismatch(place, "a string or a mapping directive", value)


def object_or_directive(validation: Validation, value: Any, place: Place) -> None:
    """An object, or a directive."""
    if isinstance(value, dict):
        validation.any(value, place)
    else:
        validation.mismatch(place, "a object or a mapping directive", value)  # "a object": so it is in the reference


def boolean(validation: Validation, value: Any, place: Place) -> None:
    """true or false."""
    if not isinstance(value, bool):
        validation.mismatch(place, "a boolean", value)


def text(shortest: int = 0, longest: int | None = None) -> Rule:
    """A text of so many characters, no directive."""

    def rule(validation: Validation, value: Any, place: Place) -> None:
        if not isinstance(value, str):
            validation.mismatch(place, "a string", value)
        elif length(value) < shortest:
            validation.note(place, f"should be a string of length {shortest} or greater")
        elif longest is not None and length(value) > longest:
            validation.note(place, f"should be a string of length {longest} or less")

    return rule


def one_of(*words: str) -> Rule:
    """One of these words, in whatever case."""

    def rule(validation: Validation, value: Any, place: Place) -> None:
        if not isinstance(value, str):
            validation.mismatch(place, "a string", value)
        elif value.lower() not in words:
            validation.note(place, f'should be one of {", ".join(words)} but it is "{value}"')

    return rule


def options(required: Mapping[str, Rule] | None = None, /, **optional: Rule) -> Rule:
    """An object that is no directive, with rules for its fields; those of `required` must be there."""
    rules = {**(required or {}), **optional}

    def rule(validation: Validation, value: Any, place: Place) -> None:
        before = len(validation.problems)
        _plain_object(validation, value, place)
        if len(validation.problems) > before:
            return
        for name, field in rules.items():
            if name in value:
                field(validation, value[name], (*place, name))
            elif name in (required or {}):
                validation.note(place, f'should have field "{name}" but it doesn\'t')

    return rule


def only(rule: Rule, *names: str) -> Rule:
    """`rule`, and no other names than these: ours are strict, since no exported mapping has them."""

    def strict(validation: Validation, value: Any, place: Place) -> None:
        rule(validation, value, place)
        for name in value if isinstance(value, dict) else ():
            if name not in names and not name.startswith("@"):
                validation.note(place, f'has an unknown option "{name}"; there are {", ".join(names)}')

    return strict


def _plain_object(validation: Validation, value: Any, place: Place) -> None:
    if not isinstance(value, dict):
        validation.mismatch(place, "an object", value)
        return
    for name in value:
        if name.startswith("@"):
            validation.note(place, f'shouldn\'t have directive (@-prefixed) keys but it has "{name}"')
            return
    for name, inner in value.items():
        validation.any(inner, (*place, name))


def array_path(validation: Validation, value: Any, place: Place) -> None:
    """`[path]` or `[path, shape]`."""
    if not isinstance(value, list):
        validation.mismatch(place, "an array", value)
        return
    text_or_directive(validation, value[0] if value else UNDEFINED, place)
    if len(value) > 1:
        validation.any(value[1], place)


def sources(validation: Validation, value: Any, place: Place) -> None:
    """The objects of a `@merge`. The reference loses the place of what is wrong with one of them."""
    if not isinstance(value, list):
        validation.mismatch(place, "an array", value)
        return
    for item in value:
        object_or_directive(validation, item, ())


def candidates(validation: Validation, value: Any, place: Place) -> None:
    """A list of anything, each looked into: for directives of ours."""
    if not isinstance(value, list):
        validation.mismatch(place, "an array", value)
        return
    for position, item in enumerate(value):
        validation.any(item, (*place, str(position)))
