"""What is wrong with an expression, and what would be right, in words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from .functions import FUNCTIONS
from .lexer import Token
from .syntax import FIELDS

KEYWORDS = frozenset({"AND", "OR", "IN"})
_EXAMPLES = {"part": '"text"', "pattern": '"text*"'}


def not_joined(token: Token) -> str:
    """For a token that follows a whole condition."""
    if token.raw == ")":
        return "this ) has no opening ("
    return f"an operator, `and` or `or` is expected before {token.raw}"


def not_compared(operand: str, after: Token) -> str:
    """For a field that no bool can be in, without an operator."""
    if after.kind == "word" and after.raw.upper() not in KEYWORDS:
        return f"an operator is expected before {after.raw}: = != < <= > >= in"
    return f'`{operand}` is no condition; compare it, as in {operand} = "..." or {operand} != null'


def no_condition(token: Token) -> str:
    """For a token that no condition begins with."""
    if token.kind == "end":
        return "a condition is expected here, but the expression ends"
    if token.raw in ("and", "or"):
        return f"`{token.raw}` needs a condition on both sides"
    return f'a condition is expected here, as in type = "track", not {token.raw}'


def unknown_field(word: Token, field: str) -> str:
    """For a word that stands where a field should."""
    if word.raw.upper() in KEYWORDS:
        return f"`{word.raw.lower()}` needs a condition on both sides"
    if word.raw == "all":
        return "`all` stands alone, without other conditions"
    near = nearest(field, FIELDS)
    instead = f"did you mean {near!r}?" if near else f"for a property write properties.{field}"
    return f"unknown field {field!r}; {instead} (a field outside the spec is written \\{field})"


def unknown_function(name: str) -> str:
    """For a word before a parenthesis."""
    near = nearest(name, FUNCTIONS)
    instead = f"did you mean {near!r}?" if near else f"there are {', '.join(FUNCTIONS)}"
    return f"unknown function {name!r}; {instead}"


def signature(name: str) -> str:
    """How a call of the function is written: `contains(field, "text")`."""
    return f"{name}({', '.join(_EXAMPLES.get(parameter, 'field') for parameter in FUNCTIONS[name].parameters)})"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known word that `name` is most likely a misspelling of."""
    by_lower_case = {word.lower(): word for word in sorted(known)}
    found = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.75)
    return by_lower_case[found[0]] if found else None
