"""The lower half of the parser: paths, calls, literals and lists, and the walk through the tokens that both halves share."""

from __future__ import annotations

import re

from ..errors import FqlError
from . import advice
from .functions import FUNCTIONS
from .glob import GlobError, compile_glob
from .lexer import Token, problem
from .syntax import FIELDS, TEXT_FIELDS, Call, Keys, Listing, Literal, Node, Operand, Path

MAX_DEPTH = 40
"""Of parentheses, `!` and calls inside each other: seven Python frames a level stay far below the interpreter's 1 000."""

_CONSTANTS = {"null": None, "true": True, "false": False}


class OperandParser:
    """The tokens, a place among them, and the grammar below conditions."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    # Moving through the tokens ------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.next
        self.position += token.kind != "end"
        return token

    def sees(self, *raws: str) -> bool:
        return self.next.raw in raws and self.next.kind in ("symbol", "keyword")

    def accept(self, raw: str) -> bool:
        seen = self.sees(raw) or (self.next.kind == "word" and self.next.raw.lower() == raw)  # AND, OR, IN
        self.position += seen
        return seen

    def sees_literal(self) -> bool:
        return self.next.kind in ("text", "number") or self.next.raw in _CONSTANTS

    def wrong(self, message: str, at: Token | Node | None = None) -> FqlError:
        return problem(message, self.text, (at or self.next).start)

    def unclosed(self, message: str, opening: Token, otherwise: str) -> FqlError:
        """A closing bracket is missing: the opening one is to blame if the text ends, else what stands there."""
        return self.wrong(message, opening) if self.next.kind == "end" else self.wrong(otherwise)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"nested deeper than {MAX_DEPTH} levels; write it flatter, or use `in` with a list")

    # Operands -----------------------------------------------------------------------------------------------------------

    def left(self) -> Operand | Literal:
        token = self.next
        if token.kind == "word":
            return self.operand()
        if self.sees_literal():
            return self._literal(self.take())
        raise self.wrong(advice.no_condition(self.next))

    def operand(self) -> Operand:
        word = self.take()
        if word.raw.upper() == "NOT":
            raise self.wrong("negation is written !( ... )", word)
        if self.sees("("):
            return self._call(word)
        return Path(word.start, word.end, self._keys(word))

    def _keys(self, word: Token) -> Keys:
        keys = tuple(re.findall(r"[^\[\].]+", word.value))
        if not keys:
            raise self.wrong("this names no field", word)
        if keys[0] not in FIELDS and not word.raw.startswith("\\"):
            raise self.wrong(advice.unknown_field(word, keys[0]), word)
        if keys[0] not in TEXT_FIELDS:
            return keys
        if keys[1:] and keys[1] in FIELDS:
            raise self.wrong(f"`{keys[0]}` is a text with nothing below it; write {'.'.join(keys[1:])}", word)
        return keys[:1]

    def _call(self, word: Token) -> Call:
        function = FUNCTIONS.get(word.raw)
        if function is None:
            raise self.wrong(advice.unknown_function(word.value), word)
        self.deeper()
        self.take()
        arguments: list[Path | Call | Literal] = []
        for parameter in function.parameters:
            if arguments and not self.accept(","):
                raise self.wrong(f"{word.raw}() needs a comma and its {parameter} here: {advice.signature(word.raw)}")
            arguments.append(self.value(f"{word.raw}()") if arguments else self._subject(word.raw))
        if not self.accept(")"):
            raise self.wrong(f"{word.raw}() ends here with a ): {advice.signature(word.raw)}")
        self.depth -= 1
        call = Call(word.start, self.tokens[self.position - 1].end, word.raw, tuple(arguments))
        self._check_pattern(call)
        return call

    def _subject(self, name: str) -> Operand:
        if self.next.kind != "word":
            raise self.wrong(f"{name}() needs a field first: {advice.signature(name)}")
        return self.operand()

    def _check_pattern(self, call: Call) -> None:
        if call.name != "match":
            return
        pattern = call.arguments[1]
        if not isinstance(pattern, Literal):
            raise problem("the pattern of match() is a text that is written here", self.text, pattern.start)
        try:
            compile_glob(pattern.text)
        except GlobError as error:
            inside = self.text[pattern.start] in "\"'"
            raise problem(str(error), self.text, pattern.start + inside + error.position) from None

    # Values -------------------------------------------------------------------------------------------------------------

    def value(self, after: str) -> Literal | Call:
        """A literal, an unquoted word, or a call. A field is refused: Segment reads it as its own name."""
        token = self.next
        if token.kind == "word" and self.tokens[self.position + 1].raw == "(":
            operand = self.operand()
            assert isinstance(operand, Call)
            return operand
        if token.kind in ("word", "text", "number") or token.raw in (*_CONSTANTS, "in"):
            return self._literal(self.take())
        if token.raw == "[":
            raise self.wrong("a list comes after `in`, as in type in ['track', 'page']")
        raise self.wrong(f'{after} needs a value here, as in "track", 5, true or null')

    def _literal(self, token: Token) -> Literal:
        if token.kind == "number":
            return Literal(token.start, token.end, token.number, token.raw)
        if token.raw in _CONSTANTS:
            return Literal(token.start, token.end, _CONSTANTS[token.raw], token.raw)
        if token.kind == "word":
            self._refuse_field(token)
        return Literal(token.start, token.end, token.value, token.value)

    def _refuse_field(self, token: Token) -> None:
        root, dot, _ = token.value.partition(".")
        if dot and root in FIELDS:
            advice = (
                f"write string({token.raw}) or number({token.raw}) for the field's value, or quotes for this very text"
            )
            raise self.wrong(f"a value is expected, not a field; {advice}", token)

    def members(self) -> Listing | Operand:
        if self.next.kind == "word":
            return self.operand()
        opening = self.next
        if not self.accept("["):
            raise self.wrong("`in` needs a list or a field after it, as in type in ['track', 'page']")
        items: list[Literal] = []
        while not self.accept("]"):
            if items and not self.accept(","):
                raise self.unclosed("this [ has no closing ]", opening, "a list has commas between its values")
            items.append(self._item())
        return Listing(opening.start, self.tokens[self.position - 1].end, tuple(items))

    def _item(self) -> Literal:
        item = self.value("a list")
        if isinstance(item, Call):
            raise problem("a list holds values that are written here, no calls", self.text, item.start)
        return item
