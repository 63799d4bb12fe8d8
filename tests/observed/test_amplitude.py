"""Amplitude beside what was observed elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from doorstep.destinations.amplitude.destination import Amplitude
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "*.insert_id": "theirs sends none, and a repeat counts twice",
    "*.use_batch_endpoint": "a setting of theirs that gets among the fields",
    "*].device_type": "no field of Amplitude's",
    "*].os_version": "of a desktop, theirs sends the browser's version",
    "*].adid": "an id of Android, which theirs sends from an iPhone, too",
    "*httpapi events[0].products[*": "no field of Amplitude's; they are among the event's properties",
    "*batch events[0].products[*": "likewise",
    "26: *": "of nobody: Amplitude would refuse it, and whatever is in the same request",
    "148: *": "likewise",
    "*/identify options": "theirs sends the text `undefined`",
    "*/identify identification[0].library": "no field of /identify",
    "52: *.user_id": "absent, where theirs is null",
    "*events[1].productId": "theirs leaves out which product it was",
    "*events[2].productId": "likewise",
    "*].currency": "revenue has a currency",
    "*httpapi events[1].event_properties.*": "theirs keeps nothing of a product but price and quantity",
    "*httpapi events[2].event_properties.*": "likewise",
    "*httpapi events[1].device_manufacturer": "theirs forgets what it read of the user agent",
    "*httpapi events[2].device_manufacturer": "likewise",
    "*httpapi events[1].device_model": "likewise",
    "*httpapi events[2].device_model": "likewise",
    "*httpapi events[1].os_name": "likewise",
    "*httpapi events[2].os_name": "likewise",
}

NAMES = {
    "logEventV2": "log_event",
    "logEvent": "log_event",
    "logPurchase": "log_purchase",
    "identifyUser": "identify_user",
    "mapUser": "map_user",
}
PRESETS = {"Page Calls": "page_viewed", "Screen Calls": "screen_viewed"}


def test_requests_are_what_another_implementation_sends() -> None:
    found = observed("amplitude")
    keys = {"api_key": found.settings["apiKey"], "secret_key": found.settings["secretKey"]}

    def ours(vector: Vector) -> Iterable[Request]:
        name = PRESETS.get(vector.preset, NAMES[vector.action])
        settings: dict[str, Any] = dict(keys)
        if vector.overrides.get("use_batch_endpoint"):
            settings["endpoint"] = "batch"
        if "min_id_length" in vector.overrides:
            settings["min_id_length"] = vector.overrides["min_id_length"]
        actions: dict[str, Any] = {other: {"enabled": False} for other in Amplitude.presets if other != name}
        actions[name] = {"mapping": {}}
        if name == "map_user" or "logEvent" in vector.preset or "V2" in vector.preset:
            actions[name]["trigger"] = "all"
        if name == "log_purchase" and "trackRevenuePerProduct" in vector.overrides:
            actions[name]["mapping"]["revenue_per_product"] = True
        return Tester(Amplitude, settings, actions=actions, spec="any").requests(*vector.events)

    check([_unformed(vector) for vector in found.vectors], lambda vector: map(_unformed_ours, ours(vector)), DIFFERS)


def _unformed(vector: Vector) -> Vector:
    """Their forms as the JSON that they hold, always a list."""
    return msgspec.structs.replace(vector, requests=[_plain(request) for request in vector.requests])


def _plain(request: dict[str, Any]) -> dict[str, Any]:
    return {**request, "body": _read(request["bodyText"])} if "bodyText" in request else request


def _unformed_ours(request: Request) -> Request:
    if request.headers["Content-Type"] != "application/x-www-form-urlencoded":
        return request
    return msgspec.structs.replace(request, body=msgspec.json.encode(_read(request.body.decode())))


def _read(form: str) -> dict[str, Any]:
    fields: dict[str, Any] = dict(parse_qsl(form))
    for name in ("identification", "mapping"):
        if name in fields:
            value = json.loads(fields[name])
            fields[name] = value if isinstance(value, list) else [value]
    return fields
