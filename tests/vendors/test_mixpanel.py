"""Mixpanel as strict as it is: what it refuses it names, and an insert id counts once."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

SETTINGS = {"project_token": "mp-token", "api_secret": "mp-secret"}
REFUSED = {
    "null",
    "undefined",
    "anonymous",
    "0",
    "-1",
    "none",
    "unknown",
    "n/a",
    "nil",
    "anon",
    "[]",
    "{}",
    "true",
    "false",
}


class MixpanelApi(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.inserted: set[str] = set()

    def take(self, request: Request) -> Response:
        host, _, rest = request.url.removeprefix("https://").partition("/")
        path, _, query = rest.partition("?")
        expect((request.method, host) == ("POST", "api.mixpanel.com"), "another host")
        expect(request.headers["Content-Type"] == "application/json", "not JSON")
        expect(len(request.body) <= 10_000_000, "over 10 MB")
        records = msgspec.json.decode(request.body, type=list[dict[str, Any]])
        expect(0 < len(records) <= 2000, f"{len(records)} records")
        if path == "import":
            expect("strict=1" in query, "failures would be silent")
            secret = base64.b64encode(b"mp-secret:").decode()
            expect(request.headers["Authorization"] == f"Basic {secret}", "another secret")
            return self.imported(records)
        expect(path in ("track", "engage", "groups"), path)
        for record in records:
            self.updated(path, record)
        return Response(200, {}, b'{"status":1,"error":null}')

    def imported(self, records: list[dict[str, Any]]) -> Response:
        failed = []
        for index, record in enumerate(records):
            expect(record.keys() == {"event", "properties"}, f"{record.keys()}")
            told = record["properties"]
            expect(1_000_000_000_000 < told["time"] < 1_772_500_000_000 + 86_400_000 * 9, "time")
            expect(isinstance(told["distinct_id"], str) and told["distinct_id"] not in REFUSED, "distinct_id")
            expect(re.fullmatch(r"[A-Za-z0-9-]{1,36}", told["$insert_id"]), "insert id")
            expect(len(told) < 255, "properties")
            if told.get("bad"):
                failed.append({"index": index, "field": "properties.bad", "message": "is bad"})
            elif told["$insert_id"] not in self.inserted:
                self.inserted.add(told["$insert_id"])
                if record["event"] != "Product Purchased":
                    self.took[told["$insert_id"]] += 1
        if not failed:
            return Response(200, {}, b'{"code":200,"status":"OK"}')
        return Response(400, {}, msgspec.json.encode({"code": 400, "error": "some", "failed_records": failed}))

    def updated(self, path: str, record: dict[str, Any]) -> None:
        if path == "track":
            expect(record["event"] in ("$identify", "$create_alias"), record["event"])
            expect(record["properties"]["token"] == "mp-token", "another token")
            return
        expect(record["$token"] == "mp-token", "another token")
        whose = "$group_id" if path == "groups" else "$distinct_id"
        expect(isinstance(record[whose], str) and record[whose] not in REFUSED, whose)
        expect({"$set", "$delete"} & record.keys(), "no operation")
        self.took[f"{path} {'delete' if '$delete' in record else 'set'}"] += 1


async def test_every_event_is_counted_once() -> None:
    vendor = MixpanelApi()
    events = mixed(EVENTS, [{"type": "track", "event": "Odd", "properties": {"bad": True}}])
    statistics = await run("mixpanel", SETTINGS, vendor, events)
    bad = {event["messageId"] for event in events if (event.get("properties") or {}).get("bad")}
    wanted = {e["messageId"] for e in events if e["type"] in ("track", "page", "screen")} - bad
    taken = {key: count for key, count in vendor.took.items() if key.startswith("m-")}
    assert taken == dict.fromkeys(wanted, 1)
    assert len(bad) > 0
    assert statistics.dead_lettered == len(bad)
    assert statistics.delivered == len(events) - len(bad)
    for type_, key in (("identify", "engage set"), ("group", "groups set"), ("delete", "engage delete")):
        assert vendor.took[key] >= sum(event["type"] == type_ for event in events) > 0
