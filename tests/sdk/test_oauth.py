"""Authorities as values: what they ask, what they read, what they never tell."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from doorstep.engine.errors import Fault
from doorstep.engine.sdk import ClientCredentials, Failure, RefreshToken, Request, Response, Secret, Token
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

CREDENTIALS = ClientCredentials(
    token_url="https://id.example/token", client_id="s6BhdRkqt3", client_secret=Secret("7F:x")
)
REFRESH = RefreshToken(
    token_url="https://id.example/token",
    client_id="s6BhdRkqt3",
    client_secret=Secret("7F:x"),
    refresh_token=Secret("tGzv3JOkF0XG5Qx2TlKWIA"),
)
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
BASIC = {**FORM, "Authorization": "Basic czZCaGRSa3F0Mzo3RiUzQXg="}  # s6BhdRkqt3:7F%3Ax


def answer(status: int = 200, **fields: Any) -> Response:
    return Response(status, {}, msgspec.json.encode(fields))


def test_client_credentials_are_sent_as_the_standard_prefers() -> None:
    assert CREDENTIALS.token_request(None) == Request(
        "POST", "https://id.example/token", BASIC, b"grant_type=client_credentials"
    )


def test_client_credentials_go_into_the_form_where_the_vendor_wants_them_there() -> None:
    authority = msgspec.structs.replace(
        CREDENTIALS, secret_in_body=True, scope="a b", parameters={"audience": "https://api.example/"}
    )
    assert authority.token_request(None) == Request(
        "POST",
        "https://id.example/token",
        FORM,
        b"grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fapi.example%2F&client_id=s6BhdRkqt3"
        b"&client_secret=7F%3Ax",
    )


def test_a_refresh_token_is_exchanged_and_the_latest_is_used() -> None:
    body = b"grant_type=refresh_token&refresh_token="
    request = Request("POST", "https://id.example/token", BASIC, body + b"tGzv3JOkF0XG5Qx2TlKWIA")
    assert REFRESH.token_request(None) == request
    assert REFRESH.token_request(Token(Secret("a"))) == request
    assert REFRESH.token_request(Token(Secret("a"), refresh=Secret("next"))).body == body + b"next"


def test_a_public_client_is_known_by_its_id() -> None:
    request = msgspec.structs.replace(REFRESH, client_secret=None).token_request(None)
    assert (request.headers, request.body) == (
        FORM,
        b"grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3",
    )


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        # RFC 6749, section 5.1
        (
            {
                "access_token": "2YotnFZFEjr1zCsicMWpAA",
                "token_type": "example",
                "expires_in": 3600,
                "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
            },
            Token(Secret("2YotnFZFEjr1zCsicMWpAA"), 3600.0, Secret("tGzv3JOkF0XG5Qx2TlKWIA")),
        ),
        ({"access_token": "a", "expires_in": "3599"}, Token(Secret("a"), 3599.0)),
        ({"access_token": "a"}, Token(Secret("a"))),
        ({"access_token": "a", "expires_in": 0}, Token(Secret("a"))),
        ({"access_token": "a", "expires_in": "soon", "refresh_token": 7}, Token(Secret("a"))),
        ({"access_token": "a", "expires_in": None, "refresh_token": ""}, Token(Secret("a"))),
    ],
)
def test_a_token_is_read(fields: dict[str, Any], token: Token) -> None:
    assert CREDENTIALS.token_from(answer(**fields)) == token


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (answer(400, error="invalid_grant"), (Fault.CONFIGURATION, "token_refused", "invalid_grant")),
        (answer(401, error="invalid_client"), (Fault.CONFIGURATION, "token_refused", "invalid_client")),
        (answer(200, error="bad_verification_code"), (Fault.CONFIGURATION, "token_refused", "bad_verification_code")),
        (answer(400, error="secret: 7F"), (Fault.CONFIGURATION, "token_refused", "")),
        (answer(400, access_token="a"), (Fault.CONFIGURATION, "token_refused", "")),
        (Response(404), (Fault.CONFIGURATION, "token_refused", "")),
        (Response(302), (Fault.CONFIGURATION, "token_refused", "")),
        (Response(200, {}, b"<html>"), (Fault.CONFIGURATION, "token_unreadable", "")),
        (Response(200, {}, b"[1]"), (Fault.CONFIGURATION, "token_unreadable", "")),
        (answer(200, access_token=""), (Fault.CONFIGURATION, "token_unreadable", "")),
        (answer(200, access_token="a\r\nEvil: 1"), (Fault.CONFIGURATION, "token_unreadable", "")),
        (answer(400, error="temporarily_unavailable"), (Fault.TRANSIENT, "token_http_400", "temporarily_unavailable")),
        (Response(503), (Fault.TRANSIENT, "token_http_503", "")),
        (Response(429), (Fault.TRANSIENT, "token_http_429", "")),
    ],
)
def test_what_is_no_token_is_a_failure_with_who_must_act(response: Response, failure: tuple[Fault, str, str]) -> None:
    found = CREDENTIALS.token_from(response)
    assert isinstance(found, Failure)
    assert (found.fault, found.reason, found.detail) == failure
    assert found.status == response.status


def test_an_authority_that_is_busy_says_when_to_come_back() -> None:
    found = CREDENTIALS.token_from(Response(429, {"retry-after": "7"}))
    assert isinstance(found, Failure)
    assert found.after == 7.0


@given(
    st.integers(100, 599),
    st.binary(max_size=60) | text(max_size=30).map(lambda text: msgspec.json.encode({"access_token": text})),
)
def test_no_answer_makes_it_raise(status: int, body: bytes) -> None:
    found = CREDENTIALS.token_from(Response(status, {}, body))
    assert isinstance(found, Token | Failure)


def test_a_token_takes_the_place_of_any_other_authorization() -> None:
    request = Request("POST", "https://api.example/", {"authorization": "Basic x", "A": "b"}, b"{}", guarded=True)
    assert CREDENTIALS.authorize(request, Token(Secret("t"))) == Request(
        "POST", "https://api.example/", {"A": "b", "Authorization": "Bearer t"}, b"{}", guarded=True
    )


def test_only_a_401_refuses_a_token() -> None:
    assert [status for status in range(100, 600) if CREDENTIALS.is_refused(Response(status))] == [401]


def test_no_repr_shows_a_secret() -> None:
    shown = repr(CREDENTIALS) + repr(REFRESH) + repr(Token(Secret("top"), 60.0, Secret("next")))
    assert not any(secret in shown for secret in ("7F:x", "tGzv3JOkF0XG5Qx2TlKWIA", "top", "next"))
