"""A compiled FQL expression: what a trigger is to the rest of the engine."""

from __future__ import annotations

from typing import Any

import msgspec

from .compiler import Test, compile_condition, paths_of
from .lookup import Getter, from_dict
from .parser import parse
from .syntax import AllOf, AnyOf, Condition, Keys, Not


class Explanation(msgspec.Struct, frozen=True):
    """Whether an event matched, and the clause that decided: `text[start:end]`.

    For an `and` that failed it is the first part that did, for an `or` that held the first part that does; else the whole.
    """

    matched: bool
    clause: str
    start: int
    end: int


class Predicate:
    """Call it with a decoded event (a dict): true or false, never an exception, always the same answer for the same event.

    `text` is the expression, `paths` what it reads: `{("type",), ("properties", "revenue")}`. Two predicates of the same text are equal.
    """

    __slots__ = ("_condition", "_matches", "paths", "text")

    text: str
    paths: frozenset[Keys]

    def __init__(self, text: str) -> None:
        """Raises FqlError."""
        self.text = text
        self._condition = parse(text)
        self.paths = paths_of(self._condition)
        self._matches = compile_condition(self._condition, from_dict)

    def __call__(self, event: dict[str, Any]) -> bool:
        return self._matches(event)

    def bind(self, getter: Getter) -> Test:
        """The same predicate over another representation of an event.

        `getter(path)` is called once for each place that reads `path`, and gives the function from that representation to
        the value: what the dict would have there, None if nothing (msgspec's UNSET is not understood).
        """
        return compile_condition(self._condition, getter)

    def explain(self, event: dict[str, Any]) -> Explanation:
        """Why `event` matches or not. For people: fifty times slower than a call."""
        matched, clause = _decide(self._condition, event)
        return Explanation(matched, self.text[clause.start : clause.end], clause.start, clause.end)

    def __repr__(self) -> str:
        return f"<Predicate {self.text!r}>"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Predicate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


def compile_fql(text: str) -> Predicate:
    """The predicate that `text` says (grammar and meaning: `doorstep.engine.routing`). Raises FqlError with the column."""
    return Predicate(text)


def _decide(node: Condition, event: dict[str, Any]) -> tuple[bool, Condition]:
    """The answer, and the smallest part that it follows from."""
    if isinstance(node, Not):
        matched, clause = _decide(node.condition, event)
        return not matched, clause
    if isinstance(node, AllOf | AnyOf):
        return _decide_joined(node, event)
    return compile_condition(node, from_dict)(event), node


def _decide_joined(node: AllOf | AnyOf, event: dict[str, Any]) -> tuple[bool, Condition]:
    decisive = isinstance(node, AnyOf)
    for part in node.conditions:
        matched, clause = _decide(part, event)
        if matched is decisive:
            return matched, clause
    return not decisive, node
