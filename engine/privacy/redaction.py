"""Masks what is personal or secret in a text that is shown to people: what a receiver answered, above all.

A receiver repeats what it was sent, and its words are kept beside a dead letter and shown in a terminal. Masked is what can be told
by its looks: e-mail and IP addresses, telephone numbers, dates of birth, values named as names, addresses or secrets, tokens and
digests. What helps to find the trouble stays: timestamps, UUIDs (of requests), codes, words. It is a safety net for excerpts and no
substitute for not logging: a name in a sentence looks like any word.
"""

from __future__ import annotations

import re
from functools import cache

MASK = "***"
_MOST_CHARACTERS = 1024
"""What is looked at: an excerpt is shorter. Runs that a pattern may look at from each of their characters are bounded, so that no
receiver's answer takes longer than some milliseconds (64 characters are the longest that an address has before its @)."""

_UUID = r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
_MOMENT = r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
_SECRETS = "token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|write[_-]?key|authori[sz]ation|signature"
_SECRET = rf"""(?<![\w-])[\w-]{{0,40}}(?:{_SECRETS})[\w-]{{0,40}}["']?\s*"""
_SCHEME = r"(?:bearer\s+|basic\s+)?"
_VALUE = r"""[^\s"'&,;{}<>]"""
_NAMES = r"(?:first|last|full|user|family|given)?[_-]?name|street|address\d?|city|birthday|date_of_birth|dob|postal_?code|zip"

_PATTERNS = (
    # Kept, because a pattern below would take it for something else.
    rf"(?P<keep>{_UUID}|{_MOMENT})",
    # Values by their names. After a colon a secret has a digit, or `token: expired` would tell nothing.
    rf"""(?P<assigned>{_SECRET}=\s*["']?){_SCHEME}{_VALUE}+""",
    rf"""(?P<told>{_SECRET}:\s*["']?){_SCHEME}(?={_VALUE}*\d){_VALUE}+""",
    rf"""(?P<personal>["'](?:{_NAMES})["']\s*:\s*["'])[^"']*""",
    # Secrets and digests by their looks.
    r"(?P<scheme>\b(?:bearer|basic)\s+)(?=\S{0,200}[\d=])[\w.~+/=-]{6,}",
    r"\beyJ[\w-]+\.[\w-]*(?:\.[\w-]*)?",
    r"\b(?:sk|pk|rk|pat|xox[a-z]|whsec|gh[a-z]|phc|phx|sg|shpat)[-_.](?=[\w.-]*\d)[\w.-]{10,}",
    r"(?<![A-Za-z0-9+/])(?=[A-Za-z+/]*\d)(?=[\d+/]*[A-Za-z])[A-Za-z0-9+/]{32,}={0,2}",
    # People by their addresses and numbers.
    r"""[^\s"'<>@,;:()\[\]{}=]{1,64}(?:@|%40)[^\s"'<>@,;:()\[\]{}&]*""",
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])",
    r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}|(?=[0-9a-f:]{0,40}::)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4})(?![\w:])",
    r"(?<![\w-])(?:\+\(?\d[\d ()/.-]{5,}\d|\d{10,15}|(?=(?:[ ()/.-]{0,3}\d){7})\(?\d+\)?[ /.-][\d ()/.-]{2,}\d)(?!\w)",
)
_SHOWN = ("assigned", "told", "personal", "scheme")
"""Groups that stand before what is masked."""


def redacted(text: str, most_characters: int = 500) -> str:
    """`text` masked, then shortened: the other way round the half of an address that is left would be told from none."""
    return _sensitive().sub(_masked, text[:_MOST_CHARACTERS])[:most_characters]


@cache
def _sensitive() -> re.Pattern[str]:
    """Compiled when it is first needed: that takes 7 ms, and most runs start and end without."""
    return re.compile("|".join(_PATTERNS), re.IGNORECASE)


def _masked(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "keep":
        return match[0]
    return f"{match[kind]}{MASK}" if kind in _SHOWN else MASK
