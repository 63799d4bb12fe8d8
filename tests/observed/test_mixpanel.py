"""Mixpanel beside what was observed elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from doorstep.destinations.mixpanel.destination import Mixpanel
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "*.properties.id": "a copy of `distinct_id`, in the way of an event's own `id`",
    "*/import *.properties.$anon_id": "means something on `$identify` only; `$device_id` is what events have",
    "*/import *.properties.$identified_id": "means something on `$identify` only; `$user_id` is what events have",
    "*/import *.properties.$source": "theirs says `segment`",
    "*/import *.properties.mp_lib": "theirs puts its own name before the library's",
    "*/import *.properties.$device_name": "a copy of `$device`",
    "*/import *.properties.$browser": "theirs is an empty text for an app, ours absent",
    "*/import *.properties.ad_tracking_enabled": "theirs is a text, ours the boolean that it was",
    "*/import *.properties.$wifi_enabled": "Mixpanel calls it `$wifi`",
    "*/import *.properties.$wifi": "Mixpanel calls it so, theirs `$wifi_enabled`",
    "*/import *.properties.$region": "known as well as the country, which theirs sends",
    "*/import *.properties.$city": "known as well as the country, which theirs sends",
    "*/import *.properties.currency": "the price of a product is in the order's currency",
    "*/import *.properties.size": "theirs knows some properties of products, ours keeps all",
    "*/engage?ip": "no profile gets the place of this server",
    "*/track?ip": "likewise",
    "*/groups?ip": "likewise",
    "*?verbose": "or nothing is said of what was wrong",
    "*/engage?strict": "or nothing is said of which was wrong",
    "*/track?strict": "likewise",
    "*/groups?strict": "likewise",
    "56: */import [0].event": "a page without a name: theirs is `Viewed ` and nothing",
    "58: */import [1].event": "likewise",
    "59: */import [1].event": "likewise",
    "58: */import [2].properties.$referrer": "empty",
    "64: *api.mixpanel.com/track": "theirs ties an anonymous id to null",
    "64: *api.mixpanel.com/track *": "likewise",
    "*/engage *.$set.first_name": "the spec writes traits in both ways; Mixpanel has a name of its own for it",
    "*/engage *.$set.$first_name": "likewise",
    "*/engage *.$set.last_name": "likewise",
    "*/engage *.$set.$last_name": "likewise",
}

NAMES = {
    "trackEvent": "track_event",
    "trackPurchase": "track_purchase",
    "identifyUser": "identify_user",
    "incrementProperties": "increment_properties",
    "groupIdentifyUser": "group_identify_user",
    "alias": "alias",
}
PRESETS = {"Page Calls": "page_viewed", "Screen Calls": "screen_viewed"}
FIELDS: Mapping[str, str | None] = {"id": None, "generatePurchaseEventPerProduct": None, "enable_batching": None}
"""Theirs that have another name here or none: an alias' `id` is overridden with what the field does not read."""


def test_requests_are_what_another_implementation_sends() -> None:
    found = observed("mixpanel")
    settings = {
        "project_token": found.settings["projectToken"],
        "api_secret": found.settings["apiSecret"],
        "source_name": found.settings["sourceName"],
    }

    def ours(vector: Vector) -> Iterable[Request]:
        name = PRESETS.get(vector.preset, NAMES[vector.action])
        mapping = {FIELDS.get(key, key): made_of for key, made_of in vector.overrides.items()}
        mapping.pop(None, None)
        actions: dict[str, Any] = {other: {"enabled": False} for other in Mixpanel.presets if other != name}
        actions[name] = {"mapping": mapping, **({} if name in Mixpanel.presets else {"trigger": 'type = "track"'})}
        return Tester(Mixpanel, settings, actions=actions, spec="any").requests(*vector.events)

    check([_unformed(vector) for vector in found.vectors], ours, DIFFERS)


def _unformed(vector: Vector) -> Vector:
    """Their form field `data` as the JSON that it holds, in a list of one."""
    requests = []
    for request in vector.requests:
        form = dict(parse_qsl(request.get("bodyText", "")))
        requests.append({**request, "body": [json.loads(form["data"])]} if "data" in form else request)
    return msgspec.structs.replace(vector, requests=requests)
