"""Goldens: files that say, literally, which events make which requests, and what each answer comes to.

    {"description": "one event", "events": [{"type": "track", ...}],
     "requests": [{"method": "POST", "url": "https://...", "headers": {...}, "json": [...]}],
     "responses": [{"status": 200, "verdict": "delivered"}]}

`events` holds objects, or strings where the very bytes matter; `body` is the text of a request's body (after `Content-Encoding` was
undone), `json` its value. A sink's golden has `verdict` and `effects` instead. `settings` take the place of those of the test class.

A golden of a destination with actions may have `actions` (as a configuration would), `answers` (what the receiver says to the requests, in
order; the last one stands for the rest; default: 200 and `{}`) and `outcomes` (of each event at each action, in order). Each of
`responses` is a receiver that says this to every request, and `verdict` what it comes to: of one request a verdict, of several a
list of them. `reported` is what it says of how much was sent and taken: `[2, 1]`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec

from ..model.exchange import Request, Response
from ..model.outcome import Delivered, Failure, Filtered, Outcome, Raised, Rejected, Retry, Untried, Verdict
from .testing import NEW_YEAR_2025


class GoldenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request, all of it: one of `body` and `json`, every header."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None = None
    json: Any = msgspec.UNSET


class GoldenAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the receiver says to one request."""

    status: int
    headers: dict[str, str] = {}
    body: str = ""
    json: Any = msgspec.UNSET
    """In place of `body`."""

    def response(self) -> Response:
        body = self.body.encode() if self.json is msgspec.UNSET else msgspec.json.encode(self.json)
        return Response(self.status, self.headers, body)


class GoldenResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer to the batch of all events, and its verdict as `verdict_as_json` writes it."""

    status: int
    verdict: Any
    headers: dict[str, str] = {}
    body: str = ""
    json: Any = msgspec.UNSET
    """In place of `body`."""
    reported: Any = None
    """What was sent and what was taken by the receiver's own count, `[2, 1]`; null if it does not say. One for each verdict."""

    def response(self) -> Response:
        return GoldenAnswer(self.status, self.headers, self.body, self.json).response()


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file."""

    description: str
    events: list[dict[str, Any] | str]
    settings: dict[str, Any] | None = None
    """In place of those of the test class."""
    at: float = NEW_YEAR_2025
    """When the requests go out: UTC, seconds."""
    actions: dict[str, Any] = {}
    answers: list[GoldenAnswer] = []
    outcomes: list[Any] | None = None
    requests: list[GoldenRequest] = []
    responses: list[GoldenResponse] = []
    raises: str = ""
    """The name of the error instead of requests: `EventNotSupported`."""
    verdict: Any = None
    effects: Any = None


def goldens(folder: Path) -> dict[str, Golden]:
    """The goldens of a destination's folder, by file name. Raises `msgspec.ValidationError`, naming the file."""
    return {path.name: _read(path) for path in sorted((folder / "golden").glob("*.json"))}


def request_as_golden(request: Request, like: GoldenRequest) -> GoldenRequest:
    """A request written the way that `like` is, so that the two compare."""
    body = request.body
    if any(name.lower() == "content-encoding" and value == "gzip" for name, value in request.headers.items()):
        body = gzip.decompress(body)
    head = (request.method, request.url, dict(request.headers))
    if like.json is msgspec.UNSET:
        return GoldenRequest(*head, body=body.decode())
    return GoldenRequest(*head, json=msgspec.json.decode(body))


def verdict_as_json(verdict: Verdict) -> Any:
    """`"delivered"`; `{"fault": "transient", "reason": "http_503", "after": 3}`; a list of `{"rejected": "why"}` and the like."""
    if isinstance(verdict, list):
        return [outcome_as_json(outcome) for outcome in verdict]
    return outcome_as_json(verdict)


def outcome_as_json(outcome: Outcome | Failure) -> Any:
    """The same for one event."""
    match outcome:
        case Failure(fault, reason, _, after):
            return {"fault": fault.value, "reason": reason, **_after(after)}
        case Delivered():
            return "delivered"
        case Retry(reason, after):
            return {"retry": reason, **_after(after)}
        case Rejected(reason):
            return {"rejected": reason}
        case Filtered(reason):
            return {"filtered": reason}
        case Raised(reason):
            return {"raised": reason}
        case Untried():
            return "untried"


def _after(seconds: float | None) -> dict[str, float]:
    return {} if seconds is None else {"after": seconds}


def _read(path: Path) -> Golden:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Golden)
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError(f"{path.name}: {error}") from error
