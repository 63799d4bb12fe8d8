"""What is well-formed and yet hardly meant: triggers that match nothing, everything, or more than they seem to.

text -> parse -> terms (`or` of `and`s) -> does any value of each path fit? -> Doubts, in words

Whether a term can hold is not derived, it is tried: for each path the values that its conditions tell apart (the literals, what lies
between them, none at all), judged by the compiled conditions themselves. So nothing here can disagree with what a trigger does.
What compares two paths, or takes a text apart, is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise, product
from typing import Any

import msgspec

from .compiler import children, compile_condition, paths_of
from .lexer import tokenize
from .lookup import from_dict
from .numbers import text_to_number
from .parser import parse
from .syntax import AllOf, AnyOf, Call, Compare, Condition, Everything, Keys, Literal, Node, Not, Path, Within

TYPES = ("track", "page", "screen", "identify", "group", "alias", "delete")
"""The values of `type` in the spec."""
OWNERS: dict[str, tuple[str, ...]] = {
    "event": ("track",),
    "name": ("page", "screen"),
    "properties": ("track", "page", "screen"),
    "traits": ("identify", "group"),
    "groupId": ("group",),
    "previousId": ("alias",),
}
"""Fields that only some types of event have."""
MAX_TERMS = 128
"""A trigger of more `or`s and `and`s than this is not looked into."""

Term = tuple[Condition, ...]


class Doubt(msgspec.Struct, frozen=True):
    """What is doubtful about `text[start:end]` of a trigger."""

    message: str
    start: int
    end: int


def doubts(text: str, *, of_spec: bool = True) -> list[Doubt]:
    """What hardly anybody means by `text`, which must be well-formed. `of_spec`: whether events have the spec's types and fields."""
    condition = parse(text)
    found = [*_mixed(text), *_plain_patterns(condition)]
    dead = list(_dead(text, condition, of_spec))
    if not dead:
        found += _always(condition, of_spec)
        found += _open_ended(text, condition)
    return sorted({*found, *dead}, key=lambda doubt: (doubt.start, doubt.end, doubt.message))


def never(text: str, *, of_spec: bool = True) -> bool:
    """Whether `text`, which must be well-formed, can be true of no event at all."""
    terms = _terms(parse(text))
    return bool(terms) and all(_why_never(text, term, of_spec) for term in terms)


# Never and always ----------------------------------------------------------------------------------------------------


def _dead(text: str, condition: Condition, of_spec: bool) -> Iterator[Doubt]:
    """The trigger if it can never hold, else each alternative in it that cannot."""
    terms = _terms(condition)
    if not terms:
        return
    reasons = [_why_never(text, term, of_spec) for term in terms]
    if all(reasons):
        yield Doubt(f"never matches: {reasons[0]}", condition.start, condition.end)
    elif isinstance(condition, AnyOf):
        for part in condition.conditions:
            for doubt in _dead(text, part, of_spec):
                yield Doubt(
                    doubt.message.replace("never matches", "has a part that never holds", 1), doubt.start, doubt.end
                )


def _why_never(text: str, term: Term, of_spec: bool) -> str:
    """Why no event fits a term; "" if one may."""
    fitting: dict[Keys, list[Any]] = {}
    for path, atoms in _by_path(term):
        fitting[path] = values = [value for value in _values(path, atoms, of_spec) if _hold(atoms, path, value)]
        if not values:
            return _clash(text, path, atoms, of_spec)
    kinds = fitting.get(("type",)) if of_spec else None
    for path, values in fitting.items():
        owners = OWNERS.get(path[0])
        if kinds and owners and None not in values and not set(kinds) & set(owners):
            return f"{'.'.join(path)} is a field of {_listed(owners)} events; those of type {_listed(kinds)} have none"
    return ""


def _clash(text: str, path: Keys, atoms: list[Condition], of_spec: bool) -> str:
    for atom in atoms:
        if not any(_hold([atom], path, value) for value in _values(path, [atom], of_spec)):
            there = f"; types are {_listed(TYPES)}" if path == ("type",) and of_spec else ""
            return f"nothing satisfies {_said(text, atom)}{there}"
    return f"{' and '.join(_said(text, atom) for atom in atoms)} contradict each other"


def _said(text: str, atom: Condition) -> str:
    """As it is written; what a `!( ... )` around several makes of one of them is written nowhere."""
    said = text[atom.start : atom.end]
    return f"!( {said} )" if isinstance(atom, Not) and not said.startswith("!") else said


def _always(condition: Condition, of_spec: bool) -> list[Doubt]:
    if isinstance(condition, Everything):
        return []
    terms = _terms(Not(condition.start, condition.end, condition))
    if terms and all(_why_never("", term, of_spec) for term in terms):
        message = "matches every event; leave the trigger out, or write `all` if that is meant"
        return [Doubt(message, condition.start, condition.end)]
    return []


