"""GA4 beyond what every destination has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import Rejected, ValidationError
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .destination import Ga4
from .events import worth_of

SETTINGS = {"api_secret": "s3cret-value", "measurement_id": "G-ABC1234567"}
DELETION = {
    "property_id": "123456789",
    "client_id": "c-1",
    "client_secret": "c-secret",
    "refresh_token": "r-token",
}
TRACK = {"type": "track", "event": "Teapot Configured", "anonymousId": "a-1", "messageId": "m-1"}

DIGEST = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"


@pytest.mark.parametrize("price", [10**400, 1e308])
def test_what_costs_more_than_a_number_can_say_is_the_events_fault(price: float) -> None:
    with pytest.raises(ValidationError, match="no amount"):
        worth_of([{"price": price, "quantity": 10}])


class TestGa4(ActionConformance):
    destination = Ga4
    settings: ClassVar = {**SETTINGS, "deletion": DELETION}
    secret_in_url = True
    events: ClassVar = [
        {**TRACK, "event": event, "properties": {"method": "email"}} for event in ("Signed Up", "Signed In", "Ok")
    ]


def bodies(*events: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    requests = Tester(Ga4, SETTINGS, **more).requests(*events)
    return [msgspec.json.decode(request.body) for request in requests]


def test_a_request_has_at_most_25_events() -> None:
    sent = bodies(*[{**TRACK, "messageId": f"m-{number}"} for number in range(60)])
    assert [len(body["events"]) for body in sent] == [25, 25, 10]


def test_a_request_is_below_130_kb() -> None:
    long = {f"p{number}": "x" * 500 for number in range(20)}
    requests = Tester(Ga4, {**SETTINGS, "max_value_length": 500}).requests(
        *[{**TRACK, "messageId": f"m-{number}", "properties": long} for number in range(25)]
    )
    assert len(requests) == 3
    assert max(len(request.body) for request in requests) < 130_000


def test_events_of_one_user_who_consented_differently_do_not_share_a_request() -> None:
    yes, no = ({"consent": {"categoryPreferences": {"Advertising": given}}} for given in (True, False))
    sent = bodies({**TRACK, "context": yes}, {**TRACK, "context": no}, {**TRACK, "context": yes})
    assert [(body["consent"]["ad_user_data"], len(body["events"])) for body in sent] == [("GRANTED", 2), ("DENIED", 1)]


def test_an_event_of_nobody_is_refused() -> None:
    mapping = {"client_id": {"@path": "$.context.none"}}
    [sent] = Tester(Ga4, SETTINGS, actions={"custom_event": {"mapping": mapping}}).run(TRACK)
    [outcome] = sent.outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.detail.startswith("the event has no client_id")


def test_long_texts_are_cut_and_those_of_pages_later() -> None:
    url = "https://shop.example.com/" + "x" * 1000
    [body] = bodies({"type": "page", "anonymousId": "a-1", "properties": {"url": url, "title": "t" * 400}})
    params = body["events"][0]["params"]
    assert (len(params["page_location"]), len(params["page_title"])) == (1000, 300)
    [body] = bodies({**TRACK, "properties": {"note": "n" * 101}})
    assert len(body["events"][0]["params"]["note"]) == 100


def test_what_is_mapped_without_a_hash_is_hashed_all_the_same() -> None:
    mapping = {"email": "Jane.Doe@Example.com ", "city": "Menlo Park"}
    [body] = bodies(TRACK, actions={"custom_event": {"mapping": mapping}})
    assert body["user_data"] == {
        "sha256_email_address": [DIGEST],
        "address": [{"city": "menlo park"}],
    }


@pytest.mark.parametrize(
    ("hashing", "user"),
    [
        ("auto", {"sha256_email_address": [DIGEST], "sha256_phone_number": ["a" * 64]}),
        ("never", {"sha256_phone_number": ["a" * 64]}),
        ("always", {"sha256_email_address": [DIGEST]}),
    ],
)
def test_hashing_can_be_forced_and_forbidden(hashing: str, user: dict[str, Any]) -> None:
    mapping = {"email": "Jane.Doe@Example.com ", "phone": "a" * 64}
    settings = {**SETTINGS, "hashing": hashing}
    [request] = Tester(Ga4, settings, actions={"custom_event": {"mapping": mapping}}).requests(TRACK)
    assert msgspec.json.decode(request.body)["user_data"] == user


def test_more_than_25_user_properties_are_the_events_fault() -> None:
    mapping = {"user_properties": {f"p{number}": number for number in range(26)}}
    [sent] = Tester(Ga4, SETTINGS, actions={"custom_event": {"mapping": mapping}}).run(TRACK)
    assert sent.outcomes == [Rejected("validation_error", "the user has 26 properties; Google takes 25")]


def test_an_item_without_id_and_name_is_left_out() -> None:
    products = [{"price": 5}, {"sku": "s-1"}, {"name": "Mug", "quantity": "2"}]
    event = {**TRACK, "event": "Product List Viewed", "properties": {"products": products}}
    [body] = bodies(event)
    assert body["events"][0]["params"]["items"] == [{"item_id": "s-1"}, {"item_name": "Mug", "quantity": 2}]


def test_the_eu_host_and_the_validation_server() -> None:
    settings = {**SETTINGS, "host": "https://region1.google-analytics.com", "validate_only": True, "debug_mode": True}
    [request] = Tester(Ga4, settings).requests(TRACK)
    assert request.url.startswith("https://region1.google-analytics.com/debug/mp/collect?api_secret=")
    assert msgspec.json.decode(request.body)["events"][0]["params"]["debug_mode"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_secret": "s"}, "`measurement_id` (a web stream) or `firebase_app_id` (an app stream)"),
        ({**SETTINGS, "firebase_app_id": "1:2:ios:3"}, "write one of them"),
        ({**SETTINGS, "host": "google"}, "`host`: the URL must begin with http:// or https://"),
    ],
)
def test_wrong_settings_are_refused_when_loaded(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        Tester(Ga4, settings)
    assert message in str(raised.value)


def test_an_event_without_a_time_happened_when_it_was_received() -> None:
    [body] = bodies(TRACK)
    assert [event["timestamp_micros"] for event in body["events"]] == [1735689600000000]
