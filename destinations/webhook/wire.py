"""A webhook's requests, whatever they carry: an array, lines, or one event; packed and signed.

Everything constant is made ready once; a request costs what must change in it: its body and its `webhook-id`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable

import msgspec
from doorstep.engine.sdk import Limits, Request, Signer, reach, webhook_id

from .settings import WebhookSettings, without_user

_GZIP_LEVEL = 1  # 394 kB of events: 1.7 ms, to 57 kB; level 6 takes 3.2 ms, to 42 kB, and the event loop waits for it.

LIMITS = Limits(are_fixed=False)


def tuned(settings: WebhookSettings) -> Limits:
    """One event a request goes out at once."""
    if settings.format == "single":
        return msgspec.structs.replace(LIMITS, max_events=1, max_wait_s=0.0, are_fixed=True)
    return LIMITS


def _json_array(events: list[bytes]) -> bytes:
    events[0] = b"[" + events[0]  # with the brackets in it, the body is copied once instead of three times
    events[-1] += b"]"
    return b",".join(events)


def _ndjson(events: list[bytes]) -> bytes:
    return b"\n".join([*events, b""])


def _single(events: list[bytes]) -> bytes:
    return events[0]


_FORMATS: dict[str, tuple[str, Callable[[list[bytes]], bytes]]] = {
    "json_array": ("application/json", _json_array),
    "ndjson": ("application/x-ndjson", _ndjson),
    "single": ("application/json", _single),
}


class Wire:
    """How requests look under given settings."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        content_type, self.body = _FORMATS[settings.format]
        """Of events as JSON; the list may be changed by it."""
        self._url, authorization = without_user(settings.url)
        self._headers = {"Content-Type": content_type, "User-Agent": "Doorstep"}
        if settings.gzip:
            self._headers["Content-Encoding"] = "gzip"
        if authorization:
            self._headers["Authorization"] = authorization
        for name, value in settings.headers.items():
            self._put(name, value.reveal())
        self._signer = Signer(settings.signing_secret.reveal()) if settings.signing_secret else None

    def request(self, events: list[bytes], key: str) -> Request:
        """The request that carries `events`, named by `key`."""
        body = self.body(events)
        if self._settings.gzip:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return Request(self._settings.method, self._url, {**self._headers, "webhook-id": webhook_id(key)}, body)

    def check(self) -> Request:
        """Whether anybody is there, and knows who asks. Without what says of a body that there is none of."""
        of_body = ("content-type", "content-encoding")
        return reach(self._url, {name: value for name, value in self._headers.items() if name.lower() not in of_body})

    def sign(self, request: Request, at: float, unpacked: Callable[[], bytes]) -> Request:
        """Signs the bytes as sent and, when they are compressed, also as they were: a receiver sees one or the other, depending on
        whether its framework unpacks bodies, and accepts any signature that fits."""
        if self._signer is None:
            return request
        bodies = (request.body, unpacked()) if self._settings.gzip else (request.body,)
        signed = self._signer.headers(request.headers["webhook-id"], at, *bodies)
        return msgspec.structs.replace(request, headers={**request.headers, **signed})

    def _put(self, name: str, value: str) -> None:
        """Sets a header in place of one of ours that has the same name in whatever case."""
        for ours in [ours for ours in self._headers if ours.lower() == name.lower()]:
            del self._headers[ours]
        self._headers[name] = value
