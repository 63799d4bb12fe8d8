"""What commands about a journal print: columns, times, dead letters as JSON that can be read, and read back."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ..journal.records import DeadLetter
from ..units import parse_duration, parse_rate


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table, each column as wide as its widest cell; numbers stand right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(_padded, row, widths)).rstrip() for row in rows)


def _padded(cell: str, width: int) -> str:
    return cell.rjust(width) if re.fullmatch(r"[\d,]+", cell) else cell.ljust(width)


def moment(utc: float) -> str:
    """`2026-11-23T16:00:00.123Z`; what is no time that could be written so, as the number that it is."""
    try:
        return datetime.fromtimestamp(utc, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{utc}"


def readable(value: Any) -> Any:
    """Structs as JSON has them, with the events' bytes as the text that they are: nothing of them changes."""
    if isinstance(value, msgspec.Struct):
        return {name: readable(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [readable(one) for one in value]
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def as_json(value: Any) -> str:
    """One line of it."""
    return msgspec.json.encode(readable(value)).decode()


def letter_of(line: bytes) -> DeadLetter:
    """A line of an export. Raises ValueError if it is none."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        if not isinstance(fields.get("line"), str):
            raise ValueError("no dead letter of an export (`line`, the event, is missing)")
        text = fields["line"].encode()
        if b"\n" in text:
            raise ValueError("the event in it is more than a line")
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        tries = [(one["at"], one["reason"], one.get("status")) for one in fields.get("tries", [])]
        return msgspec.convert({**fields, "line": text, "tries": tries, "id": 0}, DeadLetter, builtin_types=(bytes,))
    except (msgspec.MsgspecError, UnicodeError, LookupError, TypeError) as error:
        raise ValueError(f"no dead letter of an export ({error})") from error


# Types of options ----------------------------------------------------------------------------------------------------


class MomentType(click.ParamType[float]):
    """A time in ISO 8601, UTC unless it says otherwise, or how long ago: `2026-11-23T16:00`, `2h`. Seconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return time.time() - parse_duration(value)
        except ValueError:
            pass
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f'{value!r} is no time; write one like "2026-11-23T16:00" (UTC), or "2h" for two hours ago', param, ctx
            )
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class RateType(click.ParamType[float]):
    """`100/s`: events a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = value if isinstance(value, float) else parse_rate(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if rate <= 0:
            self.fail("a rate is more than nothing", param, ctx)
        return rate
