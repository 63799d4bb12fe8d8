"""The survey, without anybody being asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from doorstep.engine import FunctionTester
from doorstep.engine.sdk import Delivered, Filtered, Rejected, Response, Retry

TYPEFORM = Path(__file__).with_name("typeform.py")
SETTINGS = {"form_id": "aBc123", "mail_url": "https://mail.example.com/send", "mail_token": "t0ken"}
LEFT: dict[str, Any] = {
    "type": "track",
    "event": "Application Uninstalled",
    "userId": "u-1",
    "messageId": "m-1",
    "context": {"traits": {"email": "ada@example.com"}, "app": {"version": "2.1.0"}},
}


def test_who_leaves_is_asked_with_who_it_is_in_the_link() -> None:
    result = FunctionTester(TYPEFORM, SETTINGS).run(LEFT)
    assert result.outcome == Delivered()
    assert result.returned == "https://form.typeform.com/to/aBc123#user_id=u-1&version=2.1.0"
    [request] = result.requests
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Idempotency-Key"] == "m-1"
    assert json.loads(request.body) == {
        "to": "ada@example.com",
        "subject": "Why did you leave?",
        "text": "One minute of yours would help us: https://form.typeform.com/to/aBc123#user_id=u-1&version=2.1.0",
    }


def test_nobody_is_asked_twice() -> None:
    first, second = FunctionTester(TYPEFORM, SETTINGS).run_batch(LEFT, {**LEFT, "messageId": "m-2"})
    assert (first.outcome, second.outcome) == (Delivered(), Delivered())
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_a_mail_that_could_not_be_sent_is_sent_later() -> None:
    result = FunctionTester(TYPEFORM, SETTINGS, respond=Response(503)).run(LEFT)
    assert isinstance(result.outcome, Retry)


def test_without_an_address_nobody_can_be_asked_and_other_events_are_none_of_its() -> None:
    result = FunctionTester(TYPEFORM, SETTINGS).run({**LEFT, "context": {}})
    assert isinstance(result.outcome, Rejected)
    assert result.detail.startswith("ValidationError: nobody to ask")
    other = FunctionTester(TYPEFORM, SETTINGS).run({**LEFT, "event": "Application Opened"})
    assert other.outcome == Filtered("not_supported")
