"""`@hash`, ours: an identifier as a vendor compares it, normalised and digested. What is a digest already passes."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from ..privacy import ALGORITHMS, KINDS, hasher
from .nodes import Code, Keep, Place, Scope, options_in
from .paths import Read
from .rules import Rule, Validation, only, options, text, whatever
from .values import UNDEFINED


def _known(*words: str) -> Rule:
    """One of these words, to the letter."""

    def rule(validation: Validation, value: Any, place: Place) -> None:
        if not isinstance(value, str):
            validation.mismatch(place, "a string", value)
        elif value not in words:
            near = get_close_matches(value, words, n=1)
            instead = f"did you mean {near[0]}?" if near else f"there are {', '.join(words)}"
            validation.note(place, f'should be a name that is known but it is "{value}"; {instead}')

    return rule


_options = only(
    options({"value": whatever}, algorithm=_known(*ALGORITHMS), key=text(1), normalise=_known(*KINDS), country=text(1)),
    *("value", "algorithm", "key", "normalise", "country"),
)


def hash_rule(validation: Validation, value: Any, place: Place) -> None:
    """The options, and a key for the algorithm that needs one."""
    before = len(validation.problems)
    _options(validation, value, place)
    if len(validation.problems) == before:
        problem = _key_problem(value)
        if problem:
            validation.note(place, problem)


def hash_(options: Any, scope: Scope, keep: Keep) -> Code:
    """The digest of a value, of each item of a list; UNDEFINED for what is no such identifier."""
    validation = Validation({})
    shown = {**options, "value": None} if isinstance(options, dict) else options
    _options(validation, shown, ())  # again, because in a list nothing has been checked
    problem = validation.problems[0].message if validation.problems else _key_problem(options)
    if problem:
        return scope.failing(f"@hash {problem}")
    read = scope.compile(options_in(options, "value"), "value").run
    make = hasher(options.get("normalise", "text"), **_how(options))
    return Code(_each(read, make), undefined=True)


def _how(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "algorithm": "sha256",
        **{name: value for name, value in options.items() if name not in ("value", "normalise")},
    }


def _key_problem(options: dict[str, Any]) -> str | None:
    keyed = options.get("algorithm", "sha256").startswith("hmac-")
    if keyed and "key" not in options:
        return 'should have field "key" but it doesn\'t'
    return "takes a key only with hmac-sha256" if "key" in options and not keyed else None


def _each(read: Read, make: Any) -> Read:
    def run(payload: Any) -> Any:
        value = read(payload)
        if type(value) is not str:
            if value is UNDEFINED or value is None:
                return UNDEFINED
            if isinstance(value, list):
                digests = [found for item in value if (found := make(item)) is not None]
                return digests or UNDEFINED
        found = make(value)
        return UNDEFINED if found is None else found

    return run
