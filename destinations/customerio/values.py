"""Values as Customer.io wants them: identifiers by their look, dates as seconds, event ids as ULIDs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_MOST_MS = 2**48 - 1


def person(id_: str | None, email: str | None = None, anonymous_id: str | None = None) -> dict[str, str]:
    """The one identifier that Customer.io takes of a person: the first that there is; {} if there is none.

    An id that looks like an email address is one, and one that begins with `cio_` is Customer.io's own.
    """
    if id_:
        if id_.startswith("cio_") and len(id_) > 4:
            return {"cio_id": id_[4:]}
        return {"email": id_} if _EMAIL.fullmatch(id_) else {"id": id_}
    if email:
        return {"email": email}
    return {"anonymous_id": anonymous_id} if anonymous_id else {}


def with_seconds(value: Any) -> Any:
    """The value with the ISO dates in it, at any depth, as Unix seconds; a date without a zone is in UTC."""
    if isinstance(value, str):
        return _seconds(value) if _DATE.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {key: with_seconds(item) for key, item in value.items()}
    return [with_seconds(item) for item in value] if isinstance(value, list) else value


def _seconds(text: str) -> int | str:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:  # the 31st of February
        return text
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() // 1)


def ulid(message_id: str, at_s: int) -> str:
    """The ULID of an event, always the same: its time and 80 bits of its `messageId`'s SHA-256; a ULID stays as it is."""
    if _ULID.fullmatch(message_id.upper()):
        return message_id.upper()
    time = min(max(at_s, 0) * 1000, _MOST_MS)
    number = time << 80 | int.from_bytes(sha256(message_id.encode(errors="replace")).digest()[:10])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
