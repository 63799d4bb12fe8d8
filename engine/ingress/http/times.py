"""The clock of a client is wrong; how wrong it was when it sent is known. Pure.

    timestamp = receivedAt - (sentAt - originalTimestamp)

Segment's rule (reference, section 0.2): what the client said is kept as `originalTimestamp`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1)  # all moments here are UTC, and say so by saying nothing: half the time that zones take


def received_at(utc: float) -> datetime:
    """The moment of a request, to the millisecond, as clients say theirs."""
    return _EPOCH + timedelta(milliseconds=int(utc * 1000))


def moment_of(raw: msgspec.Raw | None) -> datetime | None:
    """The moment, in UTC, that a JSON value says, as ISO 8601; without a zone it is UTC. None if it says none."""
    if raw is None:
        return None
    text = bytes(raw)
    if text[:1] != b'"':
        return None
    try:
        if text[-2:] == b'Z"':
            return _plain(datetime.fromisoformat(text[1:-2].decode()))
        return _plain(datetime.fromisoformat(text[1:-1].decode()))
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None


def _plain(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def shifted(moment: datetime, skew: timedelta) -> datetime | None:
    """By our clock; None if there is no such time."""
    try:
        return moment + skew
    except OverflowError:
        return None


def written(moment: datetime) -> msgspec.Raw:
    """As JSON: milliseconds, or microseconds if there are any."""
    timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return msgspec.Raw(f'"{moment.isoformat(timespec=timespec)}Z"'.encode())
