"""What the Graph API's answers mean, by its error codes: https://developers.facebook.com/docs/graph-api/guides/error-handling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from doorstep.engine.sdk import Failure, Fault, Judgement, Response, Verdict, reported, verdict_by_status

_TRANSIENT = {1, 2, 4, 17, 32, 341, 368, 613, 5000, 21009, *range(80000, 80015)}
"""Meta's own trouble, and its limits."""
_CONFIGURATION = {3, 10, 102, 190, *range(200, 300)}
"""A token that is no good, or may not do this."""
_NO_DATASET = (100, 33)


class _Error(msgspec.Struct):
    message: str = ""
    code: int = 0
    error_subcode: int = 0
    is_transient: bool = False
    error_user_msg: str = ""
    fbtrace_id: Any = None
    """By which Meta's support finds the request."""


class _Answer(msgspec.Struct):
    error: _Error | None = None
    events_received: int | None = None
    fbtrace_id: Any = None


class _Usage(msgspec.Struct):
    estimated_time_to_regain_access: float = 0


def verdict_of(response: Response, sent: int) -> Judgement:
    """On a request of `sent` events, all of which Meta takes or none; and how many it says it received."""
    answer = _answer(response)
    verdict = _verdict(response, sent, answer)
    return verdict if answer is None else reported(verdict, sent, answer.events_received)


def _verdict(response: Response, sent: int, answer: _Answer | None) -> Verdict:
    by_status = verdict_by_status(response)
    if not isinstance(by_status, Failure):
        if answer is None:
            return Failure(Fault.TRANSIENT, "unreadable", status=response.status)
        if answer.events_received is not None and answer.events_received < sent:
            detail = _traced(f"{answer.events_received} of {sent}", answer.fbtrace_id)
            return Failure(Fault.EVENT, "not_received", status=response.status, detail=detail)
        return by_status
    if answer is None and by_status.fault is Fault.EVENT:
        return msgspec.structs.replace(by_status, fault=Fault.TRANSIENT)  # not the Graph API's words
    if answer is None or answer.error is None or answer.error.code == 0:
        return by_status
    return _failure(response, answer.error, by_status)


def _failure(response: Response, error: _Error, by_status: Failure) -> Failure:
    fault = _fault(error, by_status.fault)
    after = by_status.after
    if after is None and fault is Fault.TRANSIENT:
        after = _regained_after(response.headers)
    reason = f"meta_{error.code}" + (f"_{error.error_subcode}" if error.error_subcode else "")
    detail = _traced(error.error_user_msg or error.message, error.fbtrace_id)
    return Failure(fault, reason, status=response.status, after=after, detail=detail)


def _traced(words: str, trace: Any) -> str:
    return f"{words} (fbtrace_id {trace})" if isinstance(trace, str) and trace else words


def _fault(error: _Error, otherwise: Fault) -> Fault:
    if error.is_transient or error.code in _TRANSIENT:
        return Fault.TRANSIENT
    if error.code in _CONFIGURATION or (error.code, error.error_subcode) == _NO_DATASET:
        return Fault.CONFIGURATION
    return otherwise if otherwise is Fault.TRANSIENT else Fault.EVENT


def _answer(response: Response) -> _Answer | None:
    try:
        return msgspec.json.decode(response.body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _Answer()  # JSON that says nothing


def _regained_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until a throttled business may go on, as Meta estimates it, in minutes."""
    text = headers.get("x-business-use-case-usage", "")
    try:
        usage = msgspec.json.decode(text, type=dict[str, list[_Usage]])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    minutes = max((one.estimated_time_to_regain_access for each in usage.values() for one in each), default=0)
    return minutes * 60 if minutes > 0 else None
