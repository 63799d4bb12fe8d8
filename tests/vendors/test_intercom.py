"""Intercom with its own ids, a search that lags behind, and no patience with strangers: one call after another, none of them in vain."""

from __future__ import annotations

import email.utils
from collections import Counter
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.model import Request, Response

from .vendor import EVENTS, Vendor, expect, mixed, run

pytestmark = pytest.mark.anyio

HOST = "https://api.intercom.io"
SETTINGS = {"access_token": "token-1"}
RATE = {"rate": {"per_second": 2000}}
LAG_S = 20.0
CONTACT = {"role", "external_id", "email", "phone", "name", "avatar", "signed_up_at", "last_seen_at"}
COMPANY = {"company_id", "name", "plan", "size", "website", "industry", "monthly_spend", "remote_created_at"}


class Workspace(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[str, dict[str, Any]] = {}
        self.companies: dict[str, dict[str, Any]] = {}
        self.attached: Counter[tuple[str, str]] = Counter()

    def take(self, request: Request) -> Response:
        expect(request.url.startswith(f"{HOST}/"), "another host")
        headers = request.headers
        expect(headers["Authorization"] == "Bearer token-1" and headers["Intercom-Version"] == "2.10", "wrong headers")
        expect(("Content-Type" in headers) == bool(request.body), "a body has a type, and nothing else has")
        body = msgspec.json.decode(request.body) if request.body else {}
        match [request.method, *request.url.removeprefix(f"{HOST}/").split("/")]:
            case ["POST", "contacts", "search"]:
                return self.search(body["query"])
            case ["POST", "contacts"]:
                return self.create(body)
            case ["PUT", "contacts", contact]:
                return self.update(contact, body)
            case ["DELETE", "contacts", contact]:
                return answer(200) if self.contacts.pop(contact, None) else not_found()
            case ["POST", "contacts", contact, "companies"]:
                return self.attach(contact, body)
            case ["POST", "companies"]:
                return self.company(body)
            case ["POST", "events"]:
                return self.event(body)
        expect(False, f"no such call: {request.method} {request.url}")
        raise AssertionError

    def search(self, query: dict[str, str]) -> Response:
        expect(query.keys() == {"field", "operator", "value"} and query["operator"] == "=", "no such query")
        expect(query["field"] in ("external_id", "email"), "no such field")
        found = [
            {"id": one["id"], "role": one["role"]}
            for one in self.contacts.values()
            if one.get(query["field"]) == query["value"] and anyio.current_time() - one["since"] >= LAG_S
        ]
        return answer(200, {"total_count": len(found), "data": found})

    def create(self, body: dict[str, Any]) -> Response:
        check_contact(body)
        there = [one["id"] for one in self.contacts.values() if one["external_id"] == body["external_id"]]
        if there:
            return refusal(409, "conflict", f"A contact matching those details already exists with id={there[0]}")
        contact = f"ic-{len(self.contacts)}"
        self.contacts[contact] = {**body, "id": contact, "since": anyio.current_time()}
        return self.seen(body, contact)

    def update(self, contact: str, body: dict[str, Any]) -> Response:
        check_contact(body)
        if contact not in self.contacts:
            return not_found()
        self.contacts[contact] |= body
        return self.seen(body, contact)

    def seen(self, body: dict[str, Any], contact: str) -> Response:
        self.took[body["name"]] += 1
        return answer(200, {"type": "contact", "id": contact})

    def company(self, body: dict[str, Any]) -> Response:
        expect(body["company_id"] and body.keys() <= COMPANY, "no company")
        self.companies[body["company_id"]] = body
        return answer(200, {"type": "company", "id": f"co-{body['company_id']}"})

    def attach(self, contact: str, body: dict[str, Any]) -> Response:
        expect(body.keys() == {"id"} and body["id"].removeprefix("co-") in self.companies, "no such company")
        if contact not in self.contacts:
            return not_found()
        self.attached[contact, body["id"]] += 1
        return answer(200, {"type": "company"})

    def event(self, body: dict[str, Any]) -> Response:
        expect(body.keys() <= {"event_name", "created_at", "user_id", "metadata"}, "unknown keys")
        expect(isinstance(body["created_at"], int) and body["event_name"], "no time or no name")
        expect(not set(".$") & set(body["event_name"]), "no such name")
        for value in body["metadata"].values():
            nested = isinstance(value, dict | list)
            expect(
                not nested or (value.keys() == {"amount", "currency"} and isinstance(value["amount"], int)), "nested"
            )
        if not any(one["external_id"] == body["user_id"] for one in self.contacts.values()):
            return not_found()
        self.took[body["metadata"]["n"]] += 1
        return answer(202)


def check_contact(body: dict[str, Any]) -> None:
    expect(body.keys() <= CONTACT and body["role"] == "user", f"unknown keys {body.keys() - CONTACT}")
    expect(body["external_id"], "nobody")
    expect(
        all(isinstance(body[key], int) for key in ("signed_up_at", "last_seen_at") if key in body), "no Unix seconds"
    )


def answer(status: int, body: Any = None) -> Response:
    """With the time of the engine's clock."""
    date = email.utils.formatdate(1_772_439_000.0 + anyio.current_time(), usegmt=True)
    return Response(status, {"date": date}, msgspec.json.encode(body) if body is not None else b"")


def refusal(status: int, code: str, message: str) -> Response:
    return answer(status, {"type": "error.list", "request_id": "r", "errors": [{"code": code, "message": message}]})


def not_found() -> Response:
    return refusal(404, "not_found", "User Not Found")


def about_users(count: int, known: int) -> list[dict[str, Any]]:
    """Events of 50 users, of whom `known` are identified, at any time: the ids of events are in what Intercom keeps of them."""
    events = [event for event in mixed(count) if event["type"] in ("identify", "track", "group") and "userId" in event]
    for event in events:
        mine = {"email": f"{event['userId']}@example.com", "name": event["messageId"]}
        if event["type"] == "identify":
            event["traits"] = mine
            if int(event["userId"][-4:]) >= known:
                event["userId"] = "user-0000"
        elif event["type"] == "track":
            event["properties"] = {**event.get("properties", {}), "n": event["messageId"]}
    there = {event["userId"] for event in events if event["type"] == "identify"}
    for number in range(known):
        if (user := f"user-{number:04}") not in there:
            events.append({**events[0], "type": "identify", "userId": user, "messageId": f"i-{number}"})
            events[-1] |= {"traits": {"email": f"{user}@example.com", "name": f"i-{number}"}}
    return events


async def test_contacts_are_created_once_and_everything_waits_for_its_contact() -> None:
    workspace = Workspace()
    events = about_users(EVENTS, known=50)
    statistics = await run("intercom", SETTINGS, workspace, events, **RATE)
    assert (statistics.delivered, statistics.dead_lettered) == (len(events), 0)
    assert len(workspace.contacts) == 50
    assert set(workspace.took) == {event["messageId"] for event in events if event["type"] != "group"}
    assert set(workspace.took.values()) == {1}
    assert len(workspace.attached) == len({event["userId"] for event in events if event["type"] == "group"})


async def test_events_of_strangers_are_given_up_and_no_others() -> None:
    workspace = Workspace()
    events = about_users(200, known=10)
    strange = sum(int(event["userId"][-4:]) >= 10 for event in events)
    statistics = await run("intercom", SETTINGS, workspace, events, **RATE)
    assert (statistics.delivered, statistics.dead_lettered) == (len(events) - strange, strange)


async def test_who_is_to_be_forgotten_is_even_if_the_search_is_slow() -> None:
    workspace = Workspace()
    users = [f"user-{number:04}" for number in range(20)]
    who = [
        {"type": "identify", "userId": user, "messageId": f"i-{user}", "traits": {"name": f"i-{user}"}}
        for user in users
    ]
    await run("intercom", SETTINGS, workspace, who, **RATE)
    assert len(workspace.contacts) == 20
    forget = [{"type": "delete", "userId": user, "messageId": f"d-{user}"} for user in [*users[5:], "nobody"]]
    statistics = await run("intercom", SETTINGS, workspace, forget, **RATE)
    assert statistics.delivered == len(forget)
    assert sorted(one["external_id"] for one in workspace.contacts.values()) == users[:5]
