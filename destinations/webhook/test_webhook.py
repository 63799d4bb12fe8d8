"""The webhook beyond what every destination has to pass."""

from __future__ import annotations

import base64
import gzip
import re
import time
from typing import Any, ClassVar

import msgspec
import pytest
import standardwebhooks
from doorstep.engine.sdk import Failure, Fault, Rejected, Request, Response
from doorstep.engine.sdk.conformance import ActionConformance, Conformance
from doorstep.engine.sdk.testing import Tester

from .destination import Webhook

URL = {"url": "https://example.com/in"}
SECRET = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret of last year, 32 long").decode()
FIRST = b'{"type": "track", "event": "A",  "userId": "u-1", "messageId": "m-1"}'
SECOND = '{"type":"page","userId":"ü","messageId":"m-2"}'.encode()
SHA256_OF_BOTH_KEYS = "4221f5d04c26d00f87639d3e1784f91e360aa5eacde44689acb7da40d642e319"


class TestWebhook(Conformance):
    destination = Webhook
    settings: ClassVar = {**URL, "headers": {"Authorization": "Bearer t0ken"}, "signing_secret": SECRET}


class TestWebhookSingle(Conformance):
    destination = Webhook
    settings: ClassVar = {**URL, "format": "single"}


class TestWebhookCompressed(Conformance):
    destination = Webhook
    settings: ClassVar = {**URL, "format": "ndjson", "gzip": True, "signing_secret": SECRET}


def headers_of(settings: dict[str, Any], *events: bytes) -> dict[str, str]:
    [request] = Tester(Webhook, {**URL, **settings}).requests(*(events or (FIRST,)))
    return dict(request.headers)


@pytest.mark.parametrize(
    ("format_", "body"),
    [
        ("json_array", b"[" + FIRST + b"," + SECOND + b"]"),
        ("ndjson", FIRST + b"\n" + SECOND + b"\n"),
    ],
)
def test_events_go_out_byte_for_byte(format_: str, body: bytes) -> None:
    [request] = Tester(Webhook, {**URL, "format": format_}).requests(FIRST, SECOND)
    assert request.body == body


def test_a_single_event_goes_out_as_it_is_and_alone() -> None:
    tester = Tester(Webhook, {**URL, "format": "single"})
    [request] = tester.requests(SECOND)
    assert request.body == SECOND
    limits = tester.destination.tuned(tester.settings)
    assert (limits.max_events, limits.max_wait_s) == (1, 0.0)


def test_a_batch_is_named_by_all_its_keys_in_order() -> None:
    assert headers_of({}, FIRST)["webhook-id"] == "m-1"
    assert headers_of({}, FIRST, SECOND)["webhook-id"] == SHA256_OF_BOTH_KEYS
    assert headers_of({}, SECOND, FIRST)["webhook-id"] != SHA256_OF_BOTH_KEYS


def test_an_id_that_a_header_cannot_carry_is_hashed() -> None:
    event = b'{"type":"page","userId":"u","messageId":"a\\r\\nX-Evil: 1"}'
    assert headers_of({}, event)["webhook-id"] == "55be3e777ced543fcdac735d5a9d426c79528deb22adfc1f6820a6d67906b68e"


def test_compressed_bodies_are_the_same_every_time() -> None:
    [request] = Tester(Webhook, {**URL, "gzip": True}).requests(FIRST)
    assert gzip.decompress(request.body) == b"[" + FIRST + b"]"
    assert request.body[4:8] == b"\0\0\0\0", "the time of compression must not be in it"
    assert request.headers["Content-Encoding"] == "gzip"


def test_a_header_of_the_user_replaces_ours_in_whatever_case() -> None:
    headers = headers_of({"headers": {"content-type": "application/cloudevents-batch+json"}})
    assert headers == {
        "User-Agent": "Doorstep",
        "content-type": "application/cloudevents-batch+json",
        "webhook-id": "m-1",
    }


def test_a_user_in_the_url_becomes_basic_authentication() -> None:
    tester = Tester(Webhook, {"url": "https://ada:p%40ss@example.com:8443/in?a=1"})
    [request] = tester.requests(FIRST)
    assert request.url == "https://example.com:8443/in?a=1"
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"ada:p@ss"
    assert "p%40ss" not in repr(tester)


@pytest.mark.parametrize("format_", ["json_array", "ndjson", "single"])
def test_the_reference_library_accepts_the_signature(format_: str) -> None:
    tester = Tester(Webhook, {**URL, "format": format_, "signing_secret": SECRET})
    [request] = tester.requests(FIRST, at=time.time())
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers), json_parse=False)


