"""Braze beyond what every destination has to pass: several objects an event, partial success, what is sent again and what is not."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Delivered, Failure, Fault, Rejected, Response, Retry
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Sent, Tester

from .destination import Braze

SETTINGS = {"api_key": "key-0001", "endpoint": "https://rest.iad-01.braze.com", "app_id": "app-0001"}
OK = Response(201, {}, b'{"message":"success"}')


ASKED_FOR = {
    "type": "track",
    "event": "Asked For",
    "userId": "u-1",
    "messageId": "m-asked",
    "timestamp": "2025-01-01T00:00:00.000Z",
    "properties": {"order_id": "o-9", "total": 10, "products": [{"product_id": "p1", "name": "Mug", "price": 10}]},
}


class TestBraze(ActionConformance):
    destination = Braze
    settings: ClassVar = SETTINGS
    events: ClassVar = [ASKED_FOR]
    actions: ClassVar = {
        name: {"action": action, "trigger": 'event = "Asked For"', "mapping": mapping}
        for name, action, mapping in (
            ("order_placed", "ecommerce", {"name": "order_placed"}),
            ("loyalty", "create_alias", {"alias_name": "n-1", "alias_label": "loyalty"}),
            ("thanks", "trigger_campaign", {"campaign_id": "camp-1"}),
            ("journey", "trigger_canvas", {"canvas_id": "canv-1"}),
        )
    }


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Clicked", "userId": f"u-{number}", "messageId": f"m-{number}", **more}


def order(number: int, products: int, quantity: int = 1) -> dict[str, Any]:
    sold = [{"product_id": f"p-{one}", "price": 1.5, "quantity": quantity} for one in range(products)]
    properties = {"order_id": f"o-{number}", "currency": "eur", "products": sold}
    return track(number, event="Order Completed", properties=properties)


def run(*events: dict[str, Any], answers: list[Response], **settings: Any) -> list[Sent]:
    left = iter(answers)
    return Tester(Braze, {**SETTINGS, **settings}).run(*events, answer=lambda request: next(left))


def refused(array: str, *indexes: Any) -> Response:
    errors = [{"type": "'name' is required", "input_array": array, "index": index} for index in indexes]
    return Response(201, {}, msgspec.json.encode({"message": "success", "errors": errors}))


def test_only_the_object_that_is_named_is_refused() -> None:
    [sent] = run(track(1), track(2), track(3), answers=[refused("events", 1)])
    assert sent.outcomes == [DELIVERED, Rejected("refused", "'name' is required"), DELIVERED]


def test_an_index_counts_within_its_array() -> None:
    """Two orders of two products each: the third purchase is of the second order."""
    [sent] = run(order(1, 2), order(2, 2), answers=[refused("purchases", 2)])
    assert sent.outcomes == [DELIVERED, Rejected("refused", "'name' is required")]


def test_an_index_of_another_array_is_not_mistaken_for_one_of_this() -> None:
    actions = {"track_event": {"mapping": {"attributes": {"@path": "$.properties.about"}}}}
    events = [track(1), track(2, properties={"about": {"vip": True}}), track(3)]
    tester = Tester(Braze, SETTINGS, actions=actions)
    [sent] = tester.run(*events, answer=lambda request: refused("attributes", 0))
    body = msgspec.json.decode(sent.requests[0].body)
    assert [len(body["events"]), body["attributes"]] == [
        3,
        [{"vip": True, "external_id": "u-2", "_update_existing_only": False}],
    ]
    assert sent.outcomes == [DELIVERED, Rejected("refused", "'name' is required"), DELIVERED]


@pytest.mark.parametrize("index", [None, 7, -1, "0", True])
def test_an_error_of_nobody_makes_the_batch_smaller_until_it_is_somebodys(index: Any) -> None:
    [several] = run(track(1), track(2), answers=[refused("events", index)])
    assert several.verdict == Failure(Fault.EVENT, "refused", status=201, detail="'name' is required")
    [single] = run(track(1), answers=[refused("events", index)])
    assert single.outcomes == [Rejected("refused", "'name' is required")]


def test_what_braze_took_of_all_requests_of_an_order_is_added_up() -> None:
    counts = [b'{"message":"success","purchases_processed":%d}' % count for count in (75, 75, 9)]
    [sent] = run(order(1, 160), answers=[Response(201, {}, count) for count in counts])
    assert (sent.verdict, sent.report) == (DELIVERED, (160, 159))
    [queued] = run(order(1, 2), answers=[Response(201, {}, b'{"message":"queued"}')])
    assert (queued.verdict, queued.report) == (DELIVERED, None)


def test_a_request_has_at_most_75_objects_and_an_order_is_not_torn() -> None:
    [sent] = run(order(1, 40), order(2, 40), order(3, 35), answers=[OK] * 2)
    assert [len(msgspec.json.decode(request.body)["purchases"]) for request in sent.requests] == [40, 75]
    [sent] = run(order(1, 160), answers=[OK] * 3)
    assert [len(msgspec.json.decode(request.body)["purchases"]) for request in sent.requests] == [75, 75, 10]
    [sent] = run(order(1, 3), order(2, 3), answers=[OK] * 2, max_objects=5)
    assert [len(msgspec.json.decode(request.body)["purchases"]) for request in sent.requests] == [3, 3]


@pytest.mark.parametrize(
    ("answer", "outcomes"),
    [
        (Response(503), [DELIVERED, Retry("http_503"), Retry("http_503")]),
        (Response(429, {"x-ratelimit-retry-after": "9"}), [DELIVERED, Retry("http_429", 9.0), Retry("http_429", 9.0)]),
        (refused("purchases", 0), [DELIVERED, Rejected("refused", "'name' is required"), DELIVERED]),
    ],
)
def test_what_was_taken_is_not_sent_again(answer: Response, outcomes: list[Any]) -> None:
    [sent] = run(order(1, 3), order(2, 3), order(3, 3), answers=[OK, answer, OK], max_objects=3)
    assert sent.outcomes == outcomes


def test_a_first_request_that_fails_is_the_failure_of_all() -> None:
    [sent] = run(order(1, 3), order(2, 3), answers=[Response(401)], max_objects=3)
    assert sent.verdict == Failure(Fault.CONFIGURATION, "http_401", status=401)


def test_a_batch_is_cut_by_count_and_by_bytes() -> None:
    sent = Tester(Braze, SETTINGS).run(*(track(n) for n in range(160)), answer=lambda request: OK)
    assert [len(one.batch) for one in sent] == [75, 75, 10]
    large = [track(n, properties={"text": "x" * 90_000}) for n in range(60)]
    sent = Tester(Braze, SETTINGS).run(*large, answer=lambda request: OK)
    assert [len(one.batch) for one in sent] == [44, 16]
    assert max(len(one.requests[0].body) for one in sent) < 4_000_000
    [too_large] = Tester(Braze, SETTINGS).run(track(1, properties={"text": "x" * 100_000}))
    assert [outcome.reason for outcome in too_large.outcomes if isinstance(outcome, Rejected)] == ["too_large"]


def test_users_are_deleted_by_fifty_and_whoever_is_gone_is_deleted() -> None:
    events = [{"type": "delete", "userId": f"u-{n}", "messageId": f"m-{n}"} for n in range(60)]
    sent = Tester(Braze, SETTINGS).run(*events, answer=lambda request: Response(404, {}, b"{}"))
    assert [len(one.batch) for one in sent] == [50, 10]
    assert all(isinstance(outcome, Delivered) for one in sent for outcome in one.outcomes)


def test_more_than_a_hundred_of_a_product_are_several_purchases() -> None:
    [sent] = run(order(1, 1, quantity=250), answers=[OK])
    assert [one["quantity"] for one in msgspec.json.decode(sent.requests[0].body)["purchases"]] == [100, 100, 50]


@pytest.mark.parametrize(
    ("ids", "identifier"),
    [
        ({"userId": "u-1", "anonymousId": "a-1"}, {"external_id": "u-1"}),
        ({"anonymousId": "a-1"}, {"user_alias": {"alias_name": "a-1", "alias_label": "anonymous_id"}}),
    ],
)
def test_an_object_has_one_identifier_the_best_there_is(ids: dict[str, str], identifier: dict[str, Any]) -> None:
    event = {"type": "track", "event": "E", "context": {"traits": {"email": "ada@example.com"}}, **ids}
    [sent] = Tester(Braze, SETTINGS).run(event)
    [made] = msgspec.json.decode(sent.requests[0].body)["events"]
    keys = {"external_id", "user_alias", "braze_id", "email", "phone"}
    assert {key: made[key] for key in keys & made.keys()} == identifier


@pytest.mark.parametrize(
    "name", ["external_id", "braze_id", "user_alias", "_update_existing_only", "push_token_import"]
)
def test_what_controls_an_object_is_never_taken_from_traits(name: str) -> None:
    """An object with two identifiers is refused, one with somebody else's changes somebody else."""
    traits = {name: "u-2", "plan": "pro"}
    actions = {"track_event": {"mapping": {"attributes": {"@path": "$.properties"}}}}
    identify = {"type": "identify", "userId": "u-1", "messageId": "m-1", "traits": traits}
    sent = Tester(Braze, SETTINGS, actions=actions).run(identify, track(1, properties=traits))
    made = [attributes for one in sent for attributes in msgspec.json.decode(one.requests[0].body)["attributes"]]
    assert made == [{"plan": "pro", "external_id": "u-1", "_update_existing_only": False}] * 2


