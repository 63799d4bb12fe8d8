"""Events as JSON to any URL, byte for byte as they came in: an array, lines, or one event a request.

Everything constant is made ready once; a request costs what must change in it: its body and its `webhook-id`.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from doorstep.engine.sdk import (
    Batch,
    Limits,
    Request,
    RequestDestination,
    Secret,
    Settings,
    Signer,
    header_problem,
    url_problem,
    webhook_id,
)
from msgspec import Meta

_OWN_HEADERS = {
    "content-encoding": "the setting `gzip`",
    "webhook-id": "each request",
    "webhook-timestamp": "the setting `signing_secret`",
    "webhook-signature": "the setting `signing_secret`",
}
_GZIP_LEVEL = 1  # 394 kB of events: 1.7 ms, to 57 kB; level 6 takes 3.2 ms, to 42 kB, and the event loop waits for it.


def _json_array(batch: Batch) -> bytes:
    lines = batch.lines  # a list of our own; with the brackets in it, the body is copied once instead of three times
    lines[0] = b"[" + lines[0]
    lines[-1] += b"]"
    return b",".join(lines)


def _ndjson(batch: Batch) -> bytes:
    return b"\n".join([*batch.lines, b""])


def _single(batch: Batch) -> bytes:
    return batch.envelopes[0].line


_FORMATS: dict[str, tuple[str, Callable[[Batch], bytes]]] = {
    "json_array": ("application/json", _json_array),
    "ndjson": ("application/x-ndjson", _ndjson),
    "single": ("application/json", _single),
}


class WebhookSettings(Settings, frozen=True):
    """Where to, in which form, with which credentials."""

    url: Annotated[
        str,
        Meta(
            description="Where events are sent. A name and password in it are sent as basic authentication.",
            examples=["https://example.com/in"],
        ),
    ]
    method: Annotated[Literal["POST", "PUT", "PATCH"], Meta(description="The HTTP method.")] = "POST"
    headers: Annotated[
        dict[str, Secret],
        Meta(description="Headers of every request.", examples=[{"Authorization": "Bearer ${env:HOOK_TOKEN}"}]),
    ] = msgspec.field(default_factory=dict)
    format: Annotated[
        Literal["json_array", "ndjson", "single"],
        Meta(description="A JSON array of events, a line for each event, or one event a request."),
    ] = "json_array"
    gzip: Annotated[bool, Meta(description="Compress bodies (`Content-Encoding: gzip`).")] = False
    signing_secret: Annotated[
        Secret | None,
        Meta(
            description="Signs every request as Standard Webhooks does. Several, separated by spaces, while one is replaced.",
            examples=["${env:HOOK_SIGNING_SECRET}"],
        ),
    ] = None

    def __post_init__(self) -> None:
        if problems := _problems(self):
            raise ValueError("; ".join(problems))

    def __repr__(self) -> str:
        shown = msgspec.structs.replace(self, url=_without_user(self.url)[0])
        return f"WebhookSettings({', '.join(f'{name}={getattr(shown, name)!r}' for name in self.__struct_fields__)})"


class Webhook(RequestDestination[WebhookSettings]):
    """Delivers to any URL: 2xx is delivered, everything else follows the table of status codes."""

    label = "Webhook"
    description = "Sends events as JSON to any URL: batched or one by one, signed and compressed if you like."
    Settings = WebhookSettings
    limits = Limits(are_fixed=False)

    def __init__(self, settings: WebhookSettings) -> None:
        super().__init__(settings)
        content_type, self._body = _FORMATS[settings.format]
        self._url, authorization = _without_user(settings.url)
        self._headers = {"Content-Type": content_type, "User-Agent": "Doorstep"}
        if settings.gzip:
            self._headers["Content-Encoding"] = "gzip"
        if authorization:
            self._headers["Authorization"] = authorization
        for name, value in settings.headers.items():
            self._put(name, value.reveal())
        self._signer = Signer(settings.signing_secret.reveal()) if settings.signing_secret else None

    @classmethod
    def tuned(cls, settings: WebhookSettings) -> Limits:
        if settings.format == "single":
            return msgspec.structs.replace(cls.limits, max_events=1, max_wait_s=0.0, are_fixed=True)
        return cls.limits

    def request(self, batch: Batch) -> Request:
        body = self._body(batch)
        if self.settings.gzip:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return Request(self.settings.method, self._url, {**self._headers, "webhook-id": webhook_id(batch.key)}, body)

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        """Signs the bytes as sent and, when they are compressed, also as they were: a receiver sees one or the other, depending on
        whether its framework unpacks bodies, and accepts any signature that fits."""
        if self._signer is None:
            return request
        bodies = (request.body, self._body(batch)) if self.settings.gzip else (request.body,)
        signed = self._signer.headers(request.headers["webhook-id"], at, *bodies)
        return msgspec.structs.replace(request, headers={**request.headers, **signed})

    def _put(self, name: str, value: str) -> None:
        """Sets a header in place of one of ours that has the same name in whatever case."""
        for ours in [ours for ours in self._headers if ours.lower() == name.lower()]:
            del self._headers[ours]
        self._headers[name] = value


def _problems(settings: WebhookSettings) -> list[str]:
    """All that is wrong with settings whose types are right."""
    names = [name.lower() for name in settings.headers]
    problems = [_header_problem(name, value.reveal()) for name, value in settings.headers.items()]
    problems += [f"`headers`: {name} is there more than once" for name in sorted(set(names)) if names.count(name) > 1]
    if problem := url_problem(settings.url):
        problems.append(f"`url`: {problem}")
    elif _without_user(settings.url)[1] and "authorization" in names:
        problems.append("`url` has a user name, and `headers` has Authorization; keep one of them")
    if settings.signing_secret is not None:
        problems.append(_secret_problem(settings.signing_secret.reveal()))
    return [problem for problem in problems if problem]


def _header_problem(name: str, value: str) -> str | None:
    if owner := _OWN_HEADERS.get(name.lower()):
        return f"`headers`: {name} is set by {owner}; leave it out"
    problem = header_problem(name, value)
    return f"`headers`: {problem}" if problem else None


def _secret_problem(secrets: str) -> str | None:
    try:
        Signer(secrets)
    except ValueError as error:
        return f"`signing_secret`: {error}"
    return None


def _without_user(url: str) -> tuple[str, str | None]:
    """The URL without `user:password@`, and the basic authentication that this stands for."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    credentials = f"{unquote(name)}:{unquote(password)}".encode()
    return urlunsplit(parts._replace(netloc=host)), "Basic " + base64.b64encode(credentials).decode()
