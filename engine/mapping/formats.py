"""What a text must be to have a format, and how the format is called in messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from .moments import moment_of

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_EMAIL = re.compile(
    rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@(?:{_LABEL}\.)+{_LABEL}", re.ASCII
)
_URI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+""", re.ASCII)
_UUID = re.compile(r"(?:urn:uuid:)?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_USUAL_DATE = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
"""What nearly all timestamps look like: 0.4 us, where reading any date takes 5. (A 31st of February passes, as in the reference.)"""


def has_format(name: str, text: str) -> bool:
    """Whether `text` is a good one."""
    return _CHECKS[name](text)


def format_name(name: str) -> str:
    """In words: `email address`."""
    return _NAMES.get(name, name)


def _like(expression: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: expression.fullmatch(text) is not None


def _parsed(shape: re.Pattern[str] | None, parse: Callable[[str], Any]) -> Callable[[str], bool]:
    """Looks like it, and is it: there is no 30th of February."""

    def check(text: str) -> bool:
        if shape is not None and not shape.fullmatch(text):
            return False
        try:
            parse(text.upper())
        except ValueError:
            return False
        return True

    return check


_CHECKS: dict[str, Callable[[str], bool]] = {
    "email": _like(_EMAIL),
    "uri": _like(_URI),
    "hostname": _like(_HOST),
    "uuid": _like(_UUID),
    "ipv4": _parsed(None, IPv4Address),
    "ipv6": _parsed(None, IPv6Address),
    "date": _parsed(_DATE, date.fromisoformat),
    "date-time": _parsed(_DATE_TIME, datetime.fromisoformat),
    "time": _parsed(_TIME, time.fromisoformat),
    "date-like": lambda text: _USUAL_DATE.fullmatch(text) is not None or moment_of(text) is not None,
}
_NAMES = {
    "email": "email address",
    "uri": "URI",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "date-time": "date and time",
}
"""Those whose name is not the word itself."""
