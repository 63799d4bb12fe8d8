"""HubSpot beyond what every destination has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import (
    DELIVERED,
    Failure,
    Fault,
    Filtered,
    RefreshToken,
    Rejected,
    Request,
    Response,
    Retry,
    rounds,
)
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Sent, Tester

from .destination import Hubspot
from .values import address, domain, event_name, event_uuid, properties

SETTINGS = {"hub_id": "12345678", "access_token": "pat-1"}
OAUTH = {"hub_id": "12345678", "client_id": "app-1", "client_secret": "secret-1", "refresh_token": "refresh-1"}
TRACK = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2025-01-01T00:00:00Z",
    "context": {"traits": {"email": "ada@example.com"}},
}
DELETE = {"type": "delete", "userId": "u-1", "messageId": "m-1"}


def identify(email: str, message_id: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "u-1", "messageId": message_id, "traits": {"email": email, **traits}}


def group(group_id: str, message_id: str, email: str | None = None) -> dict[str, Any]:
    event = {"type": "group", "userId": "u-1", "groupId": group_id, "messageId": message_id}
    return event | ({"context": {"traits": {"email": email}}} if email else {})


class TestHubspot(ActionConformance):
    destination = Hubspot
    settings: ClassVar = SETTINGS
    events: ClassVar = [
        TRACK,
        group("c-1", "m-g", "ada@example.com"),
        {**DELETE, "traits": {"email": "ada@example.com"}},
    ]


KETTLE: dict[str, Any] = {
    "upsert_object": {
        "trigger": 'type = "track" and event = "Kettle Glazed"',
        "mapping": {
            "object_type": "p12345678_kettle",
            "id_property": "kettle_id",
            "id": {"@path": "$.properties.kettle"},
            "properties": {"glaze": {"@path": "$.properties.glaze"}},
        },
    },
    "send_custom_behavioral_event": {"enabled": False},
}


def glazed(kettle: str, message_id: str, glaze: str | None = None) -> dict[str, Any]:
    properties = {"kettle": kettle, "glaze": glaze}
    return {**TRACK, "event": "Kettle Glazed", "messageId": message_id, "properties": properties}


def test_an_object_that_is_twice_in_a_batch_goes_in_two_requests_in_order() -> None:
    events = [glazed("K-1", "m-1", "celadon"), glazed("k-1", "m-2", "tenmoku"), glazed("k-2", "m-3")]
    [sent] = Tester(Hubspot, SETTINGS, actions=KETTLE).run(*events, answer=done)
    assert [request.url for request in sent.requests] == [
        "https://api.hubapi.com/crm/v3/objects/p12345678_kettle/batch/upsert"
    ] * 2
    assert ids(sent) == [["K-1", "k-2"], ["k-1"]]
    assert sent.outcomes == [DELIVERED] * 3


def test_objects_of_several_kinds_share_no_request() -> None:
    kind = {"object_type": {"@path": "$.properties.kind"}}
    action = {**KETTLE["upsert_object"], "mapping": {**KETTLE["upsert_object"]["mapping"], **kind}}
    events = [glazed("k-1", "m-1"), glazed("k-2", "m-2"), glazed("k-3", "m-3")]
    for event, name in zip(events, ("deals", "a/b", "deals"), strict=True):
        event["properties"]["kind"] = name
    sent = Tester(Hubspot, SETTINGS, actions={**KETTLE, "upsert_object": action}).run(*events, answer=done)
    assert [(one.requests[0].url.removeprefix("https://api.hubapi.com/crm/v3/objects/"), ids(one)) for one in sent] == [
        ("deals/batch/upsert", [["k-1", "k-3"]]),
        ("a%2Fb/batch/upsert", [["k-2"]]),
    ]


class TestHubspotWithOAuth(TestHubspot):
    settings: ClassVar = OAUTH

    def test_golden(self, golden: Any) -> None:
        """They are of the settings with a token."""


def done(request: Request) -> Response:
    """What HubSpot says when all goes well."""
    inputs = msgspec.json.decode(request.body)["inputs"]
    results = [
        {"id": f"r-{one['id']}", "objectWriteTraceId": one["objectWriteTraceId"]} for one in inputs if "id" in one
    ]
    return Response(200, {}, msgspec.json.encode({"status": "COMPLETE", "results": results}))


def run(*events: dict[str, Any], answer: Any = done, **settings: Any) -> Sent:
    [sent] = Tester(Hubspot, SETTINGS | settings).run(*events, answer=answer)
    return sent


def ids(sent: Sent) -> list[list[str]]:
    return [[one["id"] for one in msgspec.json.decode(request.body)["inputs"]] for request in sent.requests]


def test_a_contact_that_is_twice_in_a_batch_goes_in_two_requests_in_order() -> None:
    sent = run(
        identify("ada@example.com", "m-1", phone="1"),
        identify("bob@example.com", "m-2"),
        identify(" Ada@Example.com", "m-3", phone="2"),
        identify("ada@example.com", "m-4", phone="3"),
        identify("bob@example.com", "m-5"),
    )
    assert ids(sent) == [
        ["ada@example.com", "bob@example.com"],
        ["ada@example.com", "bob@example.com"],
        ["ada@example.com"],
    ]
    assert [msgspec.json.decode(one.body)["inputs"][0]["properties"] for one in sent.requests] == [
        {"phone": "1"},
        {"phone": "2"},
        {"phone": "3"},
    ]
    assert (sent.verdict, sent.report) == (DELIVERED, (5, 5))


def test_rounds_never_have_a_key_twice_and_keep_the_order() -> None:
    def keys(item: Any) -> list[str]:
        return list(item)

    items: list[Any] = ["ab", "bc", "c", "ad", "e"]
    wanted: list[Any] = [["ab", "e"], ["bc", "ad"], ["c"]]
    assert rounds(items, keys) == wanted
    assert rounds([], keys) == []


def test_only_the_items_that_are_refused_are_given_up() -> None:
    error = {"category": "VALIDATION_ERROR", "message": "no such property", "context": {"objectWriteTraceId": ["m-2"]}}
    busy = {"category": "RATE_LIMITS", "message": "later", "context": {"objectWriteTraceId": ["m-3"]}}
    body = {"status": "COMPLETE", "results": [{"id": "1", "objectWriteTraceId": "m-1"}], "errors": [error, busy]}
    sent = run(
        *(identify(f"{n}@example.com", f"m-{n}") for n in (1, 2, 3)),
        answer=lambda request: Response(207, {}, msgspec.json.encode(body)),
    )
    assert sent.verdict == [DELIVERED, Rejected("refused", "VALIDATION_ERROR: no such property"), Retry("rate_limits")]
    assert sent.report == (3, 1)


def test_a_success_in_which_nothing_was_done_is_none() -> None:
    for body in (b"{}", b'{"results":[]}', b'{"results":[{"id":"1"}],"errors":[{"message":"bad"}]}'):
        sent = run(
            identify("a@example.com", "m-1"),
            identify("b@example.com", "m-2"),
            answer=lambda r, b=body: Response(200, {}, b),
        )
        assert isinstance(sent.verdict, Failure)
        assert (sent.verdict.fault, sent.verdict.reason) == (Fault.EVENT, "nothing_done")


def test_who_creates_the_same_contact_at_once_is_tried_again_alone() -> None:
    def conflict(request: Request) -> Response:
        return Response(409)

    one, two = identify("a@example.com", "m-1"), identify("b@example.com", "m-2")
    assert run(one, answer=conflict).verdict == [Retry("conflict")]
    assert run(one, two, answer=conflict).verdict == Failure(Fault.EVENT, "conflict", status=409)

    def second(request: Request) -> Response:
        return Response(409) if b'"m-2"' in request.body else done(request)

    assert run(one, {**one, "messageId": "m-2"}, answer=second).verdict == Failure(Fault.EVENT, "conflict")


def test_nobody_is_left_out_and_a_wrong_address_is_refused() -> None:
    nobody = {"type": "identify", "userId": "u-1", "messageId": "m-1"}
    assert run(nobody).outcomes == [Filtered("not_supported")]
    assert run({**TRACK, "context": {}}).outcomes == [Filtered("not_supported")]
    [outcome] = run(identify("nowhere", "m-1")).outcomes
    assert isinstance(outcome, Rejected)


def test_the_user_id_goes_where_the_user_wants_it() -> None:
    for settings, expected in [({}, {}), ({"user_id_property": "user_id"}, {"user_id": "u-1"})]:
        [request] = run(identify("ada@example.com", "m-1"), **settings).requests
        assert msgspec.json.decode(request.body)["inputs"][0]["properties"] == expected


def test_contacts_are_associated_with_their_companies() -> None:
    sent = run(group("c-1", "m-1", "ada@example.com"), group("c-2", "m-2"), group("c-3", "m-3", "bob@example.com"))
    assert [request.url.removeprefix("https://api.hubapi.com") for request in sent.requests] == [
        "/crm/v3/objects/companies/batch/upsert",
        "/crm/v3/objects/contacts/batch/upsert",
        "/crm/v3/associations/companies/contacts/batch/create",
    ]
    assert msgspec.json.decode(sent.requests[2].body)["inputs"] == [
        {"from": {"id": "r-c-1"}, "to": {"id": "r-ada@example.com"}, "type": "company_to_contact"},
        {"from": {"id": "r-c-3"}, "to": {"id": "r-bob@example.com"}, "type": "company_to_contact"},
    ]
    assert sent.verdict == DELIVERED


def test_a_company_whose_contact_is_refused_is_refused_with_it() -> None:
    def answer(request: Request) -> Response:
        if "contacts/batch" not in request.url or "associations" in request.url:
            return done(request)
        error = {"category": "VALIDATION_ERROR", "message": "blocked", "context": {"objectWriteTraceId": ["m-1"]}}
        body = {"results": [{"id": "9", "objectWriteTraceId": "m-2"}], "errors": [error]}
        return Response(207, {}, msgspec.json.encode(body))

    sent = run(group("c-1", "m-1", "ada@example.com"), group("c-2", "m-2", "bob@example.com"), answer=answer)
    assert sent.verdict == [Rejected("refused", "VALIDATION_ERROR: blocked"), DELIVERED]
    assert msgspec.json.decode(sent.requests[2].body)["inputs"] == [
        {"from": {"id": "r-c-2"}, "to": {"id": "9"}, "type": "company_to_contact"}
    ]


@pytest.mark.parametrize(
    ("status", "body", "fault", "reason", "after"),
    [
        (404, {"category": "OBJECT_NOT_FOUND"}, Fault.EVENT, "object_not_found", None),
        (404, {}, Fault.CONFIGURATION, "http_404", None),
        (403, {"category": "MISSING_SCOPES"}, Fault.CONFIGURATION, "http_403", None),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, Fault.TRANSIENT, "http_429", 10.0),
        (429, {"policyName": "SECONDLY"}, Fault.TRANSIENT, "http_429", 1.0),
        (429, {"policyName": "DAILY"}, Fault.TRANSIENT, "daily_limit", 3600.0),
        (429, {}, Fault.TRANSIENT, "http_429", None),
        (477, {}, Fault.TRANSIENT, "migration", None),
        (400, {"category": "VALIDATION_ERROR"}, Fault.EVENT, "http_400", None),
    ],
)
def test_an_answer_says_who_must_act(status: int, body: Any, fault: Fault, reason: str, after: float | None) -> None:
    verdict = run(TRACK, answer=lambda request: Response(status, {}, msgspec.json.encode(body))).verdict
    assert isinstance(verdict, Failure)
    assert (verdict.fault, verdict.reason, verdict.after) == (fault, reason, after)


def test_deletion_without_an_address_looks_for_the_user_id_and_deletes_all_that_it_finds() -> None:
    def answer(request: Request) -> Response:
        if request.url.endswith("/search"):
            return Response(200, {}, b'{"total":2,"results":[{"id":"51"},{"id":"52"}]}')
        return Response(404, {}, b'{"category":"OBJECT_NOT_FOUND"}') if b"52" in request.body else Response(204)

    sent = run(DELETE, answer=answer, user_id_property="user_id")
    assert [msgspec.json.decode(request.body) for request in sent.requests[1:]] == [
        {"objectId": "51"},
        {"objectId": "52"},
    ]
    assert sent.verdict == DELIVERED


def test_deletion_is_not_done_because_there_is_no_such_url() -> None:
    event = {**DELETE, "context": {"traits": {"email": "ada@example.com"}}}
    assert run(event, answer=lambda request: Response(404, {}, b'{"category":"OBJECT_NOT_FOUND"}')).verdict == DELIVERED
    verdict = run(event, answer=lambda request: Response(404, {}, b"<html>")).verdict
    assert isinstance(verdict, Failure)
    assert verdict.fault is Fault.CONFIGURATION


def test_deletion_of_somebody_who_cannot_be_told_is_no_success() -> None:
    [outcome] = run(DELETE).outcomes
    assert isinstance(outcome, Rejected)


def test_batches_are_cut_at_the_vendors_limits() -> None:
    contacts = [identify(f"{n}@example.com", f"m-{n}") for n in range(101)]
    assert [len(one.batch) for one in Tester(Hubspot, SETTINGS).run(*contacts, answer=done)] == [100, 1]
    events = [{**TRACK, "messageId": f"m-{n}", "properties": {"text": "x" * 30_000}} for n in range(40)]
    assert [len(one.batch) for one in Tester(Hubspot, SETTINGS).run(*events)] == [33, 7]


def test_an_app_that_was_let_in_gets_its_tokens() -> None:
    destination = Tester(Hubspot, OAUTH).destination
    assert isinstance(destination, Hubspot)
    assert isinstance(destination.authority, RefreshToken)
    request = destination.authority.token_request(None)
    assert (request.url, request.body) == (
        "https://api.hubapi.com/oauth/v1/token",
        b"grant_type=refresh_token&refresh_token=refresh-1&client_id=app-1&client_secret=secret-1",
    )
    assert "Authorization" not in Tester(Hubspot, OAUTH).requests(TRACK)[0].headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"hub_id": "1"},
        {**SETTINGS, "hub_id": "my hub"},
        {**SETTINGS, "client_id": "app-1"},
        {**SETTINGS, **OAUTH},
        {**SETTINGS, "access_token": "two\nlines"},
        {**SETTINGS, "url": "nowhere"},
        {**SETTINGS, "api_version": "v1"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Tester(Hubspot, wrong)


def test_a_dated_version_has_other_paths() -> None:
    [request] = run(identify("ada@example.com", "m-1"), api_version="2026-03").requests
    assert request.url == "https://api.hubapi.com/crm/objects/2026-03/contacts/batch/upsert"


def test_values_are_as_hubspot_wants_them() -> None:
    assert address(" Ada@Example.com ") == "ada@example.com"
    assert event_name("Order Completed", "1") == "pe1_order_completed"
    assert event_name("pe1_Order Completed", "1") == "pe1_order_completed"
    assert event_uuid("m-1") == event_uuid("m-1") != event_uuid("m-2")
    assert domain("https://www.example.com/about") == "www.example.com"
    assert domain("example.com") == "example.com"
    assert properties({"a": ["x", 1], "b": {"c": 2}, "d": None, "e": False}) == {"a": "x;1", "b": '{"c":2}', "e": False}


def test_an_event_without_a_time_happened_when_it_was_received() -> None:
    [request] = Tester(Hubspot, SETTINGS).requests({**TRACK, "timestamp": None})
    [made] = msgspec.json.decode(request.body)["inputs"]
    assert made["occurredAt"] == "2025-01-01T00:00:00.000Z"
