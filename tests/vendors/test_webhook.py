"""A receiver of mapped events, behind the real engine: nobody's API, but each event once, in the shape that was asked for."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio


class Receiver(Vendor):
    largest = 0

    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("PUT", "https://example.com/in"), "another way")
        events = msgspec.json.decode(request.body)
        self.largest = max(self.largest, len(events))
        for event in events:
            expect(event.keys() <= {"id", "what", "who"}, f"unknown keys {event.keys()}")
            self.took[event["id"]] += 1
        return Response(200)


async def test_what_the_mappings_make_arrives_once() -> None:
    vendor = Receiver()
    events = mixed(max(EVENTS, 1500))
    shape = {"id": {"@path": "$.messageId"}, "who": {"@path": "$.userId"}}
    actions = {
        "tracks": {"trigger": 'type = "track"', "mapping": {**shape, "what": {"@path": "$.event"}}},
        "pages": {"trigger": 'type = "page"', "mapping": shape},
    }
    settings = {"url": "https://example.com/in", "method": "PUT"}
    statistics = await run("webhook", settings, vendor, events, actions=actions, batch={"max_events": 700})
    wanted = {event["messageId"] for event in events if event["type"] in ("track", "page")}
    assert set(vendor.took) == wanted
    assert max(vendor.took.values()) == 1
    assert statistics.delivered == len(wanted)
    assert vendor.largest == 700, "what the user says counts, not the 500 of the type"
    assert statistics.filtered == {"no_action": len(events) - len(wanted)}
