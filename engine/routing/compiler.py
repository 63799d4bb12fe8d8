"""Syntax to closures over any representation of an event: nothing is interpreted, looked up or allocated per event.

What a comparison means depends only on the field and the literal, so it is decided once (`operators.meaning`), and a single
comparison becomes a single closure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from . import operators
from .functions import FUNCTIONS
from .glob import compile_glob
from .lookup import Getter
from .syntax import (
    AllOf,
    AnyOf,
    Call,
    Compare,
    Condition,
    Everything,
    Holds,
    Keys,
    Lacks,
    Listing,
    Literal,
    Node,
    Not,
    Operand,
    Path,
    Within,
)

Test: TypeAlias = Callable[[Any], bool]
Value: TypeAlias = Callable[[Any], Any]


def compile_condition(node: Condition, getter: Getter) -> Test:
    """`node` as a function of whatever the functions of `getter` take."""
    return _COMPILERS[type(node)](node, getter)


def paths_of(node: Node) -> frozenset[Keys]:
    """Every path that `node` reads."""
    if isinstance(node, Path):
        return frozenset({node.keys})
    return frozenset().union(*(paths_of(child) for child in children(node)))


def children(node: Node) -> list[Node]:
    """The parts of `node`, in the order of the text."""
    found: list[Node] = []
    for name in node.__struct_fields__:
        part = getattr(node, name)
        found += [item for item in (part if isinstance(part, tuple) else (part,)) if isinstance(item, Node)]
    return found


def _everything(node: Everything, getter: Getter) -> Test:
    return lambda event: True


def _not(node: Not, getter: Getter) -> Test:
    inner = compile_condition(node.condition, getter)
    return lambda event: not inner(event)


def _all_of(node: AllOf, getter: Getter) -> Test:
    first, second, *more = [compile_condition(part, getter) for part in node.conditions]
    if not more:
        return lambda event: first(event) and second(event)
    if len(more) == 1:
        third = more[0]
        return lambda event: first(event) and second(event) and third(event)
    return lambda event: first(event) and second(event) and all(part(event) for part in more)


def _any_of(node: AnyOf, getter: Getter) -> Test:
    first, second, *more = [compile_condition(part, getter) for part in node.conditions]
    if not more:
        return lambda event: first(event) or second(event)
    return lambda event: first(event) or second(event) or any(part(event) for part in more)


def _holds(node: Holds, getter: Getter) -> Test:
    if isinstance(node.operand, Call) and node.operand.name in _TEXT_TESTS:
        return _text_test(node.operand, getter)
    get = _value(node.operand, getter)
    return lambda event: get(event) is True


def _lacks(node: Lacks, getter: Getter) -> Test:
    get = _value(node.operand.arguments[0], getter)
    has = _text_test(node.operand, getter)
    return lambda event: isinstance(get(event), str) and not has(event)


def _compare(node: Compare, getter: Getter) -> Test:
    get = _value(node.left, getter)
    if isinstance(node.right, Call):
        return operators.between(node.operator, get, _value(node.right, getter))
    return operators.test(operators.meaning(node.operator, _field(node.left), node.right), get)


def _within(node: Within, getter: Getter) -> Test:
    if isinstance(node.right, Listing) and not isinstance(node.left, Literal):
        meanings = [operators.meaning("=", _field(node.left), item) for item in node.right.items]
        return operators.one_of(meanings, _value(node.left, getter))
    get = _value(node.left, getter)
    listed = _value(node.right, getter)
    return lambda event: operators.among(get(event), listed(event))


def _field(operand: Operand) -> str:
    """The top-level field that decides how a comparison is meant; "" for what a function gives."""
    return operand.keys[0] if isinstance(operand, Path) else ""


def _value(node: Operand | Literal | Listing, getter: Getter) -> Value:
    if isinstance(node, Path):
        return getter(node.keys)
    if isinstance(node, Call):
        return _call(node, getter)
    constant = [item.value for item in node.items] if isinstance(node, Listing) else node.value
    return lambda event: constant


def _call(node: Call, getter: Getter) -> Value:
    if node.name in _TEXT_TESTS:
        return _text_test(node, getter)
    apply = FUNCTIONS[node.name].apply
    get = _value(node.arguments[0], getter)
    return lambda event: apply(get(event))


def _text_test(node: Call, getter: Getter) -> Test:
    return _TEXT_TESTS[node.name](_value(node.arguments[0], getter), node.arguments[1], getter)


def _contains(get: Value, part: Operand | Literal, getter: Getter) -> Test:
    if isinstance(part, Literal):
        text = part.text
        return lambda event: isinstance(value := get(event), str) and text in value
    other = _value(part, getter)
    contains = FUNCTIONS["contains"].apply
    return lambda event: contains(get(event), other(event))


def _match(get: Value, pattern: Operand | Literal, getter: Getter) -> Test:
    assert isinstance(pattern, Literal)
    fits = compile_glob(pattern.text)
    return lambda event: isinstance(value := get(event), str) and fits(value)


_TEXT_TESTS: dict[str, Callable[[Value, Any, Getter], Test]] = {"contains": _contains, "match": _match}

_COMPILERS: dict[type, Callable[[Any, Getter], Test]] = {
    Everything: _everything,
    Not: _not,
    AllOf: _all_of,
    AnyOf: _any_of,
    Holds: _holds,
    Lacks: _lacks,
    Compare: _compare,
    Within: _within,
}
