"""GA4 as strict as its documentation: it answers 204 to everything, and would drop what breaks a rule."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from doorstep.destinations.ga4.destination import Ga4
from doorstep.engine.model import Request, Response
from doorstep.engine.sdk.using import presets_of

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
RESERVED = ("_", "firebase_", "ga_", "google_", "gtag.")
USER = {"client_id", "user_id", "user_properties", "user_data", "consent"}
MESSAGE_ID = {"params": {"message_id": {"@path": "$.messageId"}}}


class Collect(Vendor):
    def take(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        expect((request.method, parts.path) == ("POST", "/mp/collect"), "another way")
        expect(dict(parse_qsl(parts.query)) == {"api_secret": "s3cret", "measurement_id": "G-1"}, "another stream")
        expect(len(request.body) < 130_000, "too big")
        body = msgspec.json.decode(request.body)
        expect(body.keys() <= USER | {"events"}, f"unknown keys {body.keys() - USER}")
        expect(isinstance(body.get("client_id"), str), "no client")
        expect(1 <= len(body["events"]) <= 25, "too many events")
        for event in body["events"]:
            self.judge(event)
        return Response(204)

    def judge(self, event: dict[str, Any]) -> None:
        params = event["params"]
        expect(event.keys() == {"name", "params", "timestamp_micros"}, f"unknown keys {event.keys()}")
        expect(1.7e15 < event["timestamp_micros"] < 1.8e15, "no microseconds")
        expect(len(params) <= 25, "too many parameters")
        for name in (event["name"], *params):
            expect(NAME.fullmatch(name) and not name.startswith(RESERVED), f"the name {name}")
        for name, value in params.items():
            if name != "items":
                expect(isinstance(value, str | int | float), f"{name} is no plain value")
                longest = 1000 if name == "page_location" else 100
                expect(not isinstance(value, str) or len(value) <= longest, f"{name} is too long")
        for item in params.get("items", ()):
            expect(item.keys() & {"item_id", "item_name"}, "an item without id and name")
        expect("value" not in params or "currency" in params, "a value without a currency")
        expect(event["name"] != "purchase" or "transaction_id" in params, "a purchase without a number")
        self.took[params["message_id"]] += 1


async def test_every_event_is_taken_once() -> None:
    vendor = Collect()
    events = mixed(EVENTS)
    actions = {name: {"mapping": MESSAGE_ID} for name in presets_of(Ga4) if name != "delete_user"}
    settings = {"api_secret": "s3cret", "measurement_id": "G-1"}
    statistics = await run("ga4", settings, vendor, events, actions=actions)
    wanted = {event["messageId"] for event in events if event["type"] in ("track", "page", "group")}
    assert set(vendor.took) == wanted
    assert max(vendor.took.values()) == 1
    assert statistics.delivered == len(wanted)
