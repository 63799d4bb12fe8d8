"""Customer.io beyond what every destination has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Filtered, Rejected, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .destination import Customerio
from .values import person, ulid, with_seconds

SETTINGS = {"site_id": "site-1", "api_key": "key-1"}
TRACK = {
    "type": "track",
    "event": "Signed Up",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2025-01-01T00:00:00Z",
}
DEVICE = {"device": {"token": "t-1", "type": "IOS"}, "app": {"version": "4.2.0"}}
NAMED: dict[str, dict[str, Any]] = {
    "Application Opened": {"context": DEVICE},
    "Application Uninstalled": {"context": DEVICE},
    "Relationship Deleted": {"properties": {"objectId": "c-1"}},
    "Object Deleted": {"properties": {"objectId": "c-1"}},
    "User Suppressed": {},
    "User Unsuppressed": {},
    "Report Delivery Event": {"properties": {"deliveryId": "d-1", "metric": "opened", "recipient": "t-1"}},
    "Report Content Event": {"properties": {"actionType": "viewed_content", "contentId": 4}},
}


class TestCustomerio(ActionConformance):
    destination = Customerio
    settings: ClassVar = SETTINGS
    events: ClassVar = [{**TRACK, "event": name, **more} for name, more in NAMED.items()]


def entities(*events: dict[str, Any], **settings: Any) -> list[Any]:
    sent = Tester(Customerio, SETTINGS | settings).requests(*events)
    return [entity for request in sent for entity in msgspec.json.decode(request.body)["batch"]]


@pytest.mark.parametrize(
    ("ids", "identifiers"),
    [
        (("u-1", "ada@example.com", "a-1"), {"id": "u-1"}),
        (("ada@example.com",), {"email": "ada@example.com"}),
        (("cio_03000001",), {"cio_id": "03000001"}),
        (("cio_",), {"id": "cio_"}),
        ((None, "ada@example.com", "a-1"), {"email": "ada@example.com"}),
        ((None, None, "a-1"), {"anonymous_id": "a-1"}),
        ((None, None, None), {}),
    ],
)
def test_a_person_has_one_identifier(ids: tuple[str | None, ...], identifiers: dict[str, str]) -> None:
    assert person(*ids) == identifiers


@pytest.mark.parametrize(
    ("message_id", "at_s", "found"),
    [
        ("m-1", 1735689600, "01JGFJJZ00MHGV8WPB86MYRFFE"),
        ("m-1", 0, "0000000000MHGV8WPB86MYRFFE"),
        ("m-2", 10**15, "7ZZZZZZZZZHBHA844NJTEE7TZF"),
        ("01jgfjjz00mhgv8wpb86myrffe", 5, "01JGFJJZ00MHGV8WPB86MYRFFE"),
    ],
)
def test_an_event_has_the_same_ulid_each_time(message_id: str, at_s: int, found: str) -> None:
    assert ulid(message_id, at_s) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-02-28T23:59:59Z", 1772323199),
        ("2026-02-28T23:59:59.999+02:00", 1772315999),
        ("1988-07-19", 585273600),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2026-02-31", "2026-02-31"),
        ("20260228", "20260228"),
        ("on 2026-02-28", "on 2026-02-28"),
        ({"a": ["1970-01-02", 5, None]}, {"a": [86400, 5, None]}),
    ],
)
def test_iso_dates_become_seconds(value: object, found: object) -> None:
    assert with_seconds(value) == found


def test_dates_stay_if_the_user_wants_them() -> None:
    event = {**TRACK, "properties": {"when": "1970-01-02"}}
    assert [one["attributes"]["when"] for one in entities(event)] == [86400]
    assert [one["attributes"]["when"] for one in entities(event, dates_as_seconds=False)] == ["1970-01-02"]


def test_the_region_chooses_the_host() -> None:
    for settings, host in [({}, "track"), ({"region": "eu"}, "track-eu")]:
        [request] = Tester(Customerio, SETTINGS | settings).requests(TRACK)
        assert request.url == f"https://{host}.customer.io/api/v2/batch"
    [request] = Tester(Customerio, {**SETTINGS, "url": "http://127.0.0.1:9/"}).requests(TRACK)
    assert request.url == "http://127.0.0.1:9/api/v2/batch"


@pytest.mark.parametrize("wrong", [{"site_id": "a:b"}, {"site_id": ""}, {"url": "nowhere"}, {"region": "mars"}])
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Tester(Customerio, SETTINGS | wrong)


def test_a_visitor_without_a_name_has_events_but_no_profile() -> None:
    visitor = {"anonymousId": "a-1", "messageId": "m-1"}
    [sent] = Tester(Customerio, SETTINGS).run({"type": "identify", **visitor, "traits": {"plan": "pro"}})
    assert sent.outcomes == [Filtered("not_supported")]
    [entity] = entities({"type": "track", "event": "Seen", **visitor})
    assert entity["identifiers"] == {"anonymous_id": "a-1"}
    assert entity["attributes"] == {}


def test_a_group_of_a_visitor_without_a_name_is_related_until_they_have_one() -> None:
    [entity] = entities({"type": "group", "groupId": "c-1", "anonymousId": "a-1", "messageId": "m-1"})
    assert entity["action"] == "identify_anonymous"
    assert entity["cio_relationships"] == [{"identifiers": {"anonymous_id": "a-1"}}]


def test_a_device_without_a_token_is_left_out() -> None:
    [sent] = Tester(Customerio, SETTINGS).run(
        {**TRACK, "event": "Application Opened", "context": {"device": {"type": "ios"}}}
    )
    assert sent.outcomes == [Filtered("not_supported")]


def test_a_batch_is_cut_by_count_and_by_bytes() -> None:
    def parts(size: int, count: int) -> list[int]:
        events = [{**TRACK, "messageId": f"m-{n}", "properties": {"text": "x" * size}} for n in range(count)]
        sent = Tester(Customerio, SETTINGS).requests(*events)
        assert all(len(request.body) <= 500_000 for request in sent)
        return [len(msgspec.json.decode(request.body)["batch"]) for request in sent]

    assert parts(10, 1001) == [1000, 1]
    assert parts(32_000, 20) == [15, 5]


def test_an_entity_that_is_too_big_even_alone_is_not_sent() -> None:
    [sent] = Tester(Customerio, SETTINGS).run({**TRACK, "properties": {"text": "x" * 33_000}})
    assert [outcome.reason for outcome in sent.outcomes if isinstance(outcome, Rejected)] == ["too_large"]


def answered(status: int, body: bytes) -> Any:
    events = [{**TRACK, "messageId": f"m-{n}"} for n in range(3)]
    [sent] = Tester(Customerio, SETTINGS).run(*events, answer=lambda request: Response(status, {}, body))
    return sent.verdict


def test_a_207_refuses_the_items_that_it_names() -> None:
    error = {"batch_index": 1, "reason": "invalid", "field": "identifiers", "message": "no such person"}
    assert answered(207, msgspec.json.encode({"errors": [error, {**error, "field": "name"}]})) == [
        DELIVERED,
        Rejected("invalid_entity", "name: no such person"),
        DELIVERED,
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"errors":[{"batch_index":3}]}', b'{"errors":[{"batch_index":-1}]}'])
def test_a_207_that_names_nobody_is_asked_again_in_halves(body: bytes) -> None:
    assert answered(207, body) == Failure(Fault.EVENT, "unreadable_207", status=207)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "track", "event": "Signed Up"},
        {"type": "page", "name": "Mugs"},
        {"type": "screen", "name": "Basket"},
        {"type": "identify"},
        {**TRACK, "event": "Report Delivery Event", **NAMED["Report Delivery Event"], "timestamp": None},
        {**TRACK, "event": "Report Content Event", **NAMED["Report Content Event"], "timestamp": None},
    ],
)
def test_an_event_without_a_time_happened_when_it_was_received(event: dict[str, Any]) -> None:
    [made] = entities({"userId": "u-1", "messageId": "m-1", **event})
    assert made["timestamp"] == 1735689600


def test_a_device_was_last_used_when_an_event_without_a_time_was_received() -> None:
    [made] = entities({**TRACK, "event": "Application Opened", "context": DEVICE, "timestamp": None})
    assert made["device"]["last_used"] == 1735689600


def test_the_ulid_of_an_event_without_a_time_is_the_same_whenever_it_is_received() -> None:
    [made] = entities({**TRACK, "timestamp": None})
    assert made["id"] == ulid("m-1", 0)
