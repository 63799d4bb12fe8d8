"""GA4 beside what was observed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from doorstep.destinations.ga4.destination import Ga4
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "* client_id": "theirs is the userId, so that a person's devices are one browser and sessions break; ours is the browser's",
    "* user_id": "theirs leaves it out unless asked, and with it what User-ID is for",
    "* timestamp_micros": "theirs is of the request, which holds one event; ours may hold 25 and gives each its own",
    "* events[0].timestamp_micros": "likewise",
    "5: * events[0].params.currency": "theirs sends `gbp` as it is; ISO 4217 has capitals",
    "119: * events[0].params.currency": "likewise",
    "16: *": "Google takes letters of ASCII in names and would drop the event; ours refuses it, for all to see",
    "139: *": "likewise",
    "145: * events[0].params.username": "names a person, which Google forbids",
    "151: * events[0].params.email": "likewise",
    "160: * events[0].params.recipient": "likewise, being an e-mail address",
    "67: * events[0].params.method": "the spec's Signed Up has no property for it, but it is Google's parameter and there",
    "61: * events[0].params.items[0].index": "theirs forgets the position of a single product",
    "62: * events[0].params.value": "ours is the sum of the items where the event has none",
    "68: * events[0].params.creative_name": "theirs has the creative as slot, and the slot as location",
    "68: * events[0].params.creative_slot": "likewise",
    "68: * events[0].params.location_id": "likewise: Google wants the id of a place, such as a store",
    "68: * events[0].params.items*": "theirs makes the promotion an item; ours lists the products that it is about",
}


def _name(theirs: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in theirs)


def ours(vector: Vector) -> Iterable[Request]:
    mapping: dict[str, Any] = dict(vector.overrides)
    stream = {"measurement_id": "G-TESTABC123"}
    if mapping.pop("data_stream_type", None):
        stream = {"firebase_app_id": "1:111222333:ios:abcdef0123"}
    if vector.action == "customEvent":
        mapping.setdefault("params", "")  # theirs sends none of the properties unless asked; ours all that it may
    actions = {"it": {"action": _name(vector.action), "trigger": "all", "mapping": mapping}}
    tester = Tester(Ga4, {"api_secret": "ga4-secret-0001", **stream}, actions=actions)
    return [request for sent in tester.run(*vector.events) if sent.action == "it" for request in sent.requests]


def test_requests_are_what_another_implementation_sends() -> None:
    check([vector for vector in observed("ga4").vectors if vector.requests], ours, DIFFERS)
