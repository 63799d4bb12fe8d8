"""The Teams function, without Teams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine import FunctionTester
from doorstep.engine.sdk import Delivered, Filtered, Rejected, Response, Retry

TEAMS = Path(__file__).with_name("teams.py")
SETTINGS = {"webhook_url": "https://prod-01.westeurope.logic.azure.com/workflows/abc"}
ORDER = {"order_id": "o-9", "revenue": 620, "currency": "EUR", "products": [{"product_id": "p1"}, {"product_id": "p2"}]}


def track(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "u-1", "messageId": "m-1", "properties": properties}


def card(event: dict[str, Any]) -> list[Any]:
    result = FunctionTester(TEAMS, SETTINGS, respond=Response(202)).run(event)
    assert result.outcome == Delivered()
    assert result.log == "Teams answered 202"
    [request] = result.requests
    assert (request.method, request.url) == ("POST", SETTINGS["webhook_url"])
    [attachment] = json.loads(request.body)["attachments"]
    body: list[Any] = attachment["content"]["body"]
    return body


def test_a_large_order_is_told_with_its_facts() -> None:
    assert card(track("Order Completed", ORDER)) == [
        {"type": "TextBlock", "text": "A large order: **620.00 EUR**", "wrap": True},
        {
            "type": "FactSet",
            "facts": [
                {"title": "Order", "value": "o-9"},
                {"title": "Customer", "value": "u-1"},
                {"title": "Products", "value": "2"},
            ],
        },
    ]


def test_a_sign_up_is_told_with_its_plan() -> None:
    text, facts = card(track("Signed Up", {"email": "ada@example.com", "plan": "pro"}))
    assert text["text"] == "**ada@example.com** signed up"
    assert facts["facts"] == [{"title": "Plan", "value": "pro"}]


def test_nobody_is_told_of_anything_else() -> None:
    result = FunctionTester(TEAMS, SETTINGS).run(track("Product Viewed", {}))
    assert (result.outcome, result.requests) == (Filtered("not_supported"), [])


def test_an_order_without_an_amount_is_given_up_with_the_line() -> None:
    result = FunctionTester(TEAMS, SETTINGS).run(track("Order Completed", {}))
    assert isinstance(result.outcome, Rejected)
    assert result.detail.startswith("ValidationError: an order needs a revenue or a total (teams.py:")


@pytest.mark.parametrize("status", [429, 503])
def test_while_teams_is_busy_it_is_tried_again(status: int) -> None:
    result = FunctionTester(TEAMS, SETTINGS, respond=Response(status, {"retry-after": "30"})).run(
        track("Signed Up", {})
    )
    assert isinstance(result.outcome, Retry)
    assert result.outcome.after == 30
