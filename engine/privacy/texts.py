"""What normalising is made of: small steps from text to text.

A letter can be written in two ways, as one character or with its accent apart, and a digest tells them apart: so texts are composed
(NFC) first. Accents and vowel signs belong to the letters: they are kept where signs go.
"""

from __future__ import annotations

import re
import unicodedata

_NO_WIDTH = "\u200b\u2060\ufeff"
"""Spaces of no width, which come with what was copied from a web page or a spreadsheet."""
_EDGES = "".join(filter(str.isspace, map(chr, range(0x3001)))) + _NO_WIDTH
_SPACES = re.compile(rf"[\s{_NO_WIDTH}]+")
_address = re.compile(rf"[^\s{_NO_WIDTH}]+@[^\s{_NO_WIDTH}@]+").fullmatch
_plain_address = re.compile(r"[!-~]+@[!-?A-~]+").fullmatch
_SIGNS = re.compile(r"[^A-Za-z0-9\s]+")
_SIGN_CATEGORIES = "PSC"
"""Punctuation, symbols, control and format characters."""
_DIGITS = re.compile(r"\d+")


def stripped(text: str) -> str:
    """Without space around it, else as it is: for what is compared as it was given, such as an id."""
    return text.strip(_EDGES)


def trimmed(text: str) -> str:
    """Composed, without space around it."""
    return unicodedata.normalize("NFC", stripped(text))


def lower(text: str) -> str:
    """Trimmed, in lower case. (ASCII is composed already, and most identifiers are no more: a third of the time.)"""
    return text.strip().lower() if text.isascii() else trimmed(stripped(text).lower())


def is_address(text: str) -> bool:
    """Whether it is two parts around an @, with no space in it of whatever width. (Of ASCII nearly all are: half of the time.)"""
    return _plain_address(text) is not None or _address(text) is not None


def without_spaces(text: str) -> str:
    """Trimmed, in lower case, without any space."""
    return _SPACES.sub("", lower(text))


def without_signs(text: str) -> str:
    """Trimmed, in lower case: letters, digits, and single spaces between words."""
    return _SPACES.sub(" ", _drop_signs(lower(text))).strip()


def letters(text: str) -> str:
    """The same, without digits."""
    return _SPACES.sub(" ", _DIGITS.sub("", without_signs(text))).strip()


def squeezed(text: str) -> str:
    """Letters and digits in lower case, nothing between them."""
    return _SPACES.sub("", _drop_signs(lower(text)))


def _drop_signs(text: str) -> str:
    if text.isascii():
        return _SIGNS.sub("", text)
    return "".join(char for char in text if unicodedata.category(char)[0] not in _SIGN_CATEGORIES or char.isspace())
