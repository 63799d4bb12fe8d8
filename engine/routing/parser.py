"""Tokens to syntax, by recursive descent: one method per line of the grammar in `routing/__init__.py`.

Everything that can be wrong with a trigger is found here, below in `operands`, or in the lexer, so that what compiles can
run on any event.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from . import advice, syntax
from .functions import FUNCTIONS, TEXT_TESTS
from .lexer import Token, problem, tokenize
from .operands import OperandParser
from .syntax import AllOf, AnyOf, Call, Compare, Condition, Everything, Holds, Lacks, Literal, Not, Path, Within

MAX_TEXT_BYTES = 5 * 1024
"""Segment's limit for a filter."""

_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def parse(text: str) -> Condition:
    """The condition that `text` says. Raises FqlError."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise problem("the expression is longer than 5 KiB; split it, or use `in` with a list", text, 0)
    return _Parser(text, tokenize(text)).everything()


class _Parser(OperandParser):
    def everything(self) -> Condition:
        first = self.next
        if first.kind == "end":
            raise self.wrong("an empty expression; write `all` for every event")
        if first.raw == "all" and self.tokens[1].kind == "end":
            return Everything(first.start, first.end)
        condition = self.any_of()
        if self.next.kind != "end":
            raise self.wrong(advice.not_joined(self.next))
        return condition

    def any_of(self) -> Condition:
        self.accept("and")
        return self._joined(self.all_of, lambda: self.accept("or"), AnyOf)

    def all_of(self) -> Condition:
        return self._joined(self.negation, lambda: self.accept("and") or self._begins_condition(), AllOf)

    def _joined(
        self, part: Callable[[], Condition], goes_on: Callable[[], bool], join: type[AllOf] | type[AnyOf]
    ) -> Condition:
        start = self.next.start  # not that of the first part, which knows nothing of parentheses around it
        parts = [part()]
        while goes_on():
            parts.append(part())
        return parts[0] if len(parts) == 1 else join(start, self.tokens[self.position - 1].end, tuple(parts))

    def _begins_condition(self) -> bool:
        """Whether a condition follows without its `and`. What begins none is better blamed as it stands."""
        token = self.next
        if token.kind == "end":
            return False
        after = self.tokens[self.position + 1]
        if token.kind == "word" and after.raw == "(":
            return token.raw in FUNCTIONS
        if token.kind == "word":
            return token.raw.startswith("\\") or re.split(r"[.\[]", token.value)[0] in syntax.FIELDS
        return self.sees("!", "(") or (self.sees_literal() and after.raw.lower() == "in")

    def negation(self) -> Condition:
        sign = self.next
        if not self.accept("!"):
            return self.comparison()
        self.deeper()
        grouped = self.sees("(")
        inner = self.negation() if self.sees("!") else self._group() if grouped else self._negated(sign)
        self.depth -= 1
        call = inner.operand if isinstance(inner, Holds) and not grouped else None
        if isinstance(call, Call) and call.name in TEXT_TESTS:
            return Lacks(sign.start, inner.end, call)
        return Not(sign.start, self.tokens[self.position - 1].end, inner)

    def _negated(self, sign: Token) -> Holds:
        left = self.left()
        if self.sees(*_COMPARISONS, "in"):
            raise self.wrong(f"`!` binds tighter than `{self.next.raw}`; write !( ... ) around the comparison", sign)
        return self._holds(left)

    def comparison(self) -> Condition:
        if self.sees("("):
            return self._group()
        left = self.left()
        if self.next.kind == "symbol" and self.next.raw in _COMPARISONS:
            return self._compare(left)
        if self.accept("in"):
            right = self.members()
            return Within(left.start, right.end, left, right)
        return self._holds(left)

    def _group(self) -> Condition:
        opening = self.take()
        self.deeper()
        if self.sees(")"):
            raise self.wrong("nothing between the parentheses; write a condition", opening)
        inner = self.any_of()
        if not self.accept(")"):
            raise self.unclosed("this ( has no closing )", opening, advice.not_joined(self.next))
        self.depth -= 1
        if self.sees(*_COMPARISONS, "in"):
            raise self.wrong("a group in parentheses is yes or no, it is not compared; write `and`, `or` or nothing")
        return inner

    def _compare(self, left: syntax.Operand | Literal) -> Compare:
        if isinstance(left, Literal):
            raise self.wrong('the field comes first, as in type = "track"', left)
        operator = self.take()
        right = self.value(f"`{operator.raw}`")
        return Compare(left.start, right.end, operator.raw, left, right)

    def _holds(self, left: syntax.Operand | Literal) -> Holds:
        raw = self.text[left.start : left.end]
        foreign = self.next.kind == "word" and self.next.raw.upper() not in advice.KEYWORDS
        blamed = self.next if foreign else left  # what stands where an operator should
        if isinstance(left, Literal):
            raise self.wrong(f"{raw} is no condition; compare a field with it, or write `all` for every event", left)
        if isinstance(left, Call) and (gives := FUNCTIONS[left.name].gives) != "bool":
            raise self.wrong(f"{left.name}() gives a {gives}, which is no condition; compare it with one", blamed)
        if isinstance(left, Path) and len(left.keys) == 1 and left.keys[0] in syntax.FIELDS:
            raise self.wrong(advice.not_compared(raw, self.next), blamed)
        return Holds(left.start, left.end, left)
