"""Meta as strict as its documentation: one bad event, and it takes none of the request."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from doorstep.destinations.meta_conversions.events import STANDARD
from doorstep.destinations.meta_conversions.fields import CUSTOM, USER
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

EVENT = {"event_name", "event_time", "event_id", "action_source", "event_source_url", "user_data", "custom_data"}
HASH = re.compile(r"[0-9a-f]{64}")
HASHED = {name for name, field in USER.items() if field.hashed}
STANDARD_EVENTS = {kind.event for kind in STANDARD}


class Graph(Vendor):
    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("POST", "https://graph.facebook.com/v25.0/123/events"), "another way")
        expect(request.headers["Authorization"] == "Bearer t0ken", "another token")
        body = msgspec.json.decode(request.body)
        expect(body.keys() == {"data"}, f"unknown keys {body.keys()}")
        expect(1 <= len(body["data"]) <= 1000, "too many events")
        events = {(event["event_name"], event["event_id"]) for event in body["data"]}
        expect(len(events) == len(body["data"]), "an event twice")
        for event in body["data"]:
            self.judge(event)
        for event in body["data"]:
            self.took[event["event_id"]] += 1
        return Response(200, {}, b'{"events_received":%d,"messages":[],"fbtrace_id":"T"}' % len(body["data"]))

    def judge(self, event: dict[str, Any]) -> None:
        expect(event.keys() <= EVENT, f"unknown keys {event.keys() - EVENT}")
        expect(event["event_name"] in STANDARD_EVENTS, "an unknown event")
        expect(type(event["event_time"]) is int and 1.7e9 < event["event_time"] < 1.8e9, "no seconds")
        expect(event["action_source"] == "website" and event["event_source_url"], "a website without its URL")
        user, custom = event["user_data"], event.get("custom_data", {})
        expect(user.keys() <= USER.keys(), f"unknown keys {user.keys() - USER.keys()}")
        expect(user.get("client_user_agent") and user.keys() - {"client_user_agent"}, "nobody")
        for name in HASHED & user.keys():
            values = user[name] if isinstance(user[name], list) else [user[name]]
            expect(values and all(HASH.fullmatch(value) for value in values), f"{name} is not hashed")
        expect(custom.keys() <= CUSTOM.keys(), f"unknown keys {custom.keys() - CUSTOM.keys()}")
        expect("currency" not in custom or re.fullmatch("[A-Z]{3}", custom["currency"]), "no currency")
        expect(event["event_name"] != "Purchase" or {"currency", "value"} <= custom.keys(), "a purchase of nothing")
        expect(all(isinstance(one["id"], str) for one in custom.get("contents", [])), "contents without id")


async def test_every_conversion_is_taken_once() -> None:
    vendor = Graph()
    events = mixed(EVENTS)
    statistics = await run("meta_conversions", {"dataset_id": "123", "access_token": "t0ken"}, vendor, events)
    names = {name for kind in STANDARD for name in re.findall(r'"([^"]+)"', kind.trigger)}
    wanted = {
        event["messageId"]
        for event in events
        if event["type"] in ("page", "screen") or event.get("event", "").lower() in names
    }
    assert set(vendor.took) == wanted
    assert max(vendor.took.values()) == 1
    assert statistics.delivered == len(wanted)
