"""Moments in time: read from whatever the spec allows, written as whatever a vendor asks for.

A moment is an int: microseconds since 1970, UTC. Floats of seconds lose them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ISO = re.compile(
    r"""\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})
    (?:(?:T|t|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?\s*""",
    re.VERBOSE | re.ASCII,
)
_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.\d+)?\s*", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?", re.ASCII)
_SCALES = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))
"""Below 10^11 a number is seconds (until the year 5138), below 10^14 milliseconds (from 1973), below 10^17 microseconds."""
_DIRECTIVE = re.compile(r"%([-^]?)(:?[A-Za-z%+])")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def moment_of(value: Any) -> int | None:
    """The moment that a value means: an ISO text or one like it (UTC unless it says), seconds, ms or us as number or text."""
    if isinstance(value, str):
        match = _ISO.fullmatch(value)
        if match:
            return _from_parts(*match.groups())
        if _NUMBER.fullmatch(value):
            return _from_number(Decimal(value.strip())) if len(value) < 40 else None
        return _from_words(value) if " " in value.strip() else _from_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return _from_number(Decimal(repr(value))) if abs(value) < 10**20 else None
    return None


def _from_parts(year: str, month: str, day: str, *time: str | None) -> int | None:
    hour, minute, second, fraction, zone = time
    try:
        date = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=UTC)
        seconds = int(second or 0)
        offset = _offset(zone or "Z").utcoffset(None)
    except ValueError:
        return None
    if seconds > 60:
        return None
    assert offset is not None
    microseconds = int(f"{fraction or '':0<6}"[:6])
    return _within((date - _EPOCH - offset) // _MICROSECOND + min(seconds, 59) * 10**6 + microseconds)


def _from_words(text: str) -> int | None:
    match = _in_words().fullmatch(text)
    if match is None:
        return None
    months = [name for name in _MONTHS if name.lower().startswith((match["month"] or match["month2"]).lower())]
    if len(months) != 1:
        return None
    month = str(_MONTHS.index(months[0]) + 1)
    return _from_parts(match["year"], month, match["day"] or match["day2"], *match.groups()[5:])


@cache
def _in_words() -> re.Pattern[str]:
    """`Tue, 05 Mar 2024 10:20:30 GMT` (RFC 2822), `Tue Mar 05 2024 10:20:30 GMT+0000 (UTC)` (JavaScript), `March 5, 2024`.

    Compiled when it is first needed: that takes 4 ms, and nearly all moments are in ISO 8601.
    """
    return re.compile(
        r"""\s*(?:[A-Za-z]{3,9},?\s+)?
        (?:(?P<day>\d{1,2})\s+(?P<month>[A-Za-z]{3,9})|(?P<month2>[A-Za-z]{3,9})\s+(?P<day2>\d{1,2})),?\s+(?P<year>\d{4})
        (?:\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s*(?:GMT(?=[+-]))?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?(?:\s*\(.*\))?)?\s*""",
        re.VERBOSE | re.ASCII,
    )


def _from_text(text: str) -> int | None:
    """What Python knows of ISO 8601 beyond the usual: `20240305T102030Z`, `2024-W10-2`."""
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except OverflowError:
        return None


def _from_number(number: Decimal) -> int | None:
    for limit, scale in _SCALES:
        if abs(number) < limit:
            return _within(int(number * scale))
    return None


def _within(moment: int) -> int | None:
    """A moment that a calendar has, in every zone: from the year 1 to 9999."""
    return moment if -62_135_500_000_000_000 < moment < 253_402_200_000_000_000 else None


# Zones ---------------------------------------------------------------------------------------------------------------


def zone_of(name: str) -> tzinfo:
    """A zone by name (`Europe/Berlin`, `UTC`) or offset (`+02:00`). Raises ValueError."""
    try:
        return _offset(name)
    except ValueError:
        pass
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found; a folder; no name that a file could have
        raise ValueError(f"there is no time zone {name!r}; write one like Europe/Berlin or +02:00") from None


def _offset(text: str) -> timezone:
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    match = _OFFSET.fullmatch(text)
    if not match:
        raise ValueError(text)
    sign, hours, minutes = match.groups()
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(size if sign == "+" else -size)


# Formats -------------------------------------------------------------------------------------------------------------

Write = Callable[[int], Any]
"""A moment as a vendor wants it."""


def writer(form: str, zone: tzinfo = UTC) -> Write:
    """How moments are written: `form` is a name of FORMATS or has `strftime`'s directives in it. Raises ValueError."""
    if form in _COUNTS:
        unit = _COUNTS[form]
        return lambda moment: moment // unit
    if form == "iso":
        return lambda moment: _iso(at(moment, zone))
    pattern = _PATTERNS.get(form, form)
    if "%" not in pattern:
        raise ValueError(f"{form!r} is no format; there are {', '.join(FORMATS)}, and texts like %Y-%m-%d")
    unknown = [match[0] for match in _DIRECTIVE.finditer(pattern) if match[2] not in _DIRECTIVES]
    if unknown:
        raise ValueError(f"{unknown[0]} is not known; there are {' '.join('%' + name for name in _DIRECTIVES)}")
    return lambda moment: formatted(moment, pattern, zone)


def at(moment: int, zone: tzinfo) -> datetime:
    """A moment on the clock of a zone."""
    return (_EPOCH + moment * _MICROSECOND).astimezone(zone)


def formatted(moment: int, pattern: str, zone: tzinfo = UTC) -> str:
    """`pattern` with its directives filled in; unknown ones stay. Always in English, whatever the machine is set to."""
    date = at(moment, zone)

    def put(match: re.Match[str]) -> str:
        write = _DIRECTIVES.get(match[2])
        if write is None:
            return match[0]
        text = write(date)
        return (text.lstrip("0 ") or "0") if match[1] == "-" else text.upper() if match[1] == "^" else text

    return _DIRECTIVE.sub(put, pattern)


def _iso(date: datetime) -> str:
    """As JavaScript writes it: to the millisecond."""
    return f"{date:%Y-%m-%dT%H:%M:%S}.{date.microsecond // 1000:03}{_colon_offset(date, 'Z')}".rjust(24, "0")


def _offset_text(date: datetime) -> str:
    minutes = (date.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _colon_offset(date: datetime, utc: str = "+00:00") -> str:
    text = _offset_text(date)
    return utc if text == "+0000" else f"{text[:3]}:{text[3:]}"


def _epoch_s(date: datetime) -> int:
    return (date - _EPOCH) // timedelta(seconds=1)


_COUNTS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1}
_PATTERNS = {"date": "%Y-%m-%d", "rfc2822": "%a, %d %b %Y %H:%M:%S %z"}
FORMATS = ("iso", *_COUNTS, *_PATTERNS)
"""The formats that have names."""

_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda date: f"{date.year:04}",
    "y": lambda date: f"{date.year % 100:02}",
    "m": lambda date: f"{date.month:02}",
    "B": lambda date: _MONTHS[date.month - 1],
    "b": lambda date: _MONTHS[date.month - 1][:3],
    "d": lambda date: f"{date.day:02}",
    "e": lambda date: f"{date.day:2}",
    "j": lambda date: f"{date.timetuple().tm_yday:03}",
    "A": lambda date: _DAYS[date.weekday()],
    "a": lambda date: _DAYS[date.weekday()][:3],
    "u": lambda date: str(date.isoweekday()),
    "w": lambda date: str(date.isoweekday() % 7),
    "V": lambda date: f"{date.isocalendar().week:02}",
    "G": lambda date: f"{date.isocalendar().year:04}",
    "H": lambda date: f"{date.hour:02}",
    "k": lambda date: f"{date.hour:2}",
    "I": lambda date: f"{(date.hour + 11) % 12 + 1:02}",
    "l": lambda date: f"{(date.hour + 11) % 12 + 1:2}",
    "M": lambda date: f"{date.minute:02}",
    "S": lambda date: f"{date.second:02}",
    "L": lambda date: f"{date.microsecond // 1000:03}",
    "f": lambda date: f"{date.microsecond:06}",
    "N": lambda date: f"{date.microsecond:06}000",
    "p": lambda date: "AM" if date.hour < 12 else "PM",
    "P": lambda date: "am" if date.hour < 12 else "pm",
    "s": lambda date: str(_epoch_s(date)),
    "z": _offset_text,
    ":z": _colon_offset,
    "Z": lambda date: date.tzname() or "",
    "F": lambda date: f"{date.year:04}-{date.month:02}-{date.day:02}",
    "T": lambda date: f"{date.hour:02}:{date.minute:02}:{date.second:02}",
    "D": lambda date: f"{date.month:02}/{date.day:02}/{date.year % 100:02}",
    "R": lambda date: f"{date.hour:02}:{date.minute:02}",
    "%": lambda date: "%",
}
"""`strftime`'s, and `%L` (milliseconds), `%:z` (+02:00). A `-` after the % takes leading zeros away, a `^` makes capitals."""
