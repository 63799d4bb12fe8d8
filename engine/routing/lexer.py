"""FQL text to tokens: spaces where Segment's own lexer (fql-ts) wants them, either kind of quotes, every refusal at its column.

The spellings of other languages (`==`, `&&`, curly quotes) are recognised only to say what would be right.
"""

from __future__ import annotations

import re

import msgspec

from ..errors import FqlError

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<keyword>(?:and|or|in|null|true|false)(?![A-Za-z0-9_\\.-]))
    | (?P<word>(?:[A-Za-z_]|\\.)(?:[A-Za-z0-9_-]|\\.)*
        (?:[ \t\r\n]*\.[ \t\r\n]*(?:[A-Za-z_]|\\.)(?:[A-Za-z0-9_-]|\\.)*|\[[0-9]+\])*)
    | (?P<number>[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?![A-Za-z0-9_.]))
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<foreign>===?|!==|&&?|\|\|?|<>|=>|=<|[\u2018\u2019\u201c\u201d])
    | (?P<symbol>!=|<=|>=|[=<>!(),\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_FOREIGN = {
    "==": "equality is written `=`",
    "===": "equality is written `=`",
    "!==": "inequality is written `!=`",
    "<>": "inequality is written `!=`",
    "=>": "write `>=`",
    "=<": "write `<=`",
    "&": "write `and`",
    "&&": "write `and`",
    "|": "write `or`",
    "||": "write `or`",
}
_UNESCAPE = re.compile(r"\\(.)|[ \t\r\n]+", re.DOTALL)
_CUT_NAME = re.compile(r"(?<!\\)\.[ \t\r\n]*(and|or|null)\Z")
_BEGINS_WITH_DIGIT = re.compile(r"[ \t\r\n]*\.[ \t\r\n]*([0-9]+)")
_JOINT = re.compile(r"(?:and|or|in)(?![A-Za-z0-9_\\.-])")
_SPACES = " \t\r\n"
_TERMINATORS = _SPACES + ",])"
_SEPARATORS = _SPACES + ")"
_EXACT_DIGITS = 300  # int() refuses thousands of digits; a float is exact enough long before


class Token(msgspec.Struct, frozen=True, gc=False):
    """A run of characters that belong together.

    `kind` is "word" (a path or an unquoted text), "keyword", "number", "text", "symbol" or "end"; `value` is what it means:
    names without their backslashes, texts without their quotes.
    """

    kind: str
    value: str
    raw: str
    start: int
    end: int

    @property
    def number(self) -> int | float:
        """The value of a "number"."""
        whole = self.value.lstrip("+-").isdigit() and len(self.value) <= _EXACT_DIGITS
        return int(self.value) if whole else float(self.value)


def problem(message: str, text: str, offset: int) -> FqlError:
    """An error at `offset` of `text`: column and picture are those of the line it is in."""
    begin = text.rfind("\n", 0, offset) + 1
    line = text[begin:].partition("\n")[0]
    shown = "".join(character if character.isprintable() else " " for character in line).rstrip()
    number = text.count("\n", 0, begin)
    return FqlError(f"line {number + 1}: {message}" if number else message, text=shown, column=offset - begin + 1)


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, an "end" last. Raises FqlError."""
    tokens = []
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            raise _unreadable(text, offset)
        offset = match.end()
        if match.lastgroup != "space":
            tokens.append(_token(str(match.lastgroup), match[0], text, match.start()))
    tokens.append(Token("end", "", "", offset, offset))
    return tokens


def _token(kind: str, raw: str, text: str, start: int) -> Token:
    end = start + len(raw)
    if kind == "foreign":
        raise problem(_FOREIGN.get(raw, "curly quotes are no quotes here: write straight ones, ' or \""), text, start)
    if kind == "symbol":
        _refuse_crowding(raw, text, start)
    if kind == "word":
        return Token(kind, _name(raw, text, start), raw, start, end)
    if kind == "text":
        _refuse_text_going_on(raw, text, end)
        return Token(kind, raw[1:-1], raw, start, end)
    return Token(kind, raw, raw, start, end)


def _name(raw: str, text: str, start: int) -> str:
    """The word without backslashes. Refuses a last part that is a keyword: Segment loses whatever follows it."""
    end = start + len(raw)
    cut = _CUT_NAME.search(raw)
    if cut and text[end : end + 1] in _TERMINATORS:
        raise problem(
            f"`{cut[1]}` is a keyword; a field of that name is written \\{cut[1]}", text, start + cut.start(1)
        )
    digit = _BEGINS_WITH_DIGIT.match(text, end)
    if digit:
        advice = f"an item of a list is written [{digit[1]}], a key \\{digit[1]}"
        raise problem(f"a name begins with a letter; {advice}", text, digit.start(1))
    if (
        end < len(text)
        and ord(text[end]) > 127
        and text[end] not in "\u2018\u2019\u201c\u201d"
        and text[end].isprintable()
    ):
        raise problem(f"in a name, {text[end]!r} is written \\{text[end]}", text, end)
    return _UNESCAPE.sub(lambda match: match[1] or "", raw)


def _refuse_crowding(raw: str, text: str, start: int) -> None:
    """Where Segment's lexer needs a space, and that none follows `!`: a text falls into the same tokens here and there.

    It refuses `n>5` and `! x`, and reads `n >=5` as `n > "="`, which never matches.
    """
    end = start + len(raw)
    after = text[end : end + 1]
    if raw in ("!=", "<=", ">=") and after not in _TERMINATORS:
        raise problem(f"`{raw}` needs a space after it", text, end)
    if raw[0] in "<>" and text[start - 1 : start] not in _SEPARATORS:
        raise problem(f"`{raw}` needs a space before it", text, start)
    if raw == "!" and after and after in _SPACES:
        raise problem("`!` stands right before what it negates, without a space", text, start)


def _refuse_text_going_on(raw: str, text: str, end: int) -> None:
    """`"a\\"b"`, `"a""b"`: there are no escapes, and Segment silently drops the second half."""
    goes_on = end < len(text) and (text[end] in "\"'\\_" or text[end].isalnum())
    if goes_on and not _JOINT.match(text, end):
        other = "'" if raw[0] == '"' else '"'
        advice = f"a text has no escapes, it ends at the next {raw[0]}; to have {raw[0]} inside, quote it with {other}"
        raise problem(advice, text, end)


def _unreadable(text: str, offset: int) -> FqlError:
    """No token begins here."""
    if text[offset] == "." and _needs_escape(text[offset + 1 : offset + 2]):
        offset += 1
    return problem(_explain(text[offset]), text, offset)


def _needs_escape(character: str) -> bool:
    """A letter or sign of another script, which a name can have, with a backslash."""
    return not character.isascii() and character.isprintable() and character not in "\u2018\u2019\u201c\u201d"


def _explain(character: str) -> str:
    if character in "\"'":
        return f"this text has no closing {character}"
    if character == "\\":
        return "a backslash at the end escapes nothing"
    if character.isdigit() or character in "+-":
        return "not a number; write digits with at most one point inside, as in -12.5, or put a text in quotes"
    if character == ".":
        return "a path begins with a field and has a name after each dot, as in properties.plan"
    if _needs_escape(character):
        return f"in a name, {character!r} is written \\{character}"
    return f"unexpected character {character!r}"
