"""Meta's Conversions API beyond what every destination has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Rejected, Request, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.samples import ECOMMERCE
from doorstep.engine.sdk.testing import Tester

from .destination import MetaConversions

SETTINGS = {"dataset_id": "123456789012345", "access_token": "s3cret-value"}
SHA256_OF_JANE_DOE = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"
SHA256_OF_JANE = "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"
SHA256_OF_DOE = "799ef92a11af918e3fb741df42934f3b568ed2d93ac1df74f1b8d41a27932a6f"
ADDED = ECOMMERCE["Product Added"]


class TestMetaConversions(ActionConformance):
    destination = MetaConversions
    settings: ClassVar = SETTINGS


def sent(event: dict[str, Any], **mapping: Any) -> dict[str, Any]:
    actions = {"add_to_cart": {"mapping": mapping}} if mapping else {}
    [request] = Tester(MetaConversions, SETTINGS, actions=actions).requests(event)
    [data] = msgspec.json.decode(request.body)["data"]
    found: dict[str, Any] = data
    return found


def test_a_request_has_at_most_1000_events() -> None:
    requests = Tester(MetaConversions, SETTINGS).requests(
        *[{**ADDED, "messageId": f"m-{number}", "context": {}} for number in range(1500)]
    )
    assert [len(msgspec.json.decode(request.body)["data"]) for request in requests] == [1000, 500]


def test_a_request_has_at_most_a_megabyte_of_events() -> None:
    long = {"page": {"url": "https://shop.example.com/" + "x" * 4000}, "userAgent": "UA"}
    requests = Tester(MetaConversions, SETTINGS).requests(
        *[{**ADDED, "messageId": f"m-{number}", "context": long} for number in range(300)]
    )
    assert len(requests) == 2
    assert max(len(request.body) for request in requests) < 1_000_100


@pytest.mark.parametrize("email", ["Jane.Doe@Example.com ", SHA256_OF_JANE_DOE, SHA256_OF_JANE_DOE.upper()])
def test_an_email_address_goes_out_hashed_once(email: str) -> None:
    hashed = sent({**ADDED, "context": {"traits": {"email": email}}})["user_data"]["em"]
    assert hashed.lower() == SHA256_OF_JANE_DOE


def test_what_is_mapped_without_a_hash_is_hashed_all_the_same() -> None:
    user = sent(ADDED, em={"@literal": "jane.doe@example.com"}, external_id=["u-1001"])["user_data"]
    assert user["em"] == SHA256_OF_JANE_DOE
    assert user["external_id"] == ["1bee97acdddc9ff5bca4d04ea02cfd05e4b460aa4aa00e0e5fb32a4a5f1d5ccc"]


@pytest.mark.parametrize(
    ("hashing", "of_address", "of_digest"),
    [
        ("auto", SHA256_OF_JANE_DOE, SHA256_OF_JANE_DOE),
        ("always", SHA256_OF_JANE_DOE, None),
        ("never", None, SHA256_OF_JANE_DOE),
    ],
)
def test_hashing_can_be_forced_and_forbidden(hashing: str, of_address: str | None, of_digest: str | None) -> None:
    def em(email: str) -> str | None:
        event = {**ADDED, "context": {"userAgent": "UA", "traits": {"email": email, "phone": "15551234567"}}}
        [request] = Tester(MetaConversions, {**SETTINGS, "hashing": hashing}).requests(
            {**event, "context": {**event["context"], "ip": "203.0.113.9"}}
        )
        found: str | None = msgspec.json.decode(request.body)["data"][0]["user_data"].get("em")
        assert "jane" not in request.body.decode().lower()
        return found

    assert (em("Jane.Doe@example.com"), em(SHA256_OF_JANE_DOE)) == (of_address, of_digest)


def test_the_click_id_of_a_cookie_wins_over_that_of_the_url() -> None:
    page = {"page": {"url": "https://shop.example.com/?fbclid=abc"}, "userAgent": "UA"}
    assert sent({**ADDED, "context": page})["user_data"]["fbc"] == "fb.1.1735689600000.abc"
    assert sent({**ADDED, "context": {**page, "fbc": "fb.1.1.cookie"}})["user_data"]["fbc"] == "fb.1.1.cookie"
    assert "fbc" not in sent({**ADDED, "context": {"page": {"url": "http://[x"}, "userAgent": "UA"}})["user_data"]


def test_an_event_without_message_id_has_an_id_all_the_same() -> None:
    event = {name: value for name, value in ADDED.items() if name != "messageId"}
    assert sent(event)["event_id"] == "tester-1"


def test_an_event_older_than_a_week_is_refused_before_it_costs_the_others() -> None:
    week = {**ADDED, "messageId": "m-1", "timestamp": "2024-12-25T00:00:00Z"}
    older = {**ADDED, "messageId": "m-2", "timestamp": "2024-12-24T23:59:59Z"}
    refused, taken = Tester(MetaConversions, SETTINGS).run(week, older)
    assert refused.outcomes == [
        Rejected("validation_error", "the event is more than 7 days old; Meta takes none that is")
    ]
    assert len(taken.batch) == 1


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (200, {"events_received": 0, "fbtrace_id": "T-1"}, "0 of 1 (fbtrace_id T-1)"),
        (400, {"error": {"message": "Invalid", "code": 100, "fbtrace_id": "T-2"}}, "Invalid (fbtrace_id T-2)"),
        (400, {"error": {"message": "Invalid", "code": 100, "fbtrace_id": None}}, "Invalid"),
    ],
)
def test_what_is_refused_can_be_found_by_metas_support(status: int, body: Any, detail: str) -> None:
    answer = Response(status, {}, msgspec.json.encode(body))
    [one] = Tester(MetaConversions, SETTINGS).run(ADDED, answer=lambda request: answer)
    assert isinstance(one.verdict, Failure)
    assert (one.verdict.fault, one.verdict.detail) == (Fault.EVENT, detail)


def test_an_apps_event_needs_a_device() -> None:
    actions = {"add_to_cart": {"mapping": {"action_source": "app"}}}
    [one] = Tester(MetaConversions, SETTINGS, actions=actions).run(ADDED)
    [outcome] = one.outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.detail.startswith("an app's event needs the platform")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**SETTINGS, "dataset_id": "px/1"}, "dataset_id"),
        ({**SETTINGS, "api_version": "25"}, "api_version"),
        ({**SETTINGS, "host": "graph"}, "`host`: the URL must begin with http:// or https://"),
        ({**SETTINGS, "action_source": "shop"}, "action_source"),
    ],
)
def test_wrong_settings_are_refused_when_loaded(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Tester(MetaConversions, settings)


@pytest.mark.parametrize("timestamp", [None, "never"])
def test_an_event_without_a_time_happened_when_it_was_received(timestamp: str | None) -> None:
    page = {"page": {"url": "https://shop.example.com/?fbclid=abc"}, "userAgent": "UA"}
    made = sent({**ADDED, "timestamp": timestamp, "context": page})
    assert (made["event_time"], made["user_data"]["fbc"]) == (1735689600, "fb.1.1735689600000.abc")


def received(request: Request) -> Response:
    count = len(msgspec.json.decode(request.body)["data"])
    return Response(200, {}, msgspec.json.encode({"events_received": count}))


def test_an_event_that_is_twice_in_a_batch_goes_in_two_requests_in_order() -> None:
    events = [{**ADDED, "messageId": id_} for id_ in ("m-1", "m-2", "m-1", "m-1", "m-3")]
    [one] = Tester(MetaConversions, SETTINGS).run(*events, answer=received)
    ids = [[event["event_id"] for event in msgspec.json.decode(request.body)["data"]] for request in one.requests]
    assert ids == [["m-1", "m-2", "m-3"], ["m-1"], ["m-1"]]
    assert (one.outcomes, one.report) == ([DELIVERED] * 5, (5, 5))


def test_events_of_different_names_may_have_the_same_id() -> None:
    actions = {"custom": {"trigger": 'type = "track" and event in ["Quiz Won", "Quiz Lost"]'}}
    events = [{**ADDED, "event": name, "messageId": "m-1"} for name in ("Quiz Won", "Quiz Lost", "Quiz Won")]
    [one] = Tester(MetaConversions, SETTINGS, actions=actions).run(*events, answer=received)
    names = [[event["event_name"] for event in msgspec.json.decode(request.body)["data"]] for request in one.requests]
    assert names == [["Quiz Won", "Quiz Lost"], ["Quiz Won"]]


def test_a_repetition_that_fails_fails_the_batch_which_may_come_again() -> None:
    answers = iter([Response(200, {}, b'{"events_received":1}'), Response(503)])
    [one] = Tester(MetaConversions, SETTINGS).run(ADDED, ADDED, answer=lambda request: next(answers))
    assert one.verdict == Failure(Fault.TRANSIENT, "http_503", status=503)


@pytest.mark.parametrize(
    ("traits", "names"),
    [
        ({"name": " Jane  Doe "}, {"fn": SHA256_OF_JANE, "ln": SHA256_OF_DOE}),
        ({"name": "Jane"}, {}),
        ({"name": "Jane van Doe"}, {}),
        ({"name": "Joan Roe", "firstName": "Jane"}, {"fn": SHA256_OF_JANE}),
        ({"name": "Joan Roe", "last_name": "Doe"}, {"ln": SHA256_OF_DOE}),
    ],
)
def test_a_full_name_of_two_words_is_a_first_and_a_last_one(traits: dict[str, str], names: dict[str, str]) -> None:
    user = sent({**ADDED, "context": {"traits": traits}})["user_data"]
    assert {name: user[name] for name in ("fn", "ln", "full_name") if name in user} == names


def test_the_name_of_a_product_is_nobodys() -> None:
    named = {**ADDED, "properties": {**ADDED["properties"], "name": "Blue Mug"}}
    assert not sent(named)["user_data"].keys() & {"fn", "ln"}
