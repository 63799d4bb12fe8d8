"""Requests and responses as they can be shown: what is a secret in the settings is none in what is seen of them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ..model.exchange import Request, Response
from ..telemetry.masking import MASK, Mask
from .report import RequestReport, ResponseReport

_CREDENTIALS = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"))
"""Headers whose value is a secret, whatever it is made of; the scheme before a space is shown."""
_BODY_CHARS = 64 * 1024
_EXCERPT_CHARS = 2000


class Masking:
    """For the secrets of one destination. Shows more than an attempt's `Mask`: who tests wants to see the request as it is."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._mask = Mask(secrets)

    def learn(self, request: Request, authorized: Request) -> None:
        """What `authorized` has that `request` had not: a token that is in no settings."""
        self._mask.learn(value for name, value in authorized.headers.items() if request.headers.get(name) != value)

    def text(self, text: str) -> str:
        """Without the secrets."""
        return self._mask.text(text)

    def request(self, request: Request) -> RequestReport:
        """As it can be shown. What its headers hide is known from now on: a receiver may repeat it."""
        self._mask.learn(value for name, value in request.headers.items() if name.lower() in _CREDENTIALS)
        return RequestReport(
            method=request.method,
            url=self._url(request.url),
            headers={name: self._header(name, value) for name, value in request.headers.items()},
            body=self.text(request.body[:_BODY_CHARS].decode(errors="replace")),
        )

    def response(self, response: Response) -> ResponseReport:
        """Its beginning, as it can be shown."""
        return ResponseReport(
            status=response.status,
            headers={name: self._header(name, value) for name, value in response.headers.items()},
            body=self.text(response.body[:_EXCERPT_CHARS].decode(errors="replace")),
        )

    def _url(self, url: str) -> str:
        """Where the whole URL is the secret, its host is none. What a query holds may be one that nobody said is one."""
        masked = self._mask.url(url)
        if masked != MASK:
            return masked
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{MASK}"

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in _CREDENTIALS:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space else MASK
