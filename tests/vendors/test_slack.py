"""Slack as strict as it is: a message has a text, and a webhook takes one a request."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

URL = "https://hooks.slack.com/services/T0000/B0000/XyZ"
KNOWN = {"text", "blocks", "attachments", "thread_ts", "unfurl_links", "channel", "username", "icon_url", "icon_emoji"}


class SlackWebhook(Vendor):
    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("POST", URL), "another webhook")
        expect(request.headers["Content-Type"] == "application/json", "not JSON")
        message = msgspec.json.decode(request.body)
        expect(message.keys() <= KNOWN, f"unknown keys {message.keys() - KNOWN}")
        if not message.get("text"):
            return Response(400, {}, b"no_text")
        self.took[message["text"]] += 1
        return Response(200, {}, b"ok")


async def test_every_event_is_posted_once() -> None:
    vendor = SlackWebhook()
    events = mixed(EVENTS)
    actions = {"post_message": {"trigger": 'type != "delete"', "mapping": {"text": {"@path": "$.messageId"}}}}
    statistics = await run("slack", {"url": URL}, vendor, events, actions=actions, rate={"per_second": 1000})
    wanted = {event["messageId"] for event in events if event["type"] != "delete"}
    assert set(vendor.took) == wanted
    assert max(vendor.took.values()) == 1
    assert statistics.delivered == len(wanted)
