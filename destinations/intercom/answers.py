"""What Intercom's answers mean. Pure: the time of an answer is the answer's own."""

from __future__ import annotations

import email.utils

import msgspec
from doorstep.engine.sdk import (
    Delivered,
    Envelope,
    Failure,
    Fault,
    Rejected,
    Response,
    Retry,
    Verdict,
    verdict_by_status,
)

_WAIT_S = 30.0
"""Between two looks for a contact. Whoever is told of somebody first, a search finds them within a minute."""


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


class _Contact(msgspec.Struct):
    id: str
    role: str = ""


class _Found(msgspec.Struct):
    data: list[_Contact]


class _Company(msgspec.Struct):
    id: str


def outcome(response: Response) -> Verdict:
    """What an answer says of the one event that was asked about; DELIVERED for whatever went well."""
    verdict = verdict_by_status(response)
    if isinstance(verdict, Delivered):
        return verdict
    error = _error(response)
    if response.status == 409:
        # The contact is there, but the search, which lags behind, has not found it yet.
        return [Retry("conflict", _WAIT_S)]
    if response.status == 429 and verdict.after is None:
        return Failure(Fault.TRANSIENT, "http_429", status=429, after=_until_reset(response))
    if response.status in (400, 422) and error.code:
        return [Rejected("refused", f"{error.code}: {error.message}")]
    return verdict


def is_unknown(response: Response) -> bool:
    """Whether it says that there is no such contact, where another 404 says that there is no such URL."""
    return response.status == 404 and _error(response).code in ("not_found", "user_not_found")


def waiting(envelope: Envelope, response: Response, wait_s: float) -> bool:
    """Whether an event is young enough at the time of the answer to wait for its contact; an answer without a time is young."""
    received = envelope.receipt.received
    date = response.headers.get("date")
    try:
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else received
    except (ValueError, OverflowError):
        now = received
    return now - received < wait_s


def unknown(envelope: Envelope, response: Response, wait_s: float) -> Verdict:
    """What becomes of an event whose contact Intercom does not know: contacts and events travel side by side."""
    if waiting(envelope, response, wait_s):
        return [Retry("unknown_contact", _WAIT_S)]
    return [Rejected("unknown_contact", "Intercom has no such contact: identify it first")]


def contact_in(response: Response) -> str | Failure | None:
    """The id of the contact that a search found, a user rather than a lead; None if there is none."""
    try:
        found = msgspec.json.decode(response.body, type=_Found).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unreadable(response)
    for contact in sorted(found, key=lambda contact: contact.role != "user"):
        return contact.id
    return None


def company_in(response: Response) -> str | Failure:
    """The id that Intercom gave a company."""
    try:
        return msgspec.json.decode(response.body, type=_Company).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unreadable(response)


def _unreadable(response: Response) -> Failure:
    return Failure(Fault.TRANSIENT, "unreadable_answer", status=response.status)


def _error(response: Response) -> _Error:
    try:
        errors = msgspec.json.decode(response.body, type=_Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Error()
    return errors[0] if errors else _Error()


def _until_reset(response: Response) -> float | None:
    """Seconds until the window of `X-RateLimit-Reset` ends, by the answer's own clock."""
    reset, date = response.headers.get("x-ratelimit-reset", ""), response.headers.get("date", "")
    try:
        seconds = float(int(reset)) - email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), 60.0)
