"""Braze beside what was observed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from doorstep.destinations.braze.destination import Braze
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester
from doorstep.engine.sdk.using import presets_of

from .comparing import Vector, check, observed

ACTIONS = {
    "trackEvent": "track_event",
    "trackEvent2": "track_event",
    "trackPurchase": "track_purchase",
    "trackPurchase2": "track_purchase",
    "ecommerce": "ecommerce",
    "ecommerceSingleProduct": "ecommerce_single_product",
    "updateUserProfile": "update_user_profile",
    "updateUserProfile2": "update_user_profile",
    "identifyUser": "identify_user",
    "identifyUser2": "identify_user",
    "createAlias": "create_alias",
    "createAlias2": "create_alias",
    "triggerCampaign": "trigger_campaign",
    "triggerCanvas": "trigger_canvas",
    "onDelete": "delete_user",
}
MORE: Mapping[str, Mapping[str, Any]] = {
    "Order Placed (beta)": {"name": "order_placed"},
    "Checkout Started (beta)": {"name": "checkout_started"},
    "Order Refunded (beta)": {"name": "order_refunded"},
    "Order Cancelled (beta)": {"name": "order_cancelled"},
    "updateUserProfile2": {"_update_existing_only": True},
}
"""Their settings of a subscription that are fields of ours."""
TRACK = "POST https://rest.iad-01.braze.com/users/track"
DIFFERS = {
    f"{TRACK} events[*].time": "theirs says when it was received, ours when it happened",
    f"{TRACK} purchases[*].time": "likewise",
    f"{TRACK} events[*].email": "an object has one identifier; theirs has the external id and the address",
    f"{TRACK} purchases[*].currency": "theirs says USD whatever the order says",
    f"{TRACK} events[*].properties.metadata": "theirs sends an empty object where there is none",
    f"{TRACK} events[*]._update_existing_only": "ours says so with e-commerce events, too: else Braze passes over new aliases",
    f"{TRACK} attributes[*].first_name": "ours reads `first_name`, too",
    f"{TRACK} attributes[*].last_name": "ours reads `last_name`, too",
    f"{TRACK} attributes[*].dob": "ours makes it of `birthday`",
    f"{TRACK} attributes[*].country": "ours makes it of the address",
    f"{TRACK} attributes[*].time_zone": "ours makes it of the context",
    "POST https://rest.iad-01.braze.com/users/identify merge_behavior": "ours says that the data of the alias is kept",
    "185: POST */campaigns/trigger/send*": "theirs sends it to nobody",
    "196: POST */campaigns/trigger/send*": "likewise",
    "232: POST */canvas/trigger/send*": "likewise",
    "POST https://rest.iad-01.braze.com/users/alias/new user_aliases[*].external_id": "ours says whose alias it is",
}


def theirs_refuses(vector: Vector, event: Mapping[str, Any]) -> bool:
    """Ours sends people without a userId under an alias; and a shop without `source`, products without variants: with the next best."""
    properties = event.get("properties") or {}
    if vector.action.startswith(("identify", "trigger")):
        return False
    if not event.get("userId"):
        return True
    if not vector.action.startswith("ecommerce"):
        return False
    products = properties.get("products") or [properties]
    return "source" not in properties or not all("variant" in product for product in products)


def requests(vector: Vector, events: Iterable[Mapping[str, Any]]) -> list[Request]:
    settings = {name: FOUND.settings[name] for name in ("api_key", "app_id", "endpoint")}
    off = {name: {"enabled": False} for name in presets_of(Braze)}
    mapping = {**MORE.get(vector.preset, {}), **vector.overrides}
    trigger = 'type = "identify"' if vector.action.startswith("update") else "all"
    used = {"action": ACTIONS[vector.action], "trigger": trigger, "mapping": mapping}
    return Tester(Braze, settings, actions={**off, "it": used}, spec="any").requests(*events)


FOUND = observed("braze")


def test_requests_are_what_another_implementation_sends() -> None:
    def ours(vector: Vector) -> Iterable[Request]:
        taken = [event for event in vector.events if not theirs_refuses(vector, event)]
        return requests(vector, taken) if taken else []

    check(FOUND.vectors, ours, DIFFERS)


def test_what_it_refuses_is_sent() -> None:
    """But for people without any id, and an order without products."""
    vectors = [one for one in FOUND.vectors if one.mode == "single" and theirs_refuses(one, one.events[0])]
    assert [one.id for one in vectors] == [23, 29, 40, 41, 44, 52, 59, 64, 112, 122, 262]
    assert [one.id for one in vectors if requests(one, one.events)] == [29, 40, 44, 52, 59, 64, 122, 262]
