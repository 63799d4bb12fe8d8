"""HubSpot beside what was observed elsewhere: contacts, companies, custom events, other objects.

Theirs looks at each contact or company, and then changes or creates it; ours has HubSpot do so, in a batch. Compared is what
of a record is sent, each as the item of a batch. What theirs does that ours does not is listed, vector by vector (`LEFT_OUT`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from doorstep.destinations.hubspot.destination import Hubspot
from doorstep.engine.model import Request, Response
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

HOST = "https://api.hubapi.com"
CONTACTS = f"POST {HOST}/crm/v3/objects/contacts/batch/upsert"
COMPANIES = f"POST {HOST}/crm/v3/objects/companies/batch/upsert"
EVENTS = f"POST {HOST}/events/v3/send/batch"
OURS = {
    "upsertContact": "upsert_contact",
    "upsertCompany": "upsert_company",
    "sendCustomBehavioralEvent": "send_custom_behavioral_event",
    "customEvent": "send_custom_behavioral_event",
    "upsertObject": "upsert_object",
    "upsertCustomObjectRecord": "upsert_object",
}
RENAMED = {"eventName": "event_name", "associateContact": "associate_contact"}
LEFT_OUT = {
    **dict.fromkeys(
        (74, 76, 77, 79, 80, 82, 83),
        "adds only who is not there: it reads all of them first, and what it read may be wrong when it writes. "
        "Ours creates or changes, in one request",
    ),
    **dict.fromkeys(
        (85, 86, 88, 89, 91, 92, 94, 95),
        "changes only who is there, likewise after reading, and then creates the company of a domain that the mapping names; with ours, "
        "a group event says who belongs to which company",
    ),
}
"""Not compared, and why. (Of what is compared theirs also reads the definitions of properties and events, and makes those that are not
there: ours leaves the account's schema to its people, and says what is missing.)"""
NAME = "theirs refuses a name without the account's prefix; ours adds it"
ADDRESS = "ours takes an address with spaces around it, or in another script"
COMPANY = "theirs loses a contact whose company is an object; ours takes its name"
GRETA = "inputs.greta.lindqvist@example.com"
KETTLES = f"POST {HOST}/crm/v3/objects/kettle/batch/upsert"
DIFFERS = {
    f"{CONTACTS} inputs.*@*.objectWriteTraceId": "by which a refusal in a batch names the contact",
    f"{COMPANIES} inputs.c-55.objectWriteTraceId": "likewise, the company",
    f"POST {HOST}/crm/v3/objects/contact/batch/upsert inputs.*.objectWriteTraceId": "likewise, the object",
    f"{KETTLES} inputs.c-55.objectWriteTraceId": "likewise",
    f"{EVENTS} inputs[0].uuid": "by which HubSpot can tell a repeat; theirs has nothing of the kind",
    f"{EVENTS} inputs[0].email": "the same address, as HubSpot keeps it: in small letters",
    **{f"{vector}: {EVENTS}*": NAME for vector in (1, 2)},
    **{f"{vector}: {EVENTS}*": ADDRESS for vector in (4, 22, 50)},
    **{f"{vector}: {CONTACTS} {GRETA}.*": COMPANY for vector in (5, 11, 13, 58, 59)},
    **{f"{vector}: {CONTACTS}": COMPANY for vector in (5, 13, 58, 59)},
    f"{COMPANIES} inputs.c-55.properties.country": "theirs loses the country",
    f"{COMPANIES} inputs.c-55.properties.domain": "a URL is no domain",
    f"98: {CONTACTS}*": "who belongs to the company: theirs takes the contact's id from an action before",
    f"98: POST {HOST}/crm/v3/associations/companies/contacts/batch/create*": "likewise; theirs says it one by one",
}


def test_records_are_what_another_implementation_sends() -> None:
    found = observed("hubspot")
    settings = {"hub_id": found.settings["portalId"], "access_token": found.settings["oauth"]["access_token"]}

    def ours(vector: Vector) -> Iterable[Request]:
        name = OURS[vector.action]
        mapping = MAPPINGS.get(vector.action, renamed)(vector.overrides)
        actions = {name: {"trigger": "all", "mapping": mapping}}
        sent = Tester(Hubspot, settings, actions=actions).run(*vector.events, answer=done)
        return [by_id(request) for one in sent for request in one.requests if one.action == name]

    assert {vector.action for vector in found.vectors} == OURS.keys()
    assert LEFT_OUT.keys() <= {vector.id for vector in found.vectors}
    check([as_items(vector) for vector in found.vectors if vector.id not in LEFT_OUT], ours, DIFFERS)


def renamed(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {RENAMED.get(key, key): value for key, value in overrides.items() if key != "companysearchfields"}


def of_object(overrides: Mapping[str, Any]) -> dict[str, Any]:
    details = overrides["object_details"]
    return {
        "object_type": details["object_type"],
        "id_property": details["id_field_name"],
        "id": details["id_field_value"],
        "properties": overrides["properties"],
    }


def of_record(overrides: Mapping[str, Any]) -> dict[str, Any]:
    [(id_property, id_)] = overrides["searchFields"].items()
    return {
        "object_type": overrides["objectType"],
        "id_property": id_property,
        "id": id_,
        "properties": overrides["properties"],
    }


def of_event(overrides: Mapping[str, Any]) -> dict[str, Any]:
    names = ("event_name", "properties")
    return {name: overrides[name] for name in names} | {"email": overrides["record_details"]["email"]}


MAPPINGS = {"upsertObject": of_object, "upsertCustomObjectRecord": of_record, "customEvent": of_event}
"""From their fields to ours, where more than a name differs."""


def done(request: Request) -> Response:
    """What HubSpot says when all goes well."""
    inputs = msgspec.json.decode(request.body)["inputs"]
    results = [{"id": "1", "objectWriteTraceId": one.get("objectWriteTraceId", "")} for one in inputs]
    return Response(200, {}, msgspec.json.encode({"results": results}))


def by_id(request: Request) -> Request:
    """The batch with its contacts or companies by id: theirs has other ones before them, or not."""
    body = msgspec.json.decode(request.body)
    if not request.url.endswith("/upsert"):
        return request
    return msgspec.structs.replace(
        request, body=msgspec.json.encode({"inputs": {one["id"]: one for one in body["inputs"]}})
    )


def as_items(vector: Vector) -> Vector:
    """The vector with its records as the items of one batch, contacts and companies by id; what only looks is left out."""
    items: Any
    if OURS[vector.action] == "send_custom_behavioral_event":
        items = [request["body"] for request in vector.requests if request["method"] == "POST"]
        url = f"{HOST}/events/v3/send/batch"
    elif vector.action == "upsertCustomObjectRecord":
        [request] = vector.requests
        record = request["body"]["properties"]
        items = {record["kettle_id"]: {"id": record["kettle_id"], "idProperty": "kettle_id", "properties": record}}
        url = f"{HOST}/crm/v3/objects/kettle/batch/upsert"
    elif vector.action == "upsertObject":
        upserts = [request for request in vector.requests if request["url"].endswith("/batch/upsert")]
        items = {item["id"]: item for request in upserts for item in request["body"]["inputs"]}
        url = f"{HOST}/crm/v3/objects/contact/batch/upsert"
    else:
        kind = "contacts" if vector.action == "upsertContact" else "companies"
        items = {item["id"]: item for item in _records(vector, kind)}
        url = f"{HOST}/crm/v3/objects/{kind}/batch/upsert"
    requests = [{"method": "POST", "url": url, "body": {"inputs": items}}] if items else []
    return msgspec.structs.replace(vector, requests=requests)


def _records(vector: Vector, kind: str) -> Iterable[dict[str, Any]]:
    created: list[dict[str, Any]] = []
    asked: list[str] = []
    for request in vector.requests:
        body, path = request.get("body") or {}, request["url"].removeprefix(f"{HOST}/crm/v3/objects/{kind}")
        if path == "/batch/read":
            asked = [one["id"] for one in body["inputs"]]
        elif path in ("/batch/create", "/batch/update"):
            created += body["inputs"]
        elif "?idProperty=" in path:
            id_, _, id_property = path.removeprefix("/").partition("?idProperty=")
            yield _record(unquote(id_), id_property, body["properties"])
    new = {one["properties"]["email"]: one for one in created if "email" in one["properties"]}
    known = [one for one in created if "email" not in one["properties"]]
    for email in asked:  # who was changed was found by reading, in the order of what was asked
        yield _record(email, "email", (new[email] if email in new else known.pop(0))["properties"])


def _record(id_: str, id_property: str, properties: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in properties.items() if name != id_property}
    return {"id": id_, "idProperty": id_property, "properties": own}
