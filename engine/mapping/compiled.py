"""A whole mapping: checked, compiled, and called with events."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ..errors import MappingError, Problem, UnmappableEvent
from ..text import placed
from .directives import DIRECTIVES
from .nodes import Code, Scope
from .paths import Keys, Read
from .reader import least
from .root import unwrapped
from .rules import Validation
from .values import UNDEFINED, as_sent, real_type

_COMPILERS = {name: row.compile for name, row in DIRECTIVES.items()}
_RULES = {name: row.rule for name, row in DIRECTIVES.items()}


class CompiledMapping:
    """A mapping as a function of an event. Never changes afterwards."""

    __slots__ = ("_run", "paths", "version", "warnings")

    def __init__(self, run: Read, paths: frozenset[Keys], warnings: tuple[Problem, ...], version: str) -> None:
        self._run = run
        self.paths = paths
        """The parts of an event that are read, as lists of keys; one that is empty stands for all of it."""
        self.warnings = warnings
        """What is well-formed and yet fails for each event that gets there: `path` is its place in the mapping."""
        self.version = version
        """A hash of the mapping's content: two that are equal have the same."""

    def __call__(self, event: dict[str, Any]) -> Any:
        """What the mapping makes of `event`, which is not changed; None if it makes nothing.

        The result shares parts with the event and the mapping: who wants to change it, copies it. Raises UnmappableEvent.
        """
        if not isinstance(event, dict):
            raise UnmappableEvent(f"data must be an object, got {real_type(event)}")
        try:
            return self._run(event)
        except RecursionError:
            raise UnmappableEvent("the event is nested too deep for this mapping") from None

    def __repr__(self) -> str:
        return f"<CompiledMapping {self.version}>"


def compile_mapping(mapping: Any) -> CompiledMapping:
    """`mapping` as a function; it may also be a text, as it was exported: JSON. Raises MappingError, with everything that is wrong."""
    if isinstance(mapping, str):
        mapping = _parsed(mapping)
    root = unwrapped(mapping)
    problems = validate_mapping(root)
    if problems:
        raise MappingError(problems)
    reads: set[Keys] = set()
    warnings: list[Problem] = []
    code = Scope(_COMPILERS, reads, warnings, (), False).compile(root)
    return CompiledMapping(_closed(code), least(reads), tuple(warnings), version_of(mapping))


def _parsed(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MappingError([Problem("", f"a mapping as text is an object of JSON: {placed(error, text)}")]) from error


def validate_mapping(mapping: Any) -> list[Problem]:
    """Everything that is wrong with a mapping, in the reference's words; a root directive is to be applied before."""
    validation = Validation(_RULES)
    validation.any(mapping, ())
    return validation.problems


def version_of(mapping: Any) -> str:
    """A short hash of the content of a mapping, whatever the order of its keys."""
    text = msgspec.json.encode(mapping, order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]


def _closed(code: Code) -> Read:
    """With nothing undefined in what it gives: JSON has null for that in lists, and for the whole."""
    run = code.run
    if code.gaps or code.holed:
        return lambda event: as_sent(run(event))
    if code.undefined:
        return lambda event: None if (value := run(event)) is UNDEFINED else value
    return run
