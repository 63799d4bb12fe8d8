"""HubSpot as strict as it is: nothing twice in a batch, properties and events that are defined, tokens that expire, limits on requests."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

HOST = "https://api.hubapi.com"
OAUTH = {"client_id": "app-1", "client_secret": "secret-1", "refresh_token": "refresh-1"}
SETTINGS = {"hub_id": "1", "company_id_property": "group_id", "user_id_property": "user_id"}
CONTACT = {"firstname", "lastname", "phone", "company", "user_id", "message_id"}
COMPANY = {"name", "domain", "numberofemployees", "industry", "message_id"}
DEFINED = {"pe1_order_completed", "pe1_product_added", "pe1_product_viewed"}
UNKNOWN = "unknown_property"
ACTIONS = {
    "upsert_contact": {
        "mapping": {"properties": {"message_id": {"@path": "$.messageId"}, UNKNOWN: {"@path": "$.traits.odd"}}}
    },
    "upsert_company": {"mapping": {"properties": {"message_id": {"@path": "$.messageId"}}}},
}


class Account(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[str, dict[str, Any]] = {}
        self.companies: dict[str, dict[str, Any]] = {}
        self.members: set[tuple[str, str]] = set()
        self.tokens: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()

    def take(self, request: Request) -> Response:
        path = request.url.removeprefix(HOST)
        if path == "/oauth/v1/token":
            return self.token(request)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        expect(token in self.tokens, "an unknown token")
        self.tokens[token] += 1
        if self.tokens[token] > 20:
            return refusal(401, "EXPIRED_AUTHENTICATION")
        expect((request.method, request.headers["Content-Type"]) == ("POST", "application/json"), "no POST of JSON")
        body = msgspec.json.decode(request.body)
        match path:
            case "/crm/v3/objects/contacts/batch/upsert":
                return self.upsert(body, self.contacts, "email", CONTACT)
            case "/crm/v3/objects/companies/batch/upsert":
                return self.upsert(body, self.companies, "group_id", COMPANY)
            case "/crm/v3/associations/companies/contacts/batch/create":
                return self.associate(body)
            case "/events/v3/send/batch":
                return self.events(body)
            case "/crm/v3/objects/contacts/gdpr-delete":
                return self.delete(body)
            case "/crm/v3/objects/contacts/search":
                return self.search(body)
        expect(False, f"no such call: {path}")
        raise AssertionError

    def token(self, request: Request) -> Response:
        form = {name: value for name, [value] in parse_qs(request.body.decode()).items()}
        expect(form == {"grant_type": "refresh_token", **OAUTH}, "no such grant")
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = 0
        return Response(
            200, {}, msgspec.json.encode({"access_token": token, "expires_in": 1800, "token_type": "bearer"})
        )

    def upsert(self, body: Any, records: dict[str, dict[str, Any]], id_property: str, known: set[str]) -> Response:
        inputs = body["inputs"]
        expect(0 < len(inputs) <= 100, "too many at once")
        expect(all(one["idProperty"] == id_property and one["id"] == one["id"].strip() for one in inputs), "no id")
        expect(
            all(isinstance(v, str | int | float | bool) for one in inputs for v in one["properties"].values()), "nested"
        )
        if len({one["id"].lower() for one in inputs}) < len(inputs):
            return refusal(400, "VALIDATION_ERROR")
        expect(len({one["objectWriteTraceId"] for one in inputs}) == len(inputs), "a trace id twice")
        results, errors = [], []
        for one in inputs:
            trace = one["objectWriteTraceId"]
            if not one["properties"].keys() <= known:
                context = {"objectWriteTraceId": [trace]}
                errors.append(
                    {"status": "error", "category": "VALIDATION_ERROR", "message": "unknown", "context": context}
                )
                continue
            record = records.setdefault(one["id"], {"id": str(1000 + len(records))})
            record |= one["properties"]
            if "message_id" in one["properties"]:
                self.took[one["properties"]["message_id"]] += 1
            results.append({"id": record["id"], "objectWriteTraceId": trace, "properties": {}})
        answer = {"status": "COMPLETE", "results": results}
        if errors:
            return Response(207, {}, msgspec.json.encode({**answer, "numErrors": len(errors), "errors": errors}))
        return Response(200, {}, msgspec.json.encode(answer))

    def associate(self, body: Any) -> Response:
        contacts, companies = ({one["id"] for one in records.values()} for records in (self.contacts, self.companies))
        for one in body["inputs"]:
            expect(one["type"] == "company_to_contact", "no such association")
            expect(one["from"]["id"] in companies and one["to"]["id"] in contacts, "no such record")
            self.members.add((one["from"]["id"], one["to"]["id"]))
        return Response(201, {}, b'{"status":"COMPLETE","results":[]}')

    def events(self, body: Any) -> Response:
        inputs = body["inputs"]
        expect(0 < len(inputs) <= 500, "too many at once")
        for one in inputs:
            expect(one.keys() <= {"eventName", "email", "occurredAt", "properties", "uuid"}, "unknown keys")
            expect(one["email"] and one["occurredAt"] and one["uuid"], "nobody, or no time")
        if not all(one["eventName"] in DEFINED for one in inputs):
            return refusal(404, "OBJECT_NOT_FOUND")
        self.happened.update(one["uuid"] for one in inputs)
        return Response(204)

    def delete(self, body: Any) -> Response:
        found = [key for key, one in self.contacts.items() if body["objectId"] in (one["id"], key)]
        for key in found:
            del self.contacts[key]
        return Response(204)

    def search(self, body: Any) -> Response:
        [[wanted]] = [group["filters"] for group in body["filterGroups"]]
        expect(wanted["operator"] == "EQ", "no such operator")
        found = [
            {"id": one["id"]} for one in self.contacts.values() if one.get(wanted["propertyName"]) == wanted["value"]
        ]
        return Response(200, {}, msgspec.json.encode({"total": len(found), "results": found}))


def refusal(status: int, category: str) -> Response:
    return Response(status, {}, msgspec.json.encode({"status": "error", "category": category, "message": "no"}))


def with_addresses(count: int) -> list[dict[str, Any]]:
    """Events in which 50 users have addresses, in small letters and large ones, and every tenth contact an unknown property."""
    events = mixed(count)
    for number, event in enumerate(events):
        email = f"{event.get('userId', 'someone')}@example.com"
        event["context"] = {"traits": {"email": email.upper() if number % 2 else email}}
        if event["type"] == "identify":
            event["traits"] = {"email": event["context"]["traits"]["email"], "firstName": "Ada"}
            event["traits"] |= {"odd": 1} if number % 10 == 0 else {}
    return [event for event in events if event["type"] != "delete"]


async def test_only_what_hubspot_cannot_take_is_given_up_and_nothing_counts_twice() -> None:
    account = Account()
    events = with_addresses(EVENTS)
    statistics = await run("hubspot", {**SETTINGS, **OAUTH}, account, events, actions=ACTIONS)
    by_type = {kind: [one for one in events if one["type"] == kind] for kind in ("identify", "group", "track")}
    odd = [one for one in by_type["identify"] if "odd" in one["traits"]]
    unknown = [one for one in by_type["track"] if name_of(one) not in DEFINED]
    assert odd
    assert unknown
    assert statistics.dead_lettered == len(odd) + len(unknown)
    assert statistics.delivered == sum(map(len, by_type.values())) - len(odd) - len(unknown)
    taken = {one["messageId"] for one in (*by_type["identify"], *by_type["group"])} - {one["messageId"] for one in odd}
    assert set(account.took) == taken
    assert len(account.happened) == len(by_type["track"]) - len(unknown)
    assert set(account.happened.values()) == {1}
    assert len(account.members) == len({one["userId"] for one in by_type["group"]})
    assert len(account.tokens) > 1


async def test_who_is_to_be_forgotten_is_found_by_user_id() -> None:
    account = Account()
    users = [f"user-{number:04}" for number in range(20)]
    traits = [{"email": f"{user}@example.com"} for user in users]
    who = [
        {"type": "identify", "userId": user, "messageId": f"i-{user}", "traits": one}
        for user, one in zip(users, traits, strict=True)
    ]
    await run("hubspot", {**SETTINGS, **OAUTH}, account, who)
    assert len(account.contacts) == 20
    forget: list[dict[str, Any]] = [{"type": "delete", "userId": user, "messageId": f"d-{user}"} for user in users[5:]]
    forget[0]["context"] = {"traits": traits[5]}
    statistics = await run("hubspot", {**SETTINGS, **OAUTH}, account, forget)
    assert statistics.delivered == 15
    assert sorted(account.contacts) == [one["email"] for one in traits[:5]]


def name_of(event: dict[str, Any]) -> str:
    return "pe1_" + event["event"].lower().replace(" ", "_")