def _terms(condition: Condition, negated: bool = False) -> list[Term]:
    """The condition as an `or` of `and`s of its smallest parts; [] if that is too long."""
    if isinstance(condition, Not):
        inner = condition.condition
        is_small = not isinstance(inner, AllOf | AnyOf | Not)
        return [(condition,)] if is_small and not negated else _terms(inner, not negated)
    if not isinstance(condition, AllOf | AnyOf):
        return [(Not(condition.start, condition.end, condition) if negated else condition,)]
    parts = [_terms(part, negated) for part in condition.conditions]
    if not all(parts):
        return []
    if isinstance(condition, AnyOf) is not negated:
        terms = [term for part in parts for term in part]
    else:
        size = 1
        for part in parts:
            size *= len(part)
        if size > MAX_TERMS:
            return []
        terms = [tuple(atom for term in chosen for atom in term) for chosen in product(*parts)]
    return terms if len(terms) <= MAX_TERMS else []


def _by_path(term: Term) -> Iterator[tuple[Keys, list[Condition]]]:
    """The conditions of a term that say something of one path alone, path by path."""
    single = [(next(iter(paths)), atom) for atom in term if len(paths := paths_of(atom)) == 1 and _is_plain(atom)]
    single.sort(key=lambda pair: pair[0])
    for path, pairs in groupby(single, key=lambda pair: pair[0]):
        yield path, [atom for _, atom in pairs]


def _is_plain(node: Node) -> bool:
    """Whether trying values decides it: no calls, which look into texts, and no list that is in the event."""
    if isinstance(node, Call) or (isinstance(node, Within) and isinstance(node.right, Path)):
        return False
    return all(_is_plain(child) for child in children(node))


def _values(path: Keys, atoms: Iterable[Condition], of_spec: bool) -> list[Any]:
    """Values of which one satisfies `atoms`, if any value at all does."""
    if path == ("type",) and of_spec:
        return list(TYPES)
    literals = [literal for atom in atoms for literal in _literals(atom)]
    texts = {literal.text for literal in literals}
    numbers = sorted({number for literal in literals if (number := _number(literal)) is not None})
    between = [(low + high) / 2 for low, high in pairwise(numbers)]
    around = [numbers[0] - 1, numbers[-1] + 1] if numbers else [0]
    other = "".join(sorted(texts)) + "?"
    return [None, True, False, {}, "", other, *sorted(texts), *numbers, *between, *around]


def _literals(node: Node) -> Iterator[Literal]:
    if isinstance(node, Literal):
        yield node
    for child in children(node):
        yield from _literals(child)


def _number(literal: Literal) -> float | None:
    """What it is where numbers are compared: there `true` is 1, and `false` and `null` are 0."""
    return text_to_number(literal.value) if isinstance(literal.value, str) else float(literal.value or 0)


def _hold(atoms: Iterable[Condition], path: Keys, value: Any) -> bool:
    event = value
    for key in reversed(path):
        event = {key: event}
    return all(_test(atom)(event) for atom in atoms)


def _test(atom: Condition) -> Callable[[Any], bool]:
    return compile_condition(atom, from_dict)


# More than it seems to -----------------------------------------------------------------------------------------------


def _mixed(text: str) -> Iterator[Doubt]:
    """`a and b or c`, which Segment reads as `a or b or c`, and people in either way."""
    words: list[set[str]] = [set()]
    for token in tokenize(text):
        if token.raw == "(":
            words.append(set())
        elif token.raw == ")":
            words.pop()
        elif token.kind in ("word", "keyword") and token.raw.lower() in ("and", "or"):
            words[-1].add(token.raw.lower())
            if len(words[-1]) == 2:
                message = (
                    "`and` binds tighter than `or` (in Segment the last of them holds for all): "
                    "write parentheses around what belongs together"
                )
                yield Doubt(message, token.start, token.end)
                return


def _plain_patterns(node: Node) -> Iterator[Doubt]:
    if isinstance(node, Call) and node.name == "match" and isinstance(node.arguments[1], Literal):
        pattern = node.arguments[1].text
        if not set(pattern) & set("*?[\\"):
            message = (
                f'match without * fits the text "{pattern}" alone; write *{pattern}* or {pattern}*, or compare with ='
            )
            yield Doubt(message, node.start, node.end)
    for child in children(node):
        yield from _plain_patterns(child)


def _open_ended(text: str, condition: Condition) -> Iterator[Doubt]:
    """`properties.plan != "free"` is true of every event that has no plan."""
    compared = list(_compares(condition))
    told = {node.left.keys for node in compared if isinstance(node.left, Path) and _is_told(node)}
    for node in compared:
        if node.operator != "!=" or not isinstance(node.left, Path) or not isinstance(node.right, Literal):
            continue
        path = node.left.keys
        is_text = isinstance(node.right.value, str)
        if is_text and path[0] in ("properties", "traits", "context") and path not in told:
            shown = text[node.left.start : node.left.end]
            message = (
                f"{text[node.start : node.end]} is also true of events without {shown}; "
                f"add `and {shown} != null`, or `or {shown} = null` if that is meant"
            )
            yield Doubt(message, node.start, node.end)


def _is_told(node: Compare) -> bool:
    """Whether it says what is to happen without a value."""
    return node.operator in ("=", "!=") and isinstance(node.right, Literal) and node.right.value is None


def _compares(node: Node) -> Iterator[Compare]:
    if isinstance(node, Compare):
        yield node
    for child in children(node):
        yield from _compares(child)


def _listed(words: Iterable[object]) -> str:
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}" if others else last
