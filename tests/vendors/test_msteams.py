"""Teams as strict as it is: a workflow takes Adaptive Cards, a connector throttles with a 200 that says so in words."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

WORKFLOW = "https://prod-01.westeurope.logic.azure.com/workflows/abc/triggers/manual/paths/invoke?sig=S3cret"
CONNECTOR = "https://example.webhook.office.com/webhookb2/a/IncomingWebhook/b"
THROTTLED = (
    b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x.."
)


class Workflow(Vendor):
    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("POST", WORKFLOW), "another webhook")
        expect(request.headers["Content-Type"] == "application/json", "not JSON")
        expect(len(request.body) <= 28 * 1024, "too large")
        message = msgspec.json.decode(request.body)
        expect(message.keys() == {"type", "attachments"} and message["type"] == "message", "no message")
        [attachment] = message["attachments"]
        expect(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "no Adaptive Card")
        card = attachment["content"]
        expect(card["type"] == "AdaptiveCard" and card["body"], "an empty card")
        expect(
            all(isinstance(fact["value"], str) for fact in card["body"][-1].get("facts", [])), "a fact that is no text"
        )
        self.took[card["body"][0]["text"]] += 1
        return Response(202, {}, b"")


class Connector(Vendor):
    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("POST", CONNECTOR), "another webhook")
        card = msgspec.json.decode(request.body)
        expect(card["@type"] == "MessageCard" and card["summary"] and card["text"], "no MessageCard")
        if self.requests % 17 == 0:
            return Response(200, {}, THROTTLED)
        self.took[card["text"]] += 1
        return Response(200, {}, b"1")


@pytest.mark.parametrize(
    ("vendor", "settings"),
    [(Workflow(), {"url": WORKFLOW}), (Connector(), {"url": CONNECTOR, "format": "message_card"})],
    ids=["workflow", "connector"],
)
async def test_every_event_is_posted_once(vendor: Vendor, settings: dict[str, str]) -> None:
    events = mixed(EVENTS)
    mapping = {"text": {"@path": "$.messageId"}, "facts": {"@path": "$.properties"}}
    actions = {"post_message": {"trigger": 'type != "delete"', "mapping": mapping}}
    statistics = await run("msteams", settings, vendor, events, actions=actions, rate={"per_second": 1000})
    wanted = {event["messageId"] for event in events if event["type"] != "delete"}
    assert set(vendor.took) == wanted
    assert max(vendor.took.values()) == 1
    assert statistics.delivered == len(wanted)
