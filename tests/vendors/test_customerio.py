"""Customer.io as its API description has it: known entities, identifiers of their kind, limits on bytes, a 207 for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

SETTINGS = {"site_id": "site-1", "api_key": "key-1"}
ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
WHO = {"id", "email", "phone", "cio_id"}
HAPPENING = {"identifiers", "name", "id", "timestamp", "attributes"}
SHAPES: Mapping[tuple[str, str], set[str]] = {
    ("person", "identify"): {"identifiers", "timestamp", "attributes", "cio_relationships"},
    ("person", "event"): HAPPENING,
    ("person", "page"): HAPPENING,
    ("person", "screen"): HAPPENING,
    ("person", "delete"): {"identifiers"},
    ("person", "merge"): {"primary", "secondary"},
    ("person", "add_device"): {"identifiers", "device"},
    ("object", "identify"): {"identifiers", "attributes", "cio_relationships"},
    ("object", "identify_anonymous"): {"identifiers", "attributes", "cio_relationships"},
}
DEVICE = {"device": {"token": "t-1", "type": "android"}, "app": {"version": "1.0"}}
OPENED = {"type": "track", "event": "Application Opened", "context": DEVICE, "properties": {"build": 7}}
WRONG = {"type": "track", "event": "N" * 101, "properties": {}}


class TrackApi(Vendor):
    def take(self, request: Request) -> Response:
        expect((request.method, request.url) == ("POST", "https://track.customer.io/api/v2/batch"), "another endpoint")
        expect(request.headers["Authorization"] == "Basic c2l0ZS0xOmtleS0x", "no authorization")
        expect(request.headers["Content-Type"] == "application/json", "not JSON")
        expect(len(request.body) <= 500_000, "too big")
        body = msgspec.json.decode(request.body)
        expect(body.keys() == {"batch"} and body["batch"], "no batch")
        errors = []
        for index, entity in enumerate(body["batch"]):
            expect(len(msgspec.json.encode(entity)) <= 32 * 1024, "an entity too big")
            check_entity(entity)
            if len(entity.get("name", "").encode()) > 100:
                errors.append({"batch_index": index, "reason": "invalid", "field": "name", "message": "too long"})
            else:
                self.took[marker(entity)] += 1
        return Response(207, {}, msgspec.json.encode({"errors": errors})) if errors else Response(200, {}, b"{}")


def check_entity(entity: dict[str, Any]) -> None:
    kind = (entity["type"], entity["action"])
    expect(kind in SHAPES, f"unknown operation {kind}")
    expect(entity.keys() - {"type", "action"} <= SHAPES[kind], f"unknown keys of {kind}: {entity.keys()}")
    expect(all(isinstance(entity[key], int) for key in ("timestamp",) if key in entity), "no Unix seconds")
    if kind[0] == "object":
        expect(entity["identifiers"].keys() == {"object_id", "object_type_id"}, "no identifiers of an object")
        who = {"anonymous_id"} if kind[1] == "identify_anonymous" else WHO
        expect(all(one_of(relation["identifiers"], who) for relation in entity["cio_relationships"]), "no person")
    elif kind[1] == "merge":
        expect(one_of(entity["primary"], WHO) and one_of(entity["secondary"], WHO), "nobody to merge")
    elif SHAPES[kind] is HAPPENING:
        expect(one_of(entity["identifiers"], {*WHO, "anonymous_id"}), "nobody")
        expect(entity["name"] and ULID.fullmatch(entity["id"]), "no name or no ULID")
    else:
        expect(one_of(entity["identifiers"], WHO), "nobody")
    if kind[1] == "add_device":
        expect(entity["device"]["token"] and entity["device"]["platform"] in ("ios", "android"), "no device")


def one_of(identifiers: dict[str, Any], kinds: set[str]) -> bool:
    """Exactly one, and a text."""
    return (
        len(identifiers) == 1
        and identifiers.keys() <= kinds
        and all(isinstance(value, str) and value for value in identifiers.values())
    )


def marker(entity: dict[str, Any]) -> str:
    """What tells entities apart: each event has a user, a time and an id of its own."""
    if "id" in entity:
        return str(entity["id"])
    return msgspec.json.encode(entity).decode()


async def test_every_event_becomes_one_entity_and_only_what_is_wrong_is_refused() -> None:
    vendor = TrackApi()
    events = [
        event | ({"traits": {**event["traits"], "n": number}} if event["type"] in ("identify", "group") else {})
        for number, event in enumerate(mixed(EVENTS, [OPENED, WRONG]))
    ]
    statistics = await run("customerio", SETTINGS, vendor, events)
    wrong = sum(event.get("event") == WRONG["event"] for event in events)
    nameless = sum("userId" not in event and event.get("event") == OPENED["event"] for event in events)
    assert wrong
    assert statistics.dead_lettered == wrong
    assert statistics.delivered == EVENTS - wrong - nameless
    happened = [event for event in events if event["type"] in ("track", "page", "screen")]
    counted = [count for key, count in vendor.took.items() if ULID.fullmatch(key)]
    assert len(counted) == len(happened) - wrong - sum(event.get("event") == OPENED["event"] for event in happened)
    assert set(counted) == {1}
