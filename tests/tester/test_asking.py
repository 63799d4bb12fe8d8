"""`doorstep check --online`: what each destination's own check asks, and what is made of the answers."""

from __future__ import annotations

from typing import Any, Self

import msgspec
import pytest
from doorstep.engine.config import load_config
from doorstep.engine.errors import TransportError
from doorstep.engine.model import Request, Response
from doorstep.engine.tester import Answered, ask

pytestmark = pytest.mark.anyio

CONFIG = """
[destinations.hubspot]
type = "hubspot"
settings = { hub_id = "123", access_token = "t0ken-of-hubspot" }
[destinations.intercom]
type = "intercom"
settings = { access_token = "t0ken-of-intercom" }
[destinations.customerio]
type = "customerio"
settings = { site_id = "site", api_key = "key-of-customerio" }
[destinations.meta]
type = "meta_conversions"
settings = { dataset_id = "42", access_token = "t0ken-of-meta" }
[destinations.hook]
type = "webhook"
settings = { url = "https://hook.example/in" }
[destinations.off]
type = "intercom"
enabled = false
settings = { access_token = "t0ken-of-another" }
"""
GOOD = {
    "https://api.hubapi.com/account-info/v3/details": Response(200, {}, b'{"portalId": 123}'),
    "https://api.intercom.io/me": Response(200, {}, b'{"type": "admin"}'),
    "https://track.customer.io/api/v1/accounts/region": Response(200, {}, b'{"region": "us"}'),
    "https://graph.facebook.com/v25.0/42?fields=id": Response(200, {}, b'{"id": "42"}'),
}


class Vendors:
    """Answers by URL, and keeps what was asked."""

    def __init__(self, answers: dict[str, Response | Exception]) -> None:
        self.answers = answers
        self.asked: list[Request] = []

    async def send(self, request: Request, timeout_s: float) -> Response:
        self.asked.append(request)
        answer = self.answers[request.url]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None: ...

    def statistics(self) -> Any:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def asked(vendors: Vendors, text: str = CONFIG) -> dict[str, Answered]:
    async def open_transport(net: object) -> Any:
        return vendors

    return {one.destination: one for one in await ask(load_config(text=text), open_transport=open_transport)}


def words(answers: dict[str, Answered]) -> dict[str, str]:
    return {name: one.word for name, one in answers.items()}


async def test_good_settings_are_ok_and_whoever_has_no_check_is_not_asked() -> None:
    vendors = Vendors(dict(GOOD))
    answers = await asked(vendors)
    assert words(answers) == {
        "hubspot": "ok",
        "intercom": "ok",
        "customerio": "ok",
        "meta": "ok",
        "hook": "unasked",
        "off": "unasked",
    }
    assert answers["hook"].detail == "webhook has no check of its own"
    assert answers["off"].detail == "it is not enabled"
    assert {request.method for request in vendors.asked} == {"GET"}
    assert {request.url: request.headers["Authorization"] for request in vendors.asked} == {
        "https://api.hubapi.com/account-info/v3/details": "Bearer t0ken-of-hubspot",
        "https://api.intercom.io/me": "Bearer t0ken-of-intercom",
        "https://track.customer.io/api/v1/accounts/region": "Basic c2l0ZTprZXktb2YtY3VzdG9tZXJpbw==",
        "https://graph.facebook.com/v25.0/42?fields=id": "Bearer t0ken-of-meta",
    }


async def test_a_wrong_key_is_refused_and_never_shown() -> None:
    told = {"https://api.intercom.io/me": Response(401, {}, b"what is Bearer t0ken-of-intercom?")}
    answers = await asked(Vendors({**dict.fromkeys(GOOD, Response(401)), **told}))
    assert words(answers) == {
        "hubspot": "refused",
        "intercom": "refused",
        "customerio": "refused",
        "meta": "refused",
        "hook": "unasked",
        "off": "unasked",
    }
    assert answers["intercom"].detail.startswith("http_401")
    assert "t0ken" not in repr(answers)


async def test_metas_own_words_about_a_token_are_read() -> None:
    body = b'{"error": {"code": 190, "error_subcode": 463, "message": "expired"}}'
    answers = await asked(Vendors({**GOOD, "https://graph.facebook.com/v25.0/42?fields=id": Response(400, {}, body)}))
    assert answers["meta"] == Answered("meta", "meta_conversions", "refused", "meta_190_463 expired")


async def test_the_key_of_another_account_or_region_is_refused() -> None:
    other = {
        "https://api.hubapi.com/account-info/v3/details": Response(200, {}, b'{"portalId": 999}'),
        "https://track.customer.io/api/v1/accounts/region": Response(200, {}, b'{"region": "eu"}'),
    }
    answers = await asked(Vendors({**GOOD, **other}))
    assert answers["hubspot"].detail == "other_account the token is of account 999, `hub_id` is 123"
    assert answers["customerio"].detail == "other_region the workspace is in eu, `region` is us"


async def test_a_token_that_may_not_read_the_account_is_a_good_one() -> None:
    answers = await asked(Vendors({**GOOD, "https://api.hubapi.com/account-info/v3/details": Response(403)}))
    assert answers["hubspot"].word == "ok"


async def test_whoever_cannot_be_reached_is_unclear() -> None:
    answers = await asked(Vendors({**GOOD, "https://api.intercom.io/me": TransportError("connect_refused")}))
    assert (answers["intercom"].word, answers["hubspot"].word) == ("unclear", "ok")


async def test_a_token_is_got_where_one_is_needed() -> None:
    text = """
        [destinations.hubspot]
        type = "hubspot"
        settings = { hub_id = "123", client_id = "c", client_secret = "s3cret", refresh_token = "r3fresh" }
    """
    token = msgspec.json.encode({"access_token": "got", "expires_in": 1800})
    vendors = Vendors({**GOOD, "https://api.hubapi.com/oauth/v1/token": Response(200, {}, token)})
    assert words(await asked(vendors, text)) == {"hubspot": "ok"}
    assert vendors.asked[-1].headers["Authorization"] == "Bearer got"
    refused = Vendors({"https://api.hubapi.com/oauth/v1/token": Response(400, {}, b'{"error": "invalid_grant"}')})
    assert words(await asked(refused, text)) == {"hubspot": "refused"}
