"""What an HTTP status says, for everyone who has nothing better: one table (DESIGN.md, section 4, outcome classes)."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime

from ..errors import Fault
from ..model.exchange import Response
from ..model.outcome import DELIVERED, Delivered, Failure, Judgement, Reported, Verdict

_TRANSIENT = {408, 423, 425, 429}
_CONFIGURATION = {401, 402, 403, 404, 405, 410, 426, 501, 505}
_EXCERPT_BYTES = 512


def fault_of_status(status: int) -> Fault | None:
    """Who must act for the next attempt to succeed; None for 2xx."""
    if 200 <= status < 300:
        return None
    if status in _CONFIGURATION or status < 400:
        return Fault.CONFIGURATION
    return Fault.TRANSIENT if status in _TRANSIENT or status >= 500 else Fault.EVENT


def verdict_by_status(response: Response) -> Delivered | Failure:
    """`Delivered()` for 2xx, else a `Failure` with the code `http_<status>`, `Retry-After` and an excerpt of the body."""
    fault = fault_of_status(response.status)
    if fault is None:
        return DELIVERED
    return Failure(
        fault,
        f"http_{response.status}",
        status=response.status,
        after=retry_after(response.headers),
        detail=response.body[:_EXCERPT_BYTES].decode(errors="replace"),
    )


def reported(verdict: Verdict, sent: int, taken: object) -> Judgement:
    """The verdict together with what the answer says was `taken` of what was `sent`; alone if it says nothing that can be so."""
    if type(taken) is int and 0 <= taken <= sent:
        return Reported(verdict, sent, taken)
    return verdict


def judged(judgement: Judgement) -> tuple[Verdict, tuple[int, int] | None]:
    """The two apart: the verdict, and what was sent and what was taken, if that is said."""
    if isinstance(judgement, Reported):
        return judgement.verdict, (judgement.sent, judgement.taken)
    return judgement, None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds from a `Retry-After` header, which holds seconds or a date; None if absent or unreadable.

    A date is taken relative to the response's own `Date` where it has one, so that a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    until = _http_date(text)
    since = _http_date(headers.get("date", "")) or now or datetime.now(UTC)
    return None if until is None else max(0.0, (until - since).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
