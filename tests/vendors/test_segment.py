"""Segment as strict as it is: a request within its limits, and events that it would not drop without a word."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

SETTINGS = {"write_key": "wk", "public_api_token": "public-token"}
REQUIRED = {"track": "event", "group": "groupId", "alias": "previousId"}
STAMPS = ("receivedAt", "originalTimestamp", "sentAt", "writeKey")


class SegmentApi(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.took_as: dict[str, dict[str, Any]] = {}
        self.suppressed: set[str] = set()

    def take(self, request: Request) -> Response:
        expect(request.method == "POST", request.method)
        if request.url == "https://api.segmentapis.com/regulations":
            expect(request.headers["Authorization"] == "Bearer public-token", "another token")
            asked = msgspec.json.decode(request.body)
            expect((asked["regulationType"], asked["subjectType"]) == ("SUPPRESS_WITH_DELETE", "USER_ID"), "regulation")
            self.suppressed |= set(asked["subjectIds"])
            return Response(200, {}, b'{"data":{"regulateId":"r-1"}}')
        expect(request.url == "https://api.segment.io/v1/batch", request.url)
        expect(request.headers["Authorization"] == "Basic " + base64.b64encode(b"wk:").decode(), "another key")
        if len(request.body) > 500_000:
            return Response(400)
        lines = msgspec.json.decode(request.body, type=dict[str, list[msgspec.Raw]])["batch"]
        expect(0 < len(lines) <= 2500, f"{len(lines)} events")
        for line in lines:
            expect(len(line) <= 32 * 1024, "over 32 KB")
            event = msgspec.json.decode(line)
            expect(event.get("userId") or event.get("anonymousId"), "nobody")
            expect(REQUIRED.get(event["type"], "type") in event, f"{event['type']} without what it needs")
            expect(not any(stamp in event for stamp in STAMPS), "a stamp of the first receiver")
            if event["messageId"] not in self.ids:
                self.ids.add(event["messageId"])
                self.took[event["messageId"]] += 1
                self.took_as[event["messageId"]] = event
        return Response(200, {}, b'{"success":true}')


async def test_every_event_arrives_once_as_it_was() -> None:
    vendor = SegmentApi()
    events = [{**event, "sentAt": "2026-03-02T08:00:00Z"} for event in mixed(EVENTS)]
    statistics = await run("segment", SETTINGS, vendor, events)
    wanted = {event["messageId"]: event for event in events if event["type"] != "delete"}
    assert vendor.took == dict.fromkeys(wanted, 1)
    assert statistics.delivered == len(events)
    assert vendor.suppressed == {event["userId"] for event in events if event["type"] == "delete"}
    for id_, event in wanted.items():
        arrived = vendor.took_as[id_]
        arrived["context"].pop("doorstep")
        assert arrived == {key: value for key, value in event.items() if key != "sentAt"}
