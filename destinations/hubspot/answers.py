"""What HubSpot's answers mean: of a whole request, and of a batch item by item. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Delivered,
    Failure,
    Fault,
    Item,
    Outcome,
    Rejected,
    Response,
    Retry,
    Verdict,
    retry_after,
    verdict_by_status,
)

_LIMITS_S = {"DAILY": 3600.0, "TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
"""How long to wait after a 429 without a Retry-After. (A day ends at midnight of the account's own zone, which nobody tells.)"""
_EVENTS_FAULT = {"VALIDATION_ERROR", "OBJECT_NOT_FOUND", "INVALID_EVENT_NAME"}
"""Words in a 404 that say that it is about what was sent, such as an event that is not defined, and not about the URL."""
_PASSING = {"RATE_LIMITS", "RATE_LIMIT", "CONFLICT", "INTERNAL_ERROR", "TIMEOUT"}
"""Words about an item that will go well another time: two requests that create one contact at once are a conflict."""


class _Refusal(msgspec.Struct):
    """Of a whole request."""

    category: str = ""
    policyName: str = ""


class _Error(msgspec.Struct):
    """Of items of a batch."""

    category: str = ""
    message: str = ""
    context: dict[str, list[str]] = {}


class _Result(msgspec.Struct):
    id: str
    objectWriteTraceId: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    errors: list[_Error] = []


class Done(msgspec.Struct, frozen=True):
    """What became of a batch."""

    outcomes: list[Outcome]
    ids: dict[str, str]
    """HubSpot's id of each record, by trace id."""
    taken: int
    """How many results there are: records whose identifier HubSpot took, and knows now."""


def judged(response: Response, count: int = 1) -> Delivered | Failure | list[Outcome]:
    """What an answer says of a request with `count` events as a whole."""
    verdict = verdict_by_status(response)
    if isinstance(verdict, Delivered):
        return verdict
    error = _refusal(response)
    if response.status == 409:
        # In halves until one is alone, and then again: somebody else was creating the same record.
        return [Retry("conflict")] if count == 1 else Failure(Fault.EVENT, "conflict", status=409)
    if response.status == 429:
        after = verdict.after if verdict.after is not None else _LIMITS_S.get(error.policyName)
        reason = "daily_limit" if error.policyName == "DAILY" else "http_429"
        return Failure(Fault.TRANSIENT, reason, status=429, after=after, detail=verdict.detail)
    if response.status == 477:  # the account is moving to another region
        after = retry_after(response.headers)
        return Failure(Fault.TRANSIENT, "migration", status=477, after=after, detail=verdict.detail)
    if response.status == 404 and error.category in _EVENTS_FAULT:
        return Failure(Fault.EVENT, error.category.lower(), status=404, detail=verdict.detail)
    return verdict


def batch_done(response: Response, items: Sequence[Item]) -> Done | Verdict:
    """What an answer says of each item of a batch, by the trace ids; a verdict if it is about the request as a whole."""
    verdict = judged(response, len(items))
    if verdict is not DELIVERED:
        return verdict
    try:
        answer = msgspec.json.decode(response.body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failure(Fault.TRANSIENT, "unreadable_answer", status=response.status)
    ids = {result.objectWriteTraceId: result.id for result in answer.results}
    refused = {trace: error for error in answer.errors for trace in error.context.get("objectWriteTraceId", ())}
    if not answer.errors and len(answer.results) == len(items):
        return Done([DELIVERED] * len(items), ids, len(items))
    outcomes: list[Outcome] = []
    for item in items:
        trace = item.envelope.key
        if trace in refused:
            outcomes.append(_outcome(refused[trace]))
        elif trace in ids:
            outcomes.append(DELIVERED)
        else:  # neither done nor refused: in halves until it is alone. What was done may be done again.
            return Failure(Fault.EVENT, "nothing_done", status=response.status, detail=_words(answer.errors))
    return Done(outcomes, ids, min(len(answer.results), len(items)))


def _outcome(error: _Error) -> Outcome:
    if error.category in _PASSING:
        return Retry(error.category.lower())
    return Rejected("refused", f"{error.category}: {error.message}")


def _words(errors: Sequence[_Error]) -> str:
    return "; ".join(error.message for error in errors)[:512]


def _refusal(response: Response) -> _Refusal:
    try:
        return msgspec.json.decode(response.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Refusal()
