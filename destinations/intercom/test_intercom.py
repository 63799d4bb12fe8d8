"""Intercom beyond what every destination has to pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import (
    DELIVERED,
    Failure,
    Fault,
    Filtered,
    Rejected,
    Request,
    Response,
    Retry,
    ValidationError,
)
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Sent, Tester

from .destination import Intercom
from .events import cents, metadata_of

SETTINGS = {"access_token": "token-1"}
IDENTIFY = {"type": "identify", "userId": "u-1", "messageId": "m-1", "traits": {"email": "ada@example.com"}}
TRACK = {
    "type": "track",
    "event": "Signed.Up",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2025-01-01T00:00:00Z",
}
BY_EMAIL = {**TRACK, "userId": None, "anonymousId": "a-1", "context": {"traits": {"email": "ada@example.com"}}}
GROUP = {"type": "group", "userId": "u-1", "groupId": "c-1", "messageId": "m-1"}
DELETE = {"type": "delete", "userId": "u-1", "messageId": "m-1"}
NOW = {"date": "Wed, 01 Jan 2025 00:00:01 GMT"}
LATER = {"date": "Wed, 01 Jan 2025 00:10:00 GMT"}
NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'


class TestIntercom(ActionConformance):
    destination = Intercom
    settings: ClassVar = SETTINGS


def found(*contacts: Mapping[str, str]) -> Response:
    return Response(200, NOW, msgspec.json.encode({"total_count": len(contacts), "data": contacts}))


def run(event: dict[str, Any], *answers: Response, **settings: Any) -> tuple[Sent, list[str]]:
    """What became of it, and `METHOD path` of each request; the last answer stands for the rest."""
    left = list(answers)

    def answer(request: Request) -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    [sent] = Tester(Intercom, SETTINGS | settings).run(event, answer=answer)
    return sent, [f"{one.method} {one.url.removeprefix('https://api.intercom.io')}" for one in sent.requests]


def test_a_contact_that_is_there_is_changed_and_one_that_is_not_is_created() -> None:
    sent, calls = run(IDENTIFY, found({"id": "ic-77"}), Response(200))
    assert (sent.verdict, calls) == (DELIVERED, ["POST /contacts/search", "PUT /contacts/ic-77"])
    sent, calls = run(IDENTIFY, found(), Response(200))
    assert (sent.verdict, calls) == (DELIVERED, ["POST /contacts/search", "POST /contacts"])


def test_of_several_with_one_address_the_user_is_meant() -> None:
    sent, calls = run(
        {**IDENTIFY, "userId": None, "anonymousId": "a-1"},
        found({"id": "lead-1", "role": "lead"}, {"id": "user/1", "role": "user"}),
        Response(200),
    )
    assert calls == ["POST /contacts/search", "PUT /contacts/user%2F1"]
    assert msgspec.json.decode(sent.requests[0].body) == {
        "query": {"field": "email", "operator": "=", "value": "ada@example.com"}
    }


def test_a_contact_that_the_search_has_not_found_yet_is_tried_again() -> None:
    sent, _ = run(
        IDENTIFY, found(), Response(409, {}, b'{"errors":[{"code":"conflict","message":"exists with id=1"}]}')
    )
    assert sent.verdict == [Retry("conflict", 30.0)]


def test_nobody_is_left_out() -> None:
    for event in (
        {"type": "identify", "anonymousId": "a-1", "messageId": "m-1"},
        {
            "type": "track",
            "event": "Seen",
            "anonymousId": "a-1",
            "messageId": "m-1",
            "timestamp": "2025-01-01T00:00:00Z",
        },
    ):
        sent, calls = run(event, Response(200))
        assert (sent.outcomes, calls) == ([Filtered("not_supported")], [])


def test_an_event_whose_contact_is_unknown_waits_while_it_is_young() -> None:
    waiting = [Retry("unknown_contact", 30.0)]
    gone = [Rejected("unknown_contact", "Intercom has no such contact: identify it first")]
    assert run(TRACK, Response(404, NOW, NOT_FOUND))[0].verdict == waiting
    assert run(TRACK, Response(404, {}, NOT_FOUND))[0].verdict == waiting
    assert run(TRACK, Response(404, {"date": "yesterday"}, NOT_FOUND))[0].verdict == waiting
    assert run(TRACK, Response(404, LATER, NOT_FOUND))[0].verdict == gone
    assert run(TRACK, Response(404, LATER, NOT_FOUND), wait_for_contact="1h")[0].verdict == waiting
    assert run(GROUP, Response(200, NOW, b'{"id":"co-1"}'), found())[0].verdict == waiting


def test_a_404_that_is_about_no_contact_is_about_the_settings() -> None:
    verdict = run(TRACK, Response(404, NOW, b"<html>"))[0].verdict
    assert isinstance(verdict, Failure)
    assert verdict.fault is Fault.CONFIGURATION


def test_an_event_of_an_address_is_given_the_contacts_id() -> None:
    sent, calls = run(BY_EMAIL, found({"id": "ic-77"}), Response(202))
    assert (sent.verdict, calls) == (DELIVERED, ["POST /contacts/search", "POST /events"])
    assert msgspec.json.decode(sent.requests[1].body) == {
        "event_name": "Signed-Up",
        "created_at": 1735689600,
        "id": "ic-77",
    }


def test_a_company_is_attached_to_the_contact() -> None:
    sent, calls = run(GROUP, Response(200, {}, b'{"id":"co-1"}'), found({"id": "ic-77"}), Response(200))
    assert (sent.verdict, calls) == (
        DELIVERED,
        ["POST /companies", "POST /contacts/search", "POST /contacts/ic-77/companies"],
    )
    assert sent.requests[2].body == b'{"id":"co-1"}'


@pytest.mark.parametrize(
    ("deletion", "call"),
    [
        ("delete", "DELETE /contacts/ic-77"),
        ("archive", "POST /contacts/ic-77/archive"),
        ("permanent", "POST /user_delete_requests"),
    ],
)
def test_who_is_to_be_forgotten_is_looked_up_and_deleted(deletion: str, call: str) -> None:
    for status in (200, 404):
        sent, calls = run(DELETE, found({"id": "ic-77"}), Response(status), deletion=deletion)
        assert (sent.verdict, calls) == (DELIVERED, ["POST /contacts/search", call])
    assert run(DELETE, found({"id": "ic-77"}), Response(403), deletion=deletion)[0].verdict != DELIVERED


def test_who_is_not_there_is_deleted_already_once_the_search_has_had_time() -> None:
    assert run(DELETE, found())[0].verdict == [Retry("unknown_contact", 30.0)]
    assert run(DELETE, Response(200, LATER, b'{"data":[]}'))[0].verdict == DELIVERED


def test_a_429_waits_until_the_window_ends() -> None:
    for headers, after in [
        ({**NOW, "x-ratelimit-reset": "1735689609"}, 8.0),
        ({**NOW, "x-ratelimit-reset": "1999999999"}, 60.0),
        ({"x-ratelimit-reset": "1735689609"}, None),
        ({**NOW, "retry-after": "3"}, 3.0),
    ]:
        verdict = run(TRACK, Response(429, headers))[0].verdict
        assert isinstance(verdict, Failure)
        assert (verdict.fault, verdict.after) == (Fault.TRANSIENT, after)


def test_metadata_is_flat_and_begins_with_the_price() -> None:
    fields = {
        "revenue": 22.5,
        "currency": "USD",
        "email": "Ada@example.com",
        "order_number": "o-9",
        "order_url": "https://shop.example.com/o-9",
        "metadata": {
            "revenue": "22.50",
            "currency": "USD",
            "email": "ada@example.com",
            "products": [1],
            "nested": {"a": 1},
            "link": {"url": "https://example.com", "value": "here"},
            "nothing": None,
            "ok": False,
        },
    }
    assert list(metadata_of(fields).items()) == [
        ("price", {"amount": 2250, "currency": "USD"}),
        ("order_number", {"url": "https://shop.example.com/o-9", "value": "o-9"}),
        ("link", {"url": "https://example.com", "value": "here"}),
        ("ok", False),
    ]


def test_amounts_are_rounded_to_cents() -> None:
    assert [cents(one) for one in (19.99, 0.285, 1.005, -1.5, 22, 0)] == [1999, 29, 101, -150, 2200, 0]


def test_an_amount_that_has_no_cents_is_the_events_fault() -> None:
    with pytest.raises(ValidationError, match="too large for an amount"):
        cents(1e308)


def test_an_event_without_a_time_happened_when_it_was_received() -> None:
    [request] = Tester(Intercom, SETTINGS).requests({**TRACK, "timestamp": None})
    assert msgspec.json.decode(request.body)["created_at"] == 1735689600
