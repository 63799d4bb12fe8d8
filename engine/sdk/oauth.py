"""Tokens that expire (OAuth 2.0, RFC 6749): what to ask for, how to read the answer, how to put a token on a request. Pure.

    Authority:  token_request(last) -> [engine sends] -> token_from(response) -> Token -> authorize(request, token)

A destination sets `self.authority`; the engine does the rest: it gets a token before the first request and before one expires, once
for all requests in flight, puts it on at each attempt, and when the receiver refuses it gets another one and sends again, once. An
authority is a value: under new settings with an equal one, the token goes on being used. Tokens are never logged or stored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from ..errors import Fault
from ..model.exchange import Request, Response
from ..model.outcome import Failure
from ..secret import Secret
from .auth import basic_auth, bearer_auth
from .verdict import fault_of_status, retry_after

_SENDABLE = re.compile(r"[\x21-\x7e]+")
_ERROR_CODE = re.compile(r"[a-z0-9_]{1,64}")
_TRANSIENT_ERRORS = {"temporarily_unavailable", "server_error", "slow_down"}


class Token(msgspec.Struct, frozen=True):
    """What an authority hands out."""

    value: Secret
    expires_in_s: float | None = None
    """From when it was asked for; None: it is used until it is refused."""
    refresh: Secret | None = None
    """The refresh token that from now on takes the place of the one used, if the authority changes them. It lives as long as the
    process: after a restart the one in the settings is used again."""


class Authority(msgspec.Struct, frozen=True):
    """Where a destination gets its tokens. Override `token_request`, and the others where a vendor differs from the standard."""

    def token_request(self, last: Token | None) -> Request:
        """The request that gets a token; `last` is the one before, expired or refused."""
        raise NotImplementedError

    def token_from(self, response: Response) -> Token | Failure:
        """The token in the answer, or why there is none: `CONFIGURATION` if others would do no better. Must not raise.

        The default reads RFC 6749's JSON (sections 5.1 and 5.2). Nothing of the answer is repeated but its error code.
        """
        answer = _fields(response.body)
        value, error = answer.get("access_token"), answer.get("error")
        fault = fault_of_status(response.status)
        if fault is None and isinstance(value, str) and _SENDABLE.fullmatch(value):
            return Token(Secret(value), _seconds(answer.get("expires_in")), _refresh(answer.get("refresh_token")))
        code = error if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else ""
        if fault is Fault.TRANSIENT or code in _TRANSIENT_ERRORS:
            reason, after = f"token_http_{response.status}", retry_after(response.headers)
            return Failure(Fault.TRANSIENT, reason, status=response.status, after=after, detail=code)
        if fault is None and not code:
            return Failure(Fault.CONFIGURATION, "token_unreadable", status=response.status)
        return Failure(Fault.CONFIGURATION, "token_refused", status=response.status, detail=code)

    def authorize(self, request: Request, token: Token) -> Request:
        """The request with the token on it."""
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = bearer_auth(token.value.reveal())
        return msgspec.structs.replace(request, headers=headers)

    def is_refused(self, response: Response) -> bool:
        """Whether the receiver says that the token is no good any more; override where that is not a 401."""
        return response.status == 401


class ClientCredentials(Authority, frozen=True, kw_only=True):
    """The grant for a program that comes as itself (section 4.4)."""

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str = ""
    parameters: Mapping[str, str] = {}
    """Others that the vendor wants, such as `audience`."""
    secret_in_body: bool = False
    """Where the credentials go: into the form, or into a basic `Authorization`, which the standard prefers."""

    def token_request(self, last: Token | None) -> Request:
        form = {"grant_type": "client_credentials", **_given(scope=self.scope), **self.parameters}
        return _form_request(self.token_url, form, self.client_id, self.client_secret, in_body=self.secret_in_body)


class RefreshToken(Authority, frozen=True, kw_only=True):
    """The grant for a program that a user once let in (section 6)."""

    token_url: str
    client_id: str
    client_secret: Secret | None = None
    """None for a public client, which is known by its id."""
    refresh_token: Secret
    scope: str = ""
    parameters: Mapping[str, str] = {}
    secret_in_body: bool = False

    def token_request(self, last: Token | None) -> Request:
        refresh = last.refresh if last is not None and last.refresh is not None else self.refresh_token
        form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal(), **_given(scope=self.scope)}
        form |= self.parameters
        return _form_request(self.token_url, form, self.client_id, self.client_secret, in_body=self.secret_in_body)


def _form_request(url: str, form: dict[str, str], client_id: str, secret: Secret | None, *, in_body: bool) -> Request:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if secret is not None and not in_body:
        # Encoded first, as section 2.3.1 has it: an id or a secret may hold a colon.
        headers["Authorization"] = basic_auth(quote_plus(client_id), quote_plus(secret.reveal()))
    else:
        form = {**form, "client_id": client_id, **_given(client_secret=secret.reveal() if secret else "")}
    return Request("POST", url, headers, urlencode(form).encode())


def _given(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _fields(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _seconds(value: object) -> float | None:
    """Some vendors write the number as text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < math.inf else None


def _refresh(value: object) -> Secret | None:
    return Secret(value) if isinstance(value, str) and value else None
