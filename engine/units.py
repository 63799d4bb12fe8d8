"""Durations, sizes and rates as people write them in a configuration file, both ways.

`5s` `250ms` `10m` `24h` `1.5h` `7d`; `512KiB` `10MB` `4096`; `100/s` `6000/m`. Parsing is exact about what it accepts: the message
of every refusal shows a right value.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
LONGEST_S = 36500 * 86400.0
"""What is longer is a slip, and added to the time of day it would be no date any more."""
_DURATIONS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


def parse_duration(text: str) -> float:
    """Seconds in `text`. Raises ValueError with what would be right."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in _DURATIONS_S:
        raise ValueError(f'{text!r} is not a duration; write one like "250ms", "5s", "10m", "24h" or "7d"')
    seconds = float(match[1]) * _DURATIONS_S[match[2]]
    if seconds > LONGEST_S:
        raise ValueError(f"{text!r} is longer than a hundred years; write {format_duration(LONGEST_S)} at most")
    return seconds


def parse_size(text: str) -> int:
    """Bytes in `text`. Raises ValueError with what would be right."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in _SIZES:
        raise ValueError(f'{text!r} is not a size; write one like "512KiB", "10MB" or "4096"')
    return round(float(match[1]) * _SIZES[match[2]])


def parse_rate(text: str) -> float:
    """Things per second in `text` (`100/s`). Raises ValueError with what would be right."""
    count, slash, per = text.partition("/")
    if not slash or per.strip() not in ("s", "m", "h") or not re.fullmatch(r"\s*\d+(\.\d+)?\s*", count):
        raise ValueError(f'{text!r} is not a rate; write one like "100/s" or "6000/m"')
    return float(count) / _DURATIONS_S[per.strip()]


def format_duration(seconds: float) -> str:
    """`seconds` with the unit a person would pick: `250ms`, `5s`, `1.5h`."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _DURATIONS_S[unit]:
            return f"{seconds / _DURATIONS_S[unit]:.3g}{unit}"
    return f"{seconds * 1000:.3g}ms"


def format_size(size_bytes: float) -> str:
    """`size_bytes` in binary units: `512B`, `4MiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes >= _SIZES[unit]:
            return f"{size_bytes / _SIZES[unit]:.3g}{unit}"
    return f"{size_bytes:.0f}B"
