"""The Chargebee function, without Chargebee."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from doorstep.engine import FunctionTester
from doorstep.engine.functions.testing import FunctionResult
from doorstep.engine.sdk import Delivered, Rejected, Request, Response, Retry

CHARGEBEE = Path(__file__).with_name("chargebee.py")
SETTINGS = {"site": "acme-test", "api_key": "test_key", "item_prices": {"pro": "pro-EUR-monthly"}}
IDENTIFY = {
    "type": "identify",
    "userId": "u-1",
    "messageId": "m-1",
    "traits": {"email": "ada@example.com", "firstName": "Ada", "plan": "pro"},
}
CHANGE = {
    "type": "track",
    "event": "Plan Changed",
    "userId": "u-1",
    "messageId": "m-2",
    "properties": {"subscription_id": "s-7", "plan": "pro", "seats": 3},
}
WRONG = Response(400, {}, b'{"api_error_code": "invalid_request", "message": "item_price_id : not found"}')


def run(event: dict[str, Any], answer: Any = Response(200, {}, b"{}")) -> FunctionResult:  # noqa: B008
    return FunctionTester(CHARGEBEE, SETTINGS, respond=answer).run(event)


def sent(request: Request) -> tuple[str, dict[str, str]]:
    return request.url.removeprefix("https://acme-test.chargebee.com/api/v2/"), dict(parse_qsl(request.body.decode()))


def test_a_customer_is_changed() -> None:
    result = run(IDENTIFY)
    assert result.outcome == Delivered()
    assert [sent(request) for request in result.requests] == [
        ("customers/u-1", {"first_name": "Ada", "email": "ada@example.com"})
    ]
    headers = result.requests[0].headers
    assert headers["Authorization"] == "Basic " + b64encode(b"test_key:").decode()
    assert headers["chargebee-idempotency-key"] == "m-1/customers/u-1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_one_that_is_not_there_is_made() -> None:
    result = run(IDENTIFY, lambda request: Response(404 if request.url.endswith("/u-1") else 200, {}, b"{}"))
    assert result.outcome == Delivered()
    assert [sent(request) for request in result.requests] == [
        ("customers/u-1", {"first_name": "Ada", "email": "ada@example.com"}),
        ("customers", {"id": "u-1", "first_name": "Ada", "email": "ada@example.com"}),
    ]


def test_a_change_of_plan_changes_the_subscription() -> None:
    result = run(CHANGE)
    assert result.outcome == Delivered()
    assert [sent(request) for request in result.requests] == [
        (
            "subscriptions/s-7/update_for_items",
            {"subscription_items[item_price_id][0]": "pro-EUR-monthly", "subscription_items[quantity][0]": "3"},
        )
    ]


def test_a_plan_without_a_price_is_given_up_before_anything_is_sent() -> None:
    result = run({**CHANGE, "properties": {"subscription_id": "s-7", "plan": "free"}})
    assert isinstance(result.outcome, Rejected)
    assert result.requests == []
    assert result.detail.startswith("ValidationError: no item price for the plan 'free' (chargebee.py:")


def test_what_chargebee_refuses_is_given_up_in_its_words_and_what_it_cannot_do_now_comes_again() -> None:
    refused = run(CHANGE, WRONG)
    assert isinstance(refused.outcome, Rejected)
    assert "invalid_request: item_price_id : not found" in refused.detail
    busy = run(CHANGE, Response(429, {"retry-after": "12"}))
    assert isinstance(busy.outcome, Retry)
    assert busy.outcome.after == 12