def test_a_trait_does_not_make_somebody_known_of_an_anonymous_user() -> None:
    identify = {"type": "identify", "anonymousId": "a-1", "traits": {"external_id": "u-2", "plan": "pro"}}
    [sent] = Tester(Braze, SETTINGS).run(identify)
    [made] = msgspec.json.decode(sent.requests[0].body)["attributes"]
    alias = {"alias_name": "a-1", "alias_label": "anonymous_id"}
    assert made == {"plan": "pro", "user_alias": alias, "_update_existing_only": False}


def test_an_attribute_that_is_left_out_does_not_come_back_as_a_custom_one() -> None:
    actions = {"update_user_profile": {"mapping": {"phone": "", "_merge_objects": ""}}}
    identify = {"type": "identify", "userId": "u-1", "traits": {"phone": "+441632960001", "_merge_objects": True}}
    [sent] = Tester(Braze, SETTINGS, actions=actions).run(identify)
    [made] = msgspec.json.decode(sent.requests[0].body)["attributes"]
    assert made == {"external_id": "u-1", "_update_existing_only": False}


@pytest.mark.parametrize(
    ("given", "letter"),
    [
        *(("m", "M"), ("Male", "M"), ("man", "M"), ("F", "F"), ("female", "F"), ("Woman ", "F")),
        *(("other", "O"), ("n", "N"), ("prefer not to say", "P"), ("robot", None), ("", None)),
    ],
)
def test_a_gender_is_one_of_brazes_letters_or_none(given: str, letter: str | None) -> None:
    [sent] = Tester(Braze, SETTINGS).run({"type": "identify", "userId": "u-1", "traits": {"gender": given}})
    [made] = msgspec.json.decode(sent.requests[0].body)["attributes"]
    assert made.get("gender") == letter


def test_an_event_without_a_time_happened_when_it_was_received() -> None:
    [sent] = Tester(Braze, SETTINGS).run({"type": "track", "event": "E", "userId": "u-1"})
    [made] = msgspec.json.decode(sent.requests[0].body)["events"]
    assert made["time"] == "2025-01-01T00:00:00.000+00:00"


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="`endpoint`"):
        Tester(Braze, {**SETTINGS, "endpoint": "iad-01"})


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("started order", "ecommerce.checkout_started"),
        ("REFUNDED ORDER", "ecommerce.order_refunded"),
        ("order cancelled", "ecommerce.order_cancelled"),
    ],
)
def test_an_event_of_a_shop_has_brazes_name_whatever_it_is_called(event: str, name: str) -> None:
    [sent] = Tester(Braze, SETTINGS).run({**ASKED_FOR, "event": event})
    [made] = msgspec.json.decode(sent.requests[0].body)["events"]
    assert made["name"] == name


def test_a_completed_order_is_bought_once() -> None:
    sent = Tester(Braze, SETTINGS).run({**order(1, 1), "event": "Completed order"})
    assert [one.action for one in sent] == ["track_purchase"]
