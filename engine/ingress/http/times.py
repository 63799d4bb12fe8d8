"""The clock of a client is wrong; how wrong it was when it sent is known. Pure.

    timestamp = receivedAt - (sentAt - originalTimestamp)

Segment's rule (reference, section 0.2): what the client said is kept as `originalTimestamp`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def received_at(utc: float) -> datetime:
    """The moment of a request, to the millisecond, as clients say theirs."""
    return _EPOCH + timedelta(milliseconds=int(utc * 1000))


def moment_of(raw: msgspec.Raw | None) -> datetime | None:
    """The moment that a JSON value says, as ISO 8601; without a zone it is UTC. None if it says none."""
    if raw is None:
        return None
    text = bytes(raw)
    if text[:1] != b'"':
        return None
    try:
        moment = datetime.fromisoformat(text[1:-1].decode())
    except ValueError:  # UnicodeDecodeError is one
        return None
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def skew_of(sent: datetime | None, received: datetime) -> timedelta | None:
    """What is to be added to the client's times; None if it did not say when it sent."""
    return None if sent is None else received - sent


def shifted(moment: datetime, skew: timedelta) -> datetime | None:
    """By our clock; None if there is no such time."""
    try:
        return (moment + skew).astimezone(UTC)
    except OverflowError:
        return None


def written(moment: datetime) -> msgspec.Raw:
    """As JSON: milliseconds, or microseconds if there are any. `moment` is UTC."""
    plain = moment.replace(tzinfo=None)  # half the time that it takes with a zone
    timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return msgspec.Raw(f'"{plain.isoformat(timespec=timespec)}Z"'.encode())
