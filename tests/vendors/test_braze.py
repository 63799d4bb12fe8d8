"""Braze as strict as it is: one identifier an object, names, times, prices, 75 objects; and the ways in which it refuses only some."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

ENDPOINT = "https://rest.iad-01.braze.com"
IDENTIFIERS = {"external_id", "user_alias", "braze_id"}
ARRAYS = {"attributes", "events", "purchases"}


class BrazeApi(Vendor):
    """Takes what is well-formed. Now and then it refuses one object of a request, or answers that it is too busy for the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.others: Counter[str] = Counter()

    def take(self, request: Request) -> Response:
        expect(request.method == "POST" and request.url.startswith(ENDPOINT + "/"), "another API")
        expect(request.headers["Authorization"] == "Bearer key-0001", "another key")
        expect(len(request.body) <= 4_000_000, "too large")
        path = request.url.removeprefix(ENDPOINT)
        body = msgspec.json.decode(request.body)
        if self.requests % 7 == 0:
            return Response(429, {"x-ratelimit-retry-after": "2"}, b'{"message":"slow down"}')
        return {
            "/users/track": self.track,
            "/users/identify": self.identify,
            "/users/merge": self.merge,
            "/users/delete": self.delete,
        }[path](body)

    def track(self, body: dict[str, list[dict[str, Any]]]) -> Response:
        expect(body and body.keys() <= ARRAYS, f"arrays {body.keys()}")
        expect(sum(map(len, body.values())) <= 75, "more than 75 objects")
        for array, objects in body.items():
            expect(objects, "an empty array")
            for one in objects:
                check_identifier(one)
                CHECKS[array](one)
        last = ("events", len(body.get("events", ())) - 1) if self.requests % 5 == 0 else None
        for array, objects in body.items():
            for index, one in enumerate(objects):
                if (array, index) == last:
                    self.refused.append(message_id(one))
                else:
                    self.took[f"{message_id(one)} {array} {one.get('product_id', '')}"] += 1
        if last is None or last[1] < 0:
            return Response(201, {}, b'{"message":"success"}')
        errors = [{"type": "bad luck", "input_array": last[0], "index": last[1]}]
        return Response(201, {}, msgspec.json.encode({"message": "success", "errors": errors}))

    def identify(self, body: dict[str, Any]) -> Response:
        expect(body.keys() == {"aliases_to_identify", "merge_behavior"}, "fields of /users/identify")
        expect(1 <= len(body["aliases_to_identify"]) <= 50, "aliases by the fifty")
        for one in body["aliases_to_identify"]:
            expect(one.keys() == {"external_id", "user_alias"} and one["external_id"], "who is identified")
            check_alias(one["user_alias"])
        self.others["identified"] += len(body["aliases_to_identify"])
        return Response(201, {}, b'{"message":"success"}')

    def merge(self, body: dict[str, Any]) -> Response:
        expect(1 <= len(body["merge_updates"]) <= 50, "merges by the fifty")
        for one in body["merge_updates"]:
            expect(one.keys() == {"identifier_to_merge", "identifier_to_keep"}, "who is merged")
        self.others["merged"] += len(body["merge_updates"])
        return Response(202, {}, b'{"message":"success"}')

    def delete(self, body: dict[str, Any]) -> Response:
        expect(body and body.keys() <= {"external_ids", "user_aliases"}, "fields of /users/delete")
        count = sum(map(len, body.values()))
        expect(1 <= count <= 50, "users by the fifty")
        self.others["deleted"] += count
        return Response(200, {}, msgspec.json.encode({"deleted": count, "message": "success"}))


def message_id(one: dict[str, Any]) -> str:
    """Where the test's mappings have put it."""
    places = [one, one.get("properties", {}), one.get("properties", {}).get("metadata", {})]
    [found] = [place["message_id"] for place in places if "message_id" in place]
    return str(found)


def check_identifier(one: dict[str, Any]) -> None:
    expect(len(IDENTIFIERS & one.keys()) == 1, f"one identifier: {one.keys()}")
    if "user_alias" in one:
        check_alias(one["user_alias"])


def check_alias(alias: dict[str, Any]) -> None:
    expect(alias.keys() == {"alias_name", "alias_label"} and all(alias.values()), f"an alias {alias}")


def check_event(one: dict[str, Any]) -> None:
    expect(isinstance(one["name"], str) and one["name"], "an event without a name")
    datetime.fromisoformat(one["time"])
    if one["name"].startswith("ecommerce."):
        check_recommended(one["name"], one["properties"])


def check_recommended(name: str, properties: dict[str, Any]) -> None:
    products = [properties] if name == "ecommerce.product_viewed" else properties["products"]
    for product in products:
        expect(product["product_id"] and product["product_name"] and product["variant_id"], "a product")
        expect(type(product["price"]) in (int, float), "a price")
    expect(re.fullmatch("[A-Z]{3}", properties["currency"]) and properties["source"], "currency and source")
    if name != "ecommerce.product_viewed":
        expect(type(properties["total_value"]) in (int, float), "a total")
        expect(all(type(product["quantity"]) is int for product in products), "quantities")


def check_purchase(one: dict[str, Any]) -> None:
    expect(one["product_id"] and re.fullmatch("[A-Z]{3}", one["currency"]), "what was bought")
    expect(type(one["price"]) in (int, float) and 1 <= one["quantity"] <= 100, "for how much")
    datetime.fromisoformat(one["time"])


def check_attributes(one: dict[str, Any]) -> None:
    expect(one.keys() - IDENTIFIERS - {"_update_existing_only"}, "nothing about the user")


CHECKS = {"attributes": check_attributes, "events": check_event, "purchases": check_purchase}


def with_id(path: str) -> Any:
    return {"@merge": {"objects": [{"@path": path}, ID], "direction": "right"}}


ID = {"message_id": {"@path": "$.messageId"}}
ACTIONS = {
    **{
        name: {"properties": with_id("$.properties")}
        for name in ("track_event", "track_page", "track_screen", "track_purchase")
    },
    **{name: {"metadata": ID} for name in ("checkout_started", "order_refunded", "order_cancelled", "product_viewed")},
    "update_user_profile": {"custom_attributes": with_id("$.traits")},
    "update_group": {"custom_attributes": ID},
}


async def test_every_event_is_taken_once() -> None:
    vendor = BrazeApi()
    events = mixed(EVENTS)
    statistics = await run(
        "braze",
        {"api_key": "key-0001", "endpoint": ENDPOINT},
        vendor,
        events,
        actions={name: {"mapping": mapping} for name, mapping in ACTIONS.items()},
    )
    count = Counter(event["type"] for event in events)
    assert vendor.refused
    assert (statistics.delivered, statistics.dead_lettered) == (EVENTS - len(vendor.refused), len(vendor.refused))
    tracked = {event["messageId"] for event in events if event["type"] not in ("alias", "delete")}
    assert {key.split()[0] for key in vendor.took} | set(vendor.refused) == tracked
    assert max(vendor.took.values()) == 1
    both = sum(event["type"] == "identify" and {"userId", "anonymousId"} <= event.keys() for event in events)
    assert vendor.others == {"deleted": count["delete"], "merged": count["alias"], "identified": both}
