"""Globs against a slow, obviously right matcher, and against texts made to hurt."""

from __future__ import annotations

import pytest
from doorstep.engine.routing.glob import GlobError, compile_glob
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("pattern", "fitting", "unfitting"),
    [
        ("", [""], ["a"]),
        ("*", ["", "a", "a\nb"], []),
        ("**", ["", "a"], []),
        ("abc", ["abc"], ["ABC", "abcd", "zabc"]),
        ("Order *", ["Order ", "Order Completed"], ["Order", "An Order "]),
        ("*.pdf", [".pdf", "a.pdf"], ["a.pdf.txt", "apdf"]),
        ("*mid*", ["mid", "amidst"], ["mi d"]),
        ("a*c", ["ac", "abc", "abcc"], ["abcd", "a"]),
        ("a*b*c", ["abc", "axbxc", "abbcc"], ["acb"]),
        ("a?c", ["abc", "a\nc", "a😀c"], ["ac", "abbc"]),
        ("[abc]", ["a", "c"], ["d", "", "ab"]),
        ("[a-c]x", ["ax", "bx"], ["dx", "-x"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[!a]", ["!", "a"], ["b"]),
        (r"[\]\-z]", ["]", "-", "z"], ["\\", "a"]),
        (r"\*", ["*"], ["a", "\\*"]),
        (r"a\?\[\\", ["a?[\\"], ["ab[\\"]),
        ("a.c+$", ["a.c+$"], ["abc"]),
        ("]", ["]"], ["["]),
    ],
)
def test_what_fits(pattern: str, fitting: list[str], unfitting: list[str]) -> None:
    fits = compile_glob(pattern)
    assert [text for text in fitting if not fits(text)] == []
    assert [text for text in unfitting if fits(text)] == []


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_it_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert compile_glob(pattern)(text) is by_definition(pattern, text)


def by_definition(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_definition(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and by_definition(pattern[1:], text[1:])


@pytest.mark.timeout(10)
def test_a_hostile_text_cannot_make_it_backtrack() -> None:
    assert compile_glob("*a?a*a?a*a?a*a?a*b")("a" * 32_000) is False


@pytest.mark.parametrize(
    ("pattern", "position", "message"),
    [
        ("ab[c", 2, r"this [ has no closing ]; a literal one is written \["),
        ("[]", 0, r"[] fits no character; a literal [ is written \["),
        ("a[z-b]", 1, "the range z-b runs backwards"),
        ("abc\\", 3, r"a backslash at the end escapes nothing; a literal one is written \\"),
    ],
)
def test_a_pattern_that_is_none_says_where(pattern: str, position: int, message: str) -> None:
    with pytest.raises(GlobError) as caught:
        compile_glob(pattern)
    assert (caught.value.position, str(caught.value)) == (position, message)