@pytest.mark.parametrize("known", [SECRET, OLD_SECRET])
def test_while_a_secret_is_replaced_either_one_verifies(known: str) -> None:
    tester = Tester(Webhook, {**URL, "signing_secret": f"{SECRET} {OLD_SECRET}"})
    [request] = tester.requests(FIRST, SECOND, at=time.time())
    standardwebhooks.Webhook(known).verify(request.body, dict(request.headers), json_parse=False)


def test_a_compressed_body_verifies_unpacked_too() -> None:
    [request] = Tester(Webhook, {**URL, "gzip": True, "signing_secret": SECRET}).requests(FIRST, at=time.time())
    standardwebhooks.Webhook(SECRET).verify(gzip.decompress(request.body), dict(request.headers), json_parse=False)


def test_the_timestamp_is_that_of_the_attempt_and_the_id_stays() -> None:
    tester = Tester(Webhook, {**URL, "signing_secret": SECRET})
    [[first], [later]] = [tester.requests(FIRST, at=at) for at in (1735689600.0, 1735689605.9)]
    assert (first.headers["webhook-timestamp"], later.headers["webhook-timestamp"]) == ("1735689600", "1735689605")
    assert first.headers["webhook-id"] == later.headers["webhook-id"] == "m-1"
    assert first.headers["webhook-signature"] != later.headers["webhook-signature"]


def test_an_answer_that_is_not_2xx_follows_the_table() -> None:
    tester = Tester(Webhook, URL)
    gone = Failure(Fault.CONFIGURATION, "http_410", status=410)
    assert tester.verdict(Response(410)) == gone
    assert tester.verdict(Response(429, {"retry-after": "7"})) == Failure(
        Fault.TRANSIENT, "http_429", status=429, after=7.0
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "example.com/in"}, "`url`: the URL must begin with http:// or https://"),
        ({"url": "ftp://example.com"}, "`url`: the URL must begin with http:// or https://"),
        ({"url": "https:///in"}, "`url`: the URL names no host"),
        ({"url": "https://example.com:99999/"}, "`url`: the URL cannot be read (Port out of range 0-65535)"),
        ({"url": "https://example.com/a b"}, "`url`: the URL has a space or a control character"),
        ({"url": "https://example.com/#top"}, "`url`: the URL has a #fragment"),
        ({"headers": {"X Y": "1"}}, "`headers`: 'X Y' is not a header name"),
        ({"headers": {"X-Key": "s3cret\n"}}, "`headers`: the value of X-Key has a line break"),
        ({"headers": {"X-Key": "schlüssel"}}, "`headers`: the value of X-Key must be printable ASCII"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "`headers`: x-a is there more than once"),
        ({"headers": {"Content-Length": "1"}}, "`headers`: Content-Length is set by the engine"),
        ({"headers": {"Webhook-Id": "1"}}, "`headers`: Webhook-Id is set by each request"),
        ({"headers": {"content-encoding": "br"}}, "`headers`: content-encoding is set by the setting `gzip`"),
        (
            {"url": "https://a:b@h/", "headers": {"authorization": "x"}},
            "`url` has a user name, and `headers` has Authorization",
        ),
        ({"signing_secret": "hunter2"}, "`signing_secret`: a signing secret is `whsec_` followed by base64"),
        ({"signing_secret": "whsec_"}, "`signing_secret`: a signing secret is `whsec_` followed by base64"),
        ({"signing_secret": "whsec_$$$"}, "`signing_secret`: a signing secret is `whsec_` followed by base64"),
        ({"signing_secret": " "}, "`signing_secret`: no secret given"),
        ({"method": "GET"}, "Invalid enum value 'GET'"),
        ({"format": "xml"}, "Invalid enum value 'xml'"),
        ({"urls": "https://example.com"}, "unknown field `urls`"),
    ],
)
def test_wrong_settings_are_refused_when_loaded(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        Tester(Webhook, {**URL, **settings})
    assert message in str(raised.value)
    assert not any(secret in str(raised.value) for secret in ("s3cret", "schl", "hunter2", "$$$"))


def test_all_that_is_wrong_is_told_in_one_go() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"line break.*; `url`: .*; `signing_secret`: "):
        Tester(Webhook, {"url": "nowhere", "headers": {"X": "a\nb"}, "signing_secret": "x"})


# With mappings -------------------------------------------------------------------------------------------------------

