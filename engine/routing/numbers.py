"""What counts as a number in an event, and which number a text is."""

from __future__ import annotations

import re

NUMBERS = frozenset({int, float})
"""Looked up by `type(value)`: a bool is not a number."""

_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_RADIX = re.compile(r"0[xX][0-9a-fA-F]{1,300}|0[oO][0-7]{1,300}|0[bB][01]{1,900}")
_INFINITY = re.compile(r"([-+]?)Infinity")


def text_to_number(text: str) -> float | None:
    """The number that JavaScript's `Number(text)` gives, None where that is NaN; the empty text is 0."""
    text = text.strip()
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    infinity = _INFINITY.fullmatch(text)
    return float(f"{infinity[1]}inf") if infinity else None
