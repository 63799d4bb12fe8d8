"""What a user says about a webhook, and what may be wrong with it."""

from __future__ import annotations

import base64
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from doorstep.engine.sdk import Secret, Settings, Signer, header_problem, url_problem
from msgspec import Meta

_OWN_HEADERS = {
    "content-encoding": "the setting `gzip`",
    "webhook-id": "each request",
    "webhook-timestamp": "the setting `signing_secret`",
    "webhook-signature": "the setting `signing_secret`",
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
        shown = msgspec.structs.replace(self, url=without_user(self.url)[0])
        return f"WebhookSettings({', '.join(f'{name}={getattr(shown, name)!r}' for name in self.__struct_fields__)})"


def _problems(settings: WebhookSettings) -> list[str]:
    """All that is wrong with settings whose types are right."""
    names = [name.lower() for name in settings.headers]
    problems = [_header_problem(name, value.reveal()) for name, value in settings.headers.items()]
    problems += [f"`headers`: {name} is there more than once" for name in sorted(set(names)) if names.count(name) > 1]
    if problem := url_problem(settings.url):
        problems.append(f"`url`: {problem}")
    elif without_user(settings.url)[1] and "authorization" in names:
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


def without_user(url: str) -> tuple[str, str | None]:
    """The URL without `user:password@`, and the basic authentication that this stands for."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    credentials = f"{unquote(name)}:{unquote(password)}".encode()
    return urlunsplit(parts._replace(netloc=host)), "Basic " + base64.b64encode(credentials).decode()
