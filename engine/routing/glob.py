"""Globs: `*` any run of characters (none too), `?` one, `[abc]` and `[a-z]` one of them, `\\x` the character x itself.

A glob fits a whole text or not at all, and case matters. The work is at most len(text) * len(pattern): each `*` is an atomic
group that takes the first place that fits, so a hostile text cannot make it backtrack (`*a*a*a*b` on 32 KB of "a").
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PIECE = re.compile(r"\*+|\?|\[(?P<set>(?:\\.|[^\]\\])*)\]|\\(?P<escaped>.)|(?P<plain>[^\\\[])", re.DOTALL)
_MEMBER = re.compile(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", re.DOTALL)
_ANY = "*"


class GlobError(ValueError):
    """The pattern is not a glob; `position` is where, counted from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def compile_glob(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a text fits. The common shapes need no regular expression. Raises GlobError."""
    pieces = _pieces(pattern)
    if all(literal is not None or piece is _ANY for piece, literal in pieces):
        simple = _simple([literal for _, literal in pieces])
        if simple is not None:
            return simple
    fits = re.compile(_regex([piece for piece, _ in pieces]), re.DOTALL).fullmatch
    return lambda text: fits(text) is not None


def _pieces(pattern: str) -> list[tuple[str, str | None]]:
    """For each piece its regular expression, and the character that it stands for if it is just one."""
    pieces: list[tuple[str, str | None]] = []
    position = 0
    while position < len(pattern):
        match = _PIECE.match(pattern, position)
        if match is None:
            raise GlobError(_explain(pattern[position]), position)
        pieces.append(_piece(match, position))
        position = match.end()
    return pieces


def _explain(character: str) -> str:
    if character == "[":
        return r"this [ has no closing ]; a literal one is written \["
    return r"a backslash at the end escapes nothing; a literal one is written \\"


def _piece(match: re.Match[str], position: int) -> tuple[str, str | None]:
    if match[0].startswith("*"):
        return _ANY, None
    if match[0] == "?":
        return ".", None
    if match["set"] is not None:
        return _set(match["set"], position), None
    literal = match["escaped"] or match["plain"]
    return re.escape(literal), literal


def _set(members: str, position: int) -> str:
    if not members:
        raise GlobError(r"[] fits no character; a literal [ is written \[", position)
    return "[" + "".join(_member(first[-1], last[-1:], position) for first, last in _MEMBER.findall(members)) + "]"


def _member(first: str, last: str, position: int) -> str:
    if last and last < first:
        raise GlobError(f"the range {first}-{last} runs backwards", position)
    return f"{_in_set(first)}-{_in_set(last)}" if last else _in_set(first)


def _in_set(character: str) -> str:
    """Escaped by number, so that no character means anything in a set."""
    return f"\\U{ord(character):08x}"


def _simple(characters: list[str | None]) -> Callable[[str], bool] | None:
    """`x`, `x*`, `*x`, `*x*` and `*` as one method of str; None for anything else. None among `characters` is a `*`."""
    front = characters[:1] == [None]
    back = characters[-1:] == [None]
    inner = characters[front : len(characters) - back]
    text = "".join(character for character in inner if character is not None)
    if characters == [None]:
        return lambda value: True
    if None in inner:
        return None
    return _by_position(text, front, back)


def _by_position(text: str, front: bool, back: bool) -> Callable[[str], bool]:
    if front and back:
        return lambda value: text in value
    if front:
        return lambda value: value.endswith(text)
    if back:
        return lambda value: value.startswith(text)
    return lambda value: value == text


def _regex(pieces: list[str]) -> str:
    """All runs between two stars in atomic groups but the last, which has to reach the end."""
    runs: list[list[str]] = [[]]
    for piece in pieces:
        if piece is _ANY:
            runs.append([])
        else:
            runs[-1].append(piece)
    first, *rest = ["".join(run) for run in runs]
    if not rest:
        return first
    return first + "".join(f"(?>.*?{run})" for run in rest[:-1] if run) + f".*{rest[-1]}"
