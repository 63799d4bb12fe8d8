"""Amplitude as strict as it is: one bad event refuses a request, only the first is named, and who sends too much is throttled."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

SETTINGS = {"api_key": "amp-key", "secret_key": "amp-secret"}
KNOWN = {
    *(
        "user_id",
        "device_id",
        "event_type",
        "time",
        "event_properties",
        "user_properties",
        "groups",
        "group_properties",
    ),
    *("app_version", "platform", "os_name", "os_version", "device_brand", "device_manufacturer", "device_model"),
    *("carrier", "country", "region", "city", "dma", "language", "price", "quantity", "revenue", "productId"),
    *("revenueType", "currency", "location_lat", "location_lng", "ip", "idfa", "idfv", "adid", "android_id"),
    *("event_id", "session_id", "insert_id", "library", "partner_id", "plan"),
}
REFUSED = {"anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "empty", "{}", "lmy47d", "0", "-1"}


class AmplitudeApi(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.inserted: set[str] = set()
        self.throttled: set[str] = set()
        self.deleted: set[str] = set()

    def take(self, request: Request) -> Response:
        expect(request.method == "POST", request.method)
        url = request.url.removeprefix("https://")
        if url == "amplitude.com/api/2/deletions/users":
            asked = msgspec.json.decode(request.body)
            expect(len(asked["user_ids"]) <= 100, "over 100 users")
            self.deleted |= set(asked["user_ids"])
            return Response(200, {}, b'[{"day":"2026-03-14","status":"staging"}]')
        if url == "api2.amplitude.com/2/httpapi":
            return self.logged(request)
        expect(url in ("api2.amplitude.com/identify", "api2.amplitude.com/groupidentify"), url)
        expect(request.headers["Content-Type"] == "application/x-www-form-urlencoded", "no form")
        form = parse_qs(request.body.decode(), strict_parsing=True)
        expect(form["api_key"] == ["amp-key"], "another key")
        for one in json.loads(form["identification"][0]):
            if url.endswith("groupidentify"):
                expect(one.keys() == {"group_type", "group_value", "group_properties"}, "not a group")
            else:
                self.expect_somebody(one)
            self.took[url.rpartition("/")[2]] += 1
        return Response(200, {}, b"success")

    def logged(self, request: Request) -> Response:
        expect(request.headers["Content-Type"] == "application/json", "not JSON")
        if len(request.body) > 1_000_000:
            return Response(413)
        body = msgspec.json.decode(request.body)
        expect(body["api_key"] == "amp-key", "another key")
        events: list[dict[str, Any]] = body["events"]
        if len(events) >= 2000:
            return Response(413)
        for event in events:
            expect(event.keys() <= KNOWN, f"unknown {event.keys() - KNOWN}")
            expect(type(event["time"]) is int and event["time"] > 10**12, "time is no milliseconds")
            expect(isinstance(event["event_type"], str) and event["event_type"], "event_type")
            self.expect_somebody(event)
        for index, event in enumerate(events):
            if event["event_properties"].get("bad"):
                return _answer(400, events_with_invalid_fields={"event_properties": [index]})
        new = [n for n, e in enumerate(events) if e["insert_id"].endswith("7") and e["insert_id"] not in self.throttled]
        if new:
            self.throttled |= {events[index]["insert_id"] for index in new}
            return _answer(429, throttled_events=new)
        for event in events:
            if event["insert_id"] not in self.inserted:
                self.inserted.add(event["insert_id"])
                if event["event_type"] != "Product Purchased":
                    self.took[event["insert_id"]] += 1
        return _answer(200)

    def expect_somebody(self, one: dict[str, Any]) -> None:
        ids = [one[name] for name in ("user_id", "device_id") if name in one]
        expect(ids, "nobody")
        for id_ in ids:
            expect(isinstance(id_, str) and len(id_) >= 5 and id_.lower() not in REFUSED, f"id {id_}")


def _answer(status: int, **said: Any) -> Response:
    return Response(status, {}, msgspec.json.encode({"code": status, **said}))


async def test_every_event_is_counted_once() -> None:
    vendor = AmplitudeApi()
    events = mixed(EVENTS, [{"type": "track", "event": "Odd", "properties": {"bad": True}}])
    statistics = await run("amplitude", SETTINGS, vendor, events)
    bad = {event["messageId"] for event in events if (event.get("properties") or {}).get("bad")}
    wanted = {e["messageId"] for e in events if e["type"] in ("track", "page", "screen")} - bad
    taken = {key: count for key, count in vendor.took.items() if key.startswith("m-")}
    assert taken == dict.fromkeys(wanted, 1)
    assert statistics.dead_lettered == len(bad) > 0
    assert statistics.filtered == {"no_action": sum(event["type"] == "alias" for event in events)}
    assert vendor.deleted == {event["userId"] for event in events if event["type"] == "delete"}
    groups = sum(event["type"] == "group" for event in events)
    identifies = sum(event["type"] == "identify" for event in events)
    assert vendor.took["groupidentify"] >= groups
    assert vendor.took["identify"] >= groups + identifies