ORDER = {"trigger": 'type = "track"', "mapping": {"who": {"@path": "$.userId"}, "order": {"@path": "$.properties.id"}}}
BOUGHT = {"type": "track", "event": "Bought", "userId": "u-1", "messageId": "m-1", "properties": {"id": "o-1"}}


class TestWebhookMapped(ActionConformance):
    destination = Webhook
    settings: ClassVar = {**URL, "headers": {"Authorization": "Bearer t0ken"}, "signing_secret": SECRET}
    actions: ClassVar = {"order": ORDER, "everything": {"trigger": "all", "mapping": {"@path": "$."}}}


class TestWebhookMappedSingle(ActionConformance):
    destination = Webhook
    settings: ClassVar = {**URL, "format": "single", "gzip": True, "signing_secret": SECRET}
    actions: ClassVar = {"order": ORDER}


def mapped(settings: dict[str, Any], *events: dict[str, Any], **actions: Any) -> list[Request]:
    return Tester(Webhook, {**URL, **settings}, actions=actions or {"order": ORDER}).requests(*events)


@pytest.mark.parametrize(
    ("format_", "bodies"),
    [
        ("json_array", [b'[{"who":"u-1","order":"o-1"},{"who":"u-1","order":"o-2"}]']),
        ("ndjson", [b'{"who":"u-1","order":"o-1"}\n{"who":"u-1","order":"o-2"}\n']),
        ("single", [b'{"who":"u-1","order":"o-1"}', b'{"who":"u-1","order":"o-2"}']),
    ],
)
def test_what_the_mapping_makes_goes_out_in_the_same_formats(format_: str, bodies: list[bytes]) -> None:
    second = {**BOUGHT, "messageId": "m-2", "properties": {"id": "o-2"}}
    assert [request.body for request in mapped({"format": format_}, BOUGHT, second)] == bodies


def test_requests_are_named_and_signed_as_without_a_mapping() -> None:
    [request] = mapped({"signing_secret": SECRET, "gzip": True}, BOUGHT)
    assert request.headers["webhook-id"] == "m-1-order"
    assert len(request.headers["webhook-signature"].split()) == 2
    assert gzip.decompress(request.body) == b'[{"who":"u-1","order":"o-1"}]'


@pytest.mark.parametrize("compressed", [False, True])
def test_the_reference_library_accepts_the_signature_of_a_mapped_request(compressed: bool) -> None:
    tester = Tester(Webhook, {**URL, "signing_secret": SECRET, "gzip": compressed}, actions={"order": ORDER})
    [request] = tester.requests(BOUGHT, at=time.time())
    body = gzip.decompress(request.body) if compressed else request.body
    standardwebhooks.Webhook(SECRET).verify(body, dict(request.headers), json_parse=False)


def test_two_actions_of_one_event_have_ids_of_their_own() -> None:
    requests = mapped({}, BOUGHT, first=ORDER, second=ORDER)
    assert [request.headers["webhook-id"] for request in requests] == ["m-1-first", "m-1-second"]


def test_an_event_that_no_action_wants_is_not_sent_even_if_none_is_enabled() -> None:
    assert mapped({}, {**BOUGHT, "type": "page"}) == []
    assert mapped({}, BOUGHT, order={**ORDER, "enabled": False}) == []


def test_a_bigger_batch_that_the_user_asks_for_is_not_cut() -> None:
    [request] = mapped({}, *[{**BOUGHT, "messageId": f"m-{number}"} for number in range(1200)])
    assert len(msgspec.json.decode(request.body)) == 1200


def test_an_event_of_which_the_mapping_makes_no_object_is_refused() -> None:
    action = {"trigger": "all", "mapping": {"@path": "$.properties.id"}}
    [sent] = Tester(Webhook, URL, actions={"order": action}).run(BOUGHT)
    assert sent.outcomes == [Rejected("validation_error", "the mapping makes no object of this event")]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"trigger": "all"}, "actions.order.mapping: is missing: write what is sent"),
        ({"mapping": {"a": 1}}, "actions.order.trigger: is missing"),
        (
            {"trigger": "all", "mapping": {"a": {"@pth": "$.a"}}},
            "actions.order.mapping: /a has an invalid directive: @pth",
        ),
        ({**ORDER, "action": "post"}, "actions.order.action: there is no action 'post'"),
    ],
)
def test_a_wrong_action_is_refused_when_loaded(action: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Tester(Webhook, URL, actions={"order": action})
