"""Telephone numbers as E.164 has them: the digits from the country code on, 7 to 15 of them.

Without a numbering plan only what a number says itself is known: one that begins with + or 00 has its country code, and any other
is taken as the vendors take it, with the country code in it, unless the user names the country of such numbers.
"""

from __future__ import annotations

import re

_EXTENSION = re.compile(r"(?<=[\d)])[\s,;]*(?:ext|x|#).*", re.IGNORECASE | re.DOTALL)
_TRUNK_IN_BRACKETS = re.compile(r"\(\s*0\s*\)")
"""The 0 of `+44 (0)20 7946 0123`, dialled only inside the country."""
_INTERNATIONAL = re.compile(r"\s*(?:tel:)?[\s(]*(?:[+＋]|00)")
_FEWEST, _MOST = 7, 15
_LONGEST_TEXT = 64
"""Longer than any number, however it is spaced."""
_KEEPS_ITS_ZERO = frozenset({"39", "378", "379"})
"""Italy, San Marino and the Vatican dial the 0 from abroad too."""
_NORTH_AMERICAN_DIGITS = 10


def international(text: str, country: str | None = None) -> str | None:
    """The digits from the country code on, without zeros before them; None if `text` is no such number.

    `country` is the calling code ("49") of numbers that have neither + nor 00 before them.
    """
    digits = _digits(text)
    if has_country_code(text):
        return _bounded(digits.lstrip("0"))
    if country is not None:
        return _bounded(_abroad(digits, country))
    return None if digits.startswith("0") else _bounded(digits)


def without_zeros(text: str, country: str | None = None) -> str | None:
    """The same, for vendors that just drop zeros at the front; with no `country` that makes `0701 234567` pass, as it is."""
    return international(text, country) or _bounded(_digits(text).lstrip("0"))


def digits_only(text: str, country: str | None = None) -> str | None:
    """The same, for vendors that leave zeros at the front where they are."""
    return international(text, country) or _bounded(_digits(text))


def has_country_code(text: str) -> bool:
    """Whether the number says that it begins with a country code."""
    return _INTERNATIONAL.match(text) is not None


def _digits(text: str) -> str:
    """ASCII digits, whatever script they were written in, up to an extension."""
    if len(text) > _LONGEST_TEXT:
        return ""
    number = _EXTENSION.sub("", text)
    if has_country_code(number):
        number = _TRUNK_IN_BRACKETS.sub("", number)
    return "".join(digit if digit.isascii() else str(int(digit)) for digit in re.findall(r"\d", number))


def _abroad(digits: str, country: str) -> str:
    """A national number as it is dialled from abroad. North American ones are ten digits, so an eleventh is the country code."""
    if country == "1" and len(digits) > _NORTH_AMERICAN_DIGITS and digits.startswith("1"):
        return digits
    return country + (digits if country in _KEEPS_ITS_ZERO else digits.removeprefix("0"))


def _bounded(digits: str) -> str | None:
    return digits if _FEWEST <= len(digits) <= _MOST else None
