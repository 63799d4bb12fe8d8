"""Secrets made unreadable wherever they may have got to: as they are, percent-encoded, or in a header that is one."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, quote_plus, urlsplit

from ..model.exchange import Request, Response
from .report import RequestReport, ResponseReport

MASK = "***"
_WHOLE = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"))
"""Headers whose value is a secret, whatever it is made of; the scheme before a space is shown."""
_SHORT = 4
_BODY_CHARS = 64 * 1024
_EXCERPT_CHARS = 2000


class Masking:
    """For the secrets of one destination."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: list[str] = []
        self._learn(secrets)

    def _learn(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        known = {*self._secrets, *(form for form in forms if len(form) >= _SHORT)}
        self._secrets = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def request(self, request: Request) -> RequestReport:
        """As it can be shown. What its headers hide is known from now on: a receiver may repeat it."""
        hidden = [value for name, value in request.headers.items() if name.lower() in _WHOLE]
        self._learn(part for value in hidden for part in (value, value.rpartition(" ")[2]))
        body = request.body[:_BODY_CHARS].decode(errors="replace")
        return RequestReport(
            method=request.method,
            url=self._url(request.url),
            headers={name: self._header(name, value) for name, value in request.headers.items()},
            body=self.text(body),
        )

    def response(self, response: Response) -> ResponseReport:
        """Its beginning, as it can be shown."""
        body = response.body[:_EXCERPT_CHARS].decode(errors="replace")
        headers = {name: self._header(name, value) for name, value in response.headers.items()}
        return ResponseReport(status=response.status, headers=headers, body=self.text(body))

    def _url(self, url: str) -> str:
        """Where the whole URL is the secret, its host is none."""
        parts = urlsplit(url)
        masked = self.text(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{MASK}" if masked == MASK else masked

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in _WHOLE:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space else MASK
