"""Every answer there is: one table of refusals, what goes into the head, and what browsers may read of it.

Clients decide by the status whether to try again: 408, 429 and 5xx yes, other 4xx no. So what can be healed by time is never a 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec

Headers = list[tuple[bytes, bytes]]

REFUSALS: dict[str, tuple[int, str]] = {
    "not_json": (400, "the body is not JSON"),
    "not_object": (400, "the body is not a JSON object"),
    "no_batch": (400, 'the body has no list "batch"'),
    "empty_batch": (400, "the batch is empty"),
    "too_many_events": (400, "the batch has too many events"),
    "too_deep": (400, "the body is nested too deeply"),
    "too_large": (400, "the event is too large"),
    "bad_encoding": (400, "the body cannot be decompressed"),
    "unknown_source": (401, "no such write key"),
    "origin_not_allowed": (403, "this write key is not for pages of this origin"),
    "no_resource": (404, "there is nothing at this address"),
    "source_disabled": (404, "this write key is disabled"),
    "no_method": (405, "not with this method"),
    "body_timeout": (408, "the body took too long to come"),
    "body_too_large": (413, "the body is too large"),
    "unknown_encoding": (415, "bodies may be compressed with gzip or deflate"),
    "too_many_requests": (429, "more than this write key may send"),
    "internal": (500, "the engine's log says more"),
    "no_room": (503, "nothing can be stored just now"),
    "busy": (503, "too much is being received at once"),
    "closing": (503, "the engine is shutting down"),
}
RETRY_S = {"no_room": 5, "busy": 1, "closing": 5}

_JSON = (b"content-type", b"application/json")
_EXPOSED = (b"access-control-expose-headers", b"retry-after, x-ratelimit-reset")
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-retry-count, anonymousid"),
    (b"access-control-max-age", b"86400"),
]


class Refused(Exception):
    """A request is not taken. `code` is one of `REFUSALS`."""

    def __init__(self, code: str, message: str = "", *, retry_s: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or REFUSALS[code][1]
        self.retry_s = retry_s or RETRY_S.get(code, 0)


class Answer(msgspec.Struct, frozen=True):
    """Status, body, and what is to be in the head beside what is always there."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()


SUCCESS = Answer(200, b'{"success":true}')


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that was rejected."""

    line: int
    reason: str
    detail: str = ""


class PlainAnswer(msgspec.Struct, frozen=True):
    """What became of the lines of a body."""

    accepted: int
    duplicates: int
    rejected: int
    errors: list[Line]
    """The first of those that were rejected."""


def refusal(refused: Refused) -> Answer:
    """As the SDKs read it."""
    status = REFUSALS[refused.code][0]
    body = msgspec.json.encode({"success": False, "code": refused.code, "message": refused.message})
    if not refused.retry_s:
        return Answer(status, body, [(b"www-authenticate", b"Basic")] if status == 401 else ())
    wait = str(ceil(refused.retry_s)).encode()
    headers = [(b"retry-after", wait)]
    return Answer(status, body, [*headers, (b"x-ratelimit-reset", wait)] if status == 429 else headers)


def preflight() -> Answer:
    """To a browser that asks whether its page may send at all."""
    return Answer(204, b"", _PREFLIGHT)


def head_of(answer: Answer, origin: bytes | None) -> Headers:
    """The header fields. `origin` is that of the page, if the page may read the answer."""
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        headers.append(_JSON)
    if origin is not None:
        headers += [(b"access-control-allow-origin", origin), (b"vary", b"Origin"), _EXPOSED]
    return headers
