"""Mixpanel beyond what every destination has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Rejected, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .browsers import browser_of
from .destination import Mixpanel
from .events import insert_id

SETTINGS = {"project_token": "mp-token", "api_secret": "mp-secret"}
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Signed Up",
    "messageId": "m-1",
    "userId": "u-1",
    "timestamp": "2025-01-01T00:00:00.000Z",
}


class TestMixpanel(ActionConformance):
    destination = Mixpanel
    settings: ClassVar = SETTINGS
    events: ClassVar = [{**EVENT, "event": "Played", "properties": {"increment": {"games": 1}}}]
    actions: ClassVar = {"increment_properties": {"trigger": 'event = "Played"'}}


def records(tester: Tester, *events: dict[str, Any]) -> list[dict[str, Any]]:
    return [record for request in tester.requests(*events) for record in msgspec.json.decode(request.body)]


# Who and when ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "ids", "made"),
    [
        ("original", {"userId": "u-1", "anonymousId": "a-1"}, ("u-1", "u-1", "a-1")),
        ("original", {"anonymousId": "a-1"}, ("a-1", None, "a-1")),
        ("simplified", {"anonymousId": "a-1"}, ("$device:a-1", None, "a-1")),
        ("simplified", {"userId": "u-1", "anonymousId": "a-1"}, ("u-1", "u-1", "a-1")),
        ("original", {"userId": "undefined", "anonymousId": "a-1"}, ("a-1", None, "a-1")),
        ("original", {"userId": "null"}, ("", None, None)),
    ],
)
def test_whose_event_it_is(identity: str, ids: dict[str, str], made: tuple[str, str | None, str | None]) -> None:
    event = {key: value for key, value in EVENT.items() if key != "userId"} | ids
    [record] = records(Tester(Mixpanel, {**SETTINGS, "identity": identity}), event)
    told = record["properties"]
    assert (told["distinct_id"], told.get("$user_id"), told.get("$device_id")) == made


@pytest.mark.parametrize(
    ("key", "made"),
    [
        ("m-1", "m-1"),
        ("7f3c0e7a-9b1d-4c55-8e0b-2d8a6b0f1c11", "7f3c0e7a-9b1d-4c55-8e0b-2d8a6b0f1c11"),
        ("ajs-next-1735689600000-7f3c0e7a-9b1d-4c55", "feb013485ccab16a53ab44492326e00521a4"),
        ("m_1", "54f0b300c9515311db9a80267377f24aa4c4"),
        ("0", "5feceb66ffc86f38d952786c6d696c79c2db"),
    ],
)
def test_an_insert_id_is_what_mixpanel_takes(key: str, made: str) -> None:
    assert insert_id(key) == made


def test_the_properties_of_an_event_go_before_its_context_but_not_before_its_time_and_ids() -> None:
    event = {
        **EVENT,
        "properties": {"timezone": "mine", "time": 5, "distinct_id": "x", "$insert_id": "y"},
        "context": {"timezone": "Europe/London"},
    }
    [record] = records(Tester(Mixpanel, SETTINGS), event)
    assert record["properties"] == {
        "$source": "doorstep",
        "event_original_name": "Signed Up",
        "timezone": "mine",
        "time": 1735689600000,
        "$insert_id": "m-1",
        "distinct_id": "u-1",
        "$user_id": "u-1",
    }


def test_an_event_without_a_timestamp_happened_when_it_was_received() -> None:
    event = {key: value for key, value in EVENT.items() if key != "timestamp"}
    assert records(Tester(Mixpanel, SETTINGS), event)[0]["properties"]["time"] == 1735689600000


@pytest.mark.parametrize(
    ("agent", "made"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1 Version/17.3 Mobile/15E148 Safari/604.1",
            {"$browser": "Mobile Safari", "$browser_version": "17.3"},
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.0.0 Safari/537.36 Edg/121.0.2277.83",
            {"$browser": "Microsoft Edge", "$browser_version": "121.0.2277.83"},
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0",
            {"$browser": "Firefox", "$browser_version": "122.0"},
        ),
        ("Tealeaf/4.2.0 (iPhone; iOS 17.3.1)", {}),
    ],
)
def test_browsers_by_their_user_agents(agent: str, made: dict[str, str]) -> None:
    assert browser_of(agent) == made


# Orders ------------------------------------------------------------------------------------------------------------


def order(number: int, products: int) -> dict[str, Any]:
    bought = [{"product_id": f"p{n}"} for n in range(products)]
    return {**EVENT, "event": "Order Completed", "messageId": f"o-{number}", "properties": {"products": bought}}


def test_orders_are_cut_where_their_products_make_too_many_records() -> None:
    [sent] = Tester(Mixpanel, SETTINGS).run(*[order(n, 999) for n in range(5)])
    assert [len(msgspec.json.decode(request.body)) for request in sent.requests] == [2000, 2000, 1000]
    assert sent.outcomes == [DELIVERED] * 5


def test_an_order_of_which_a_product_is_refused_is_refused_alone() -> None:
    failed = {"failed_records": [{"index": 4, "field": "properties.price", "message": "bad"}]}
    answer = Response(400, {}, msgspec.json.encode(failed))
    [sent] = Tester(Mixpanel, SETTINGS).run(order(1, 2), order(2, 2), order(3, 2), answer=lambda request: answer)
    assert sent.outcomes == [DELIVERED, Rejected("record_refused", "properties.price: bad"), DELIVERED]


def test_products_need_not_be_events() -> None:
    actions = {"track_purchase": {"mapping": {"product_event": ""}}}
    assert [r["event"] for r in records(Tester(Mixpanel, SETTINGS, actions=actions), order(1, 3))] == [
        "Order Completed"
    ]


# Answers -----------------------------------------------------------------------------------------------------------


def test_an_index_of_no_record_is_no_answer_about_one() -> None:
    answer = Response(400, {}, b'{"failed_records":[{"index":7,"field":"x","message":"y"}]}')
    [sent] = Tester(Mixpanel, SETTINGS).run(EVENT, answer=lambda request: answer)
    assert isinstance(sent.verdict, Failure)
    assert (sent.verdict.fault, sent.verdict.reason) == (Fault.EVENT, "http_400")


@pytest.mark.parametrize(
    ("body", "fault", "reason"),
    [
        (b"0", Fault.EVENT, "nothing_taken"),
        (b'{"status":0,"error":"some data points in the request failed validation"}', Fault.EVENT, "nothing_taken"),
        (b'{"status":0,"error":"invalid token"}', Fault.CONFIGURATION, "token_refused"),
    ],
)
def test_a_200_can_hide_a_failure(body: bytes, fault: Fault, reason: str) -> None:
    identify = {"type": "identify", "userId": "u-1", "messageId": "m-1", "traits": {"plan": "pro"}}
    [sent] = Tester(Mixpanel, SETTINGS).run(identify, answer=lambda request: Response(200, {}, body))
    assert isinstance(sent.verdict, Failure)
    assert (sent.verdict.fault, sent.verdict.reason) == (fault, reason)


def test_a_profile_is_not_set_when_the_identities_could_not_be_tied() -> None:
    identify = {"type": "identify", "userId": "u-1", "anonymousId": "a-1", "messageId": "m-1"}
    [sent] = Tester(Mixpanel, SETTINGS).run(identify, answer=lambda request: Response(503))
    assert [request.url for request in sent.requests] == ["https://api.mixpanel.com/track?ip=0&verbose=1&strict=1"]
    assert sent.verdict == Failure(Fault.TRANSIENT, "http_503", status=503)


def test_who_could_not_be_tied_is_refused_alone() -> None:
    """The answer counts the ties, of which there are fewer than events."""
    people = [{"userId": "u-1"}, {"userId": "u-2", "anonymousId": "a-2"}, {"userId": "u-3", "anonymousId": "a-3"}]
    events = [{"type": "identify", "messageId": f"m-{n}", **one} for n, one in enumerate(people)]
    failed = msgspec.json.encode({"failed_records": [{"index": 1, "field": "$anon_id", "message": "taken"}]})
    answers = [Response(400, {}, failed), Response(200, {}, b"1")]
    [sent] = Tester(Mixpanel, SETTINGS).run(*events, answer=lambda request: answers.pop(0))
    assert sent.outcomes == [DELIVERED, DELIVERED, Rejected("record_refused", "$anon_id: taken")]


# Settings ----------------------------------------------------------------------------------------------------------


def test_a_region_is_a_host_of_its_own() -> None:
    [request] = Tester(Mixpanel, {**SETTINGS, "region": "eu", "strict": False}).requests(EVENT)
    assert request.url == "https://api-eu.mixpanel.com/import?strict=0"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"service_account": "x"}, "go together"),
        ({"service_account": "x", "service_account_secret": "y", "project_id": "a/b"}, "project_id"),
        ({"service_account": "x:y", "service_account_secret": "y", "project_id": "1"}, "no colon"),
        ({"api_secret": "a:b"}, "no colon"),
        ({"api_url": "api.example.com"}, "api_url"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Tester(Mixpanel, {"project_token": "mp-token", **settings})
