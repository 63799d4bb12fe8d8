"""Amplitude beyond what every destination has to pass."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Rejected, Request, Response, Retry
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .agents import device_of
from .answers import MOST_ROUNDS
from .destination import Amplitude

SETTINGS = {"api_key": "amp-key", "secret_key": "amp-secret"}
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Signed Up",
    "messageId": "m-1",
    "userId": "user-0001",
    "timestamp": "2025-01-01T00:00:00.000Z",
}


class TestAmplitude(ActionConformance):
    destination = Amplitude
    settings: ClassVar = SETTINGS
    actions: ClassVar = {"map_user": {"trigger": 'type = "alias"'}}


def events_of(request: Request) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(request.body)["events"]
    return found


def numbered(count: int) -> list[dict[str, Any]]:
    return [{**EVENT, "messageId": f"m-{n}"} for n in range(count)]


# Answers -----------------------------------------------------------------------------------------------------------


def test_events_are_taken_out_one_by_one_where_only_the_first_is_named() -> None:
    bad = {"m-1", "m-3", "m-4"}
    asked: list[list[str]] = []

    def answer(request: Request) -> Response:
        ids = [event["insert_id"] for event in events_of(request)]
        asked.append(ids)
        first = next((place for place, one in enumerate(ids) if one in bad), None)
        if first is None:
            return Response(200, {}, b'{"code":200}')
        return Response(400, {}, msgspec.json.encode({"events_with_invalid_fields": {"time": [first]}}))

    [sent] = Tester(Amplitude, SETTINGS).run(*numbered(6), answer=answer)
    refused = Rejected("invalid_event", "events_with_invalid_fields: time")
    assert sent.outcomes == [DELIVERED, refused, DELIVERED, refused, refused, DELIVERED]
    assert asked[-1] == ["m-0", "m-2", "m-5"]


def test_what_amplitude_drops_without_a_word_shows_in_its_count() -> None:
    answers = [
        Response(400, {}, b'{"events_with_invalid_fields":{"time":[0]}}'),
        Response(200, {}, b'{"code":200,"events_ingested":3}'),
    ]
    [sent] = Tester(Amplitude, SETTINGS).run(*numbered(5), answer=lambda request: answers.pop(0))
    assert (sent.outcomes[1:], sent.report) == ([DELIVERED] * 4, (4, 3)), "what was refused before is in no count"


def test_what_is_refused_again_and_again_comes_later() -> None:
    answer = Response(400, {}, b'{"events_with_invalid_fields":{"time":[0]}}')
    [sent] = Tester(Amplitude, SETTINGS).run(*numbered(15), answer=lambda request: answer)
    assert len(sent.requests) == MOST_ROUNDS
    assert [type(outcome) for outcome in sent.outcomes] == [Rejected] * 10 + [Retry] * 5


@pytest.mark.parametrize("named", [[7], [-1], ["0"], 0, None])
def test_an_index_of_no_event_is_no_answer_about_one(named: object) -> None:
    answer = Response(400, {}, msgspec.json.encode({"silenced_events": named}))
    [sent] = Tester(Amplitude, SETTINGS).run(EVENT, answer=lambda request: answer)
    assert isinstance(sent.verdict, Failure)
    assert (sent.verdict.fault, len(sent.requests)) == (Fault.EVENT, 1)


def test_an_order_of_which_a_product_is_invalid_is_refused_alone() -> None:
    orders = [
        {**EVENT, "event": "Order Completed", "messageId": f"o-{n}", "properties": {"products": [{}, {}]}}
        for n in range(3)
    ]
    answers = [Response(400, {}, b'{"events_with_invalid_fields":{"price":[4]}}'), Response(200)]
    [sent] = Tester(Amplitude, SETTINGS).run(*orders, answer=lambda request: answers.pop(0))
    assert [type(outcome).__name__ for outcome in sent.outcomes] == ["Delivered", "Rejected", "Delivered"]
    assert [event["insert_id"] for event in events_of(sent.requests[-1])] == [
        *("o-0", "o-0-0", "o-0-1"),
        *("o-2", "o-2-0", "o-2-1"),
    ]


# Events ------------------------------------------------------------------------------------------------------------


def test_where_a_user_came_from_is_set_beside_what_the_mapping_sets() -> None:
    actions = {"log_event": {"mapping": {"user_properties": {"plan": "pro", "$add": {"visits": 1}}}}}
    event = {**EVENT, "context": {"campaign": {"source": "mail"}, "page": {"referrer": "https://search.test/"}}}
    [request] = Tester(Amplitude, SETTINGS, actions=actions).requests(event)
    assert events_of(request)[0]["user_properties"] == {
        "$add": {"visits": 1},
        "$set": {"plan": "pro", "referrer": "https://search.test/", "utm_source": "mail"},
        "$setOnce": {"initial_referrer": "https://search.test/", "initial_utm_source": "mail"},
    }


@pytest.mark.parametrize(
    ("agent", "made"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1 Version/17.3 Safari/604.1",
            {"os_name": "iOS", "os_version": "17.3", "device_manufacturer": "Apple", "device_model": "iPhone"},
        ),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/121", {"os_name": "Windows", "os_version": "10.0"}),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/121", {"os_name": "Android", "os_version": "14"}),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/122.0", {"os_name": "Linux"}),
        ("Tealeaf/4.2.0", {}),
    ],
)
def test_devices_by_their_user_agents(agent: str, made: dict[str, str]) -> None:
    assert device_of(agent) == made


def test_a_phone_is_not_mixed_with_its_user_agent() -> None:
    context = {"os": {"name": "Android"}, "userAgent": "Mozilla/5.0 (Windows NT 10.0)"}
    [request] = Tester(Amplitude, SETTINGS).requests({**EVENT, "context": context})
    [event] = events_of(request)
    assert (event["os_name"], "os_version" in event) == ("Android", False)


@pytest.mark.parametrize(("endpoint", "counts"), [("realtime", [1999, 501]), ("batch", [2000, 500])])
def test_a_request_takes_as_many_events_as_its_endpoint_does(endpoint: str, counts: list[int]) -> None:
    requests = Tester(Amplitude, {**SETTINGS, "endpoint": endpoint}).requests(*numbered(2500))
    assert [len(events_of(request)) for request in requests] == counts


@pytest.mark.parametrize(("endpoint", "most"), [("realtime", 1_000_000), ("batch", 20_000_000)])
def test_a_request_takes_as_many_bytes_as_its_endpoint_does(endpoint: str, most: int) -> None:
    events = [{**event, "properties": {"text": "x" * 30_000}} for event in numbered(700)]
    requests = Tester(Amplitude, {**SETTINGS, "endpoint": endpoint}).requests(*events)
    assert sum(len(events_of(request)) for request in requests) == 700
    assert len(requests) == (22 if endpoint == "realtime" else 2)
    assert max(len(request.body) for request in requests) <= most


# Users -------------------------------------------------------------------------------------------------------------


def test_properties_are_a_form_with_short_ids_if_they_are_allowed() -> None:
    tester = Tester(Amplitude, {**SETTINGS, "min_id_length": 1})
    [request] = tester.requests({"type": "identify", "messageId": "m-1", "userId": "u", "traits": {"a&b": "ü+ "}})
    form = {name: json.loads(value) for name, [value] in parse_qs(request.body.decode()).items() if name != "api_key"}
    assert form == {
        "identification": [{"user_id": "u", "user_properties": {"a&b": "ü+ "}}],
        "options": {"min_id_length": 1},
    }


def test_a_group_gets_no_properties_when_the_user_could_not_join() -> None:
    group = {"type": "group", "groupId": "g-7", "messageId": "m-1", "userId": "user-0001"}
    [sent] = Tester(Amplitude, SETTINGS).run(group, answer=lambda request: Response(503))
    assert [request.url for request in sent.requests] == ["https://api2.amplitude.com/identify"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": "a:b"}, "no colon"),
        ({"api_key": "a", "api_url": "api.example.com"}, "api_url"),
        ({"api_key": "a", "min_id_length": 0}, "min_id_length"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Tester(Amplitude, settings)
