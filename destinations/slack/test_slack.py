"""Slack beyond what every destination has to pass."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .destination import Slack

URL = "https://hooks.slack.com/services/T0000/B0000/XyZ"
EVENT = {
    "type": "track",
    "event": "Order <Completed>",
    "userId": "u-1",
    "messageId": "m-1",
    "properties": {"total": 27.5},
}


class TestSlack(ActionConformance):
    destination = Slack
    settings: ClassVar = {"url": URL}
    secret_in_url = True


def test_the_text_is_the_users_template() -> None:
    actions = {"post_message": {"mapping": {"text": {"@template": "*{{event}}* for {{properties.total}}"}}}}
    [sent] = Tester(Slack, {"url": URL}, actions=actions).run(EVENT)
    assert msgspec.json.decode(sent.requests[0].body) == {"text": "*Order <Completed>* for 27.5"}


def test_values_of_the_event_are_no_markup_in_the_default_text() -> None:
    event = {**EVENT, "event": '<!channel> "R&D" isn\'t it', "userId": "<@U1>"}
    [sent] = Tester(Slack, {"url": URL}).run(event)
    text = '*track* &lt;!channel&gt; "R&amp;D" isn\'t it by &lt;@U1&gt;'
    assert msgspec.json.decode(sent.requests[0].body) == {"text": text}


def test_several_messages_of_one_event_are_several_actions() -> None:
    actions = {
        "orders": {"trigger": 'event = "Order <Completed>"', "mapping": {"text": "an order"}},
        "everything": {"trigger": 'type = "track"', "mapping": {"text": "an event"}},
        "post_message": {"enabled": False},
    }
    sent = Tester(Slack, {"url": URL}, actions=actions).run(EVENT)
    assert [(one.action, msgspec.json.decode(one.requests[0].body)["text"]) for one in sent] == [
        ("orders", "an order"),
        ("everything", "an event"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, b"invalid_payload", Fault.EVENT),
        (400, b"no_text", Fault.EVENT),
        (403, b"action_prohibited", Fault.CONFIGURATION),
        (404, b"channel_not_found", Fault.CONFIGURATION),
        (410, b"channel_is_archived", Fault.CONFIGURATION),
        (500, b"rollup_error", Fault.TRANSIENT),
    ],
)
def test_the_word_in_the_body_says_who_must_act(status: int, body: bytes, fault: Fault) -> None:
    [sent] = Tester(Slack, {"url": URL}).run(EVENT, answer=lambda request: Response(status, {}, body))
    assert sent.verdict == Failure(fault, body.decode(), status=status)


def test_a_429_waits_as_long_as_slack_says() -> None:
    [sent] = Tester(Slack, {"url": URL}).run(EVENT, answer=lambda request: Response(429, {"retry-after": "30"}))
    assert isinstance(sent.verdict, Failure)
    assert (sent.verdict.fault, sent.verdict.after) == (Fault.TRANSIENT, 30.0)


def test_ok_is_delivered() -> None:
    [sent] = Tester(Slack, {"url": URL}).run(EVENT, answer=lambda request: Response(200, {}, b"ok"))
    assert sent.outcomes == [DELIVERED]


@pytest.mark.parametrize("url", ["https://example.com/services/x", "ftp://hooks.slack.com/x", ""])
def test_a_url_that_is_no_slack_webhook_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="`url`"):
        Tester(Slack, {"url": url})
