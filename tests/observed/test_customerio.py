"""Customer.io beside what was observed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from doorstep.destinations.customerio.destination import Customerio
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

BATCH = "POST https://track.customer.io/api/v2/batch"
NAMELESS = "the API has no profile without an id or an email address; ours leaves it out, theirs has it refused"
DIFFERS = {
    f"{BATCH} batch[*].id": "the API wants a ULID here; theirs sends the messageId, which is none",
    f"1: {BATCH}*": NAMELESS,
    f"7: {BATCH} batch[1].*": NAMELESS,
    f"8: {BATCH} batch[1].*": NAMELESS,
    f"16: {BATCH} batch[0].attributes.anonymous_id": "ending a relationship changes no attributes",
    f"17: {BATCH} batch[0].attributes.anonymous_id": "likewise",
    **{
        f"{BATCH} batch[0].attributes.{name}": "theirs loses the traits of a group"
        for name in ("address.*", "description", "domain", "employees", "industry", "phone", "total_billed", "website")
    },
    **{
        f"{vector}: {BATCH} batch[0].attributes.{name}": "likewise"
        for vector in (76, 77)
        for name in ("email", "name", "plan")
    },
    **{
        f"{vector}: {BATCH} batch[0].attributes.anonymous_id": "an object has members, and is no visitor itself"
        for vector in (76, 77)
    },
    f"{BATCH} batch[0].attributes.created_at": "it is an attribute of the object",
    f"{BATCH} batch[0].created_at": "likewise: the API knows no such key of an entity",
    "91: DELETE https://track.customer.io/api/v1/customers/u-1001*": "theirs deletes by v1, where an id may be an email address too",
    f"91: {BATCH}*": "likewise",
}


def test_entities_are_what_another_implementation_sends() -> None:
    found = observed("customerio")
    settings = {"site_id": found.settings["siteId"], "api_key": found.settings["apiKey"]}

    def ours(vector: Vector) -> Iterable[Request]:
        name = (
            "delete_person"
            if vector.action == "onDelete"
            else re.sub("[A-Z]", lambda m: f"_{m[0]}", vector.action).lower()
        )
        actions = {action.name: {"enabled": action.name == name} for action in Customerio.actions}
        return Tester(Customerio, settings, actions=actions).requests(*vector.events)

    check(map(in_a_batch, found.vectors), ours, DIFFERS)


def in_a_batch(vector: Vector) -> Vector:
    """Theirs sends a single event to an endpoint of its own; ours is a batch of one."""
    requests: list[dict[str, Any]] = [
        {**one, "url": one["url"].replace("/entity", "/batch"), "body": {"batch": [one["body"]]}}
        if one["url"].endswith("/entity")
        else one
        for one in vector.requests
    ]
    return msgspec.structs.replace(vector, requests=requests)
