"""The worked cases: each file has nothing wrong or doubtful in it, is tested event by event, and runs against receivers on loopback."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from doorstep.engine import Config, Engine, load_config
from doorstep.engine.config import examine
from doorstep.engine.tester import EventTester

HERE = Path(__file__).parent
SECRETS = {
    "SHOP_WRITE_KEY": "key-of-the-shop-0001",
    "GA4_MEASUREMENT_ID": "G-ABC1234567",
    "GA4_API_SECRET": "s3cr3t-ga4",
    "META_DATASET_ID": "123456789012345",
    "META_TOKEN": "s3cr3t-meta",
    "HUBSPOT_HUB_ID": "12345678",
    "HUBSPOT_TOKEN": "s3cr3t-hubspot",
    "CUSTOMERIO_SITE_ID": "0123456789abcdef0123",
    "CUSTOMERIO_API_KEY": "s3cr3t-customerio",
}
NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Vendor:
    """Keeps what is posted, by path; answers as the vendors do when all is well."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                posted.append((self.path, body))
                results = [{"id": "1", "properties": {}} for _ in body.get("inputs", [])]
                answer = json.dumps({"events_received": len(body.get("data", [])), "results": results}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def at(self, path: str) -> list[Any]:
        """The bodies that were posted below a path."""
        return [body for where, body in self.posted if where.startswith(path)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.close()


def example(name: str, vendor: Vendor) -> Config:
    """As it is, but for the vendors' addresses, and without a journal."""
    hosts = dict.fromkeys(("GA4_HOST", "META_HOST", "HUBSPOT_URL", "CUSTOMERIO_URL"), vendor.url)
    return load_config(HERE / name, text='[engine]\ndurability = "memory"\n', environ=SECRETS | hosts)


async def run(config: Config, events: list[dict[str, Any]]) -> dict[str, tuple[int, dict[str, int]]]:
    """Through an engine; what each destination was delivered, and what it was not for."""
    async with Engine(config) as engine:
        receipt = await engine.submit([json.dumps(event).encode() for event in events])
        assert receipt.rejected == []
        await engine.drain()
    found = engine.statistics().destinations
    return {name: (one.delivered, one.filtered) for name, one in found.items()}


async def outcomes(config: Config, event: dict[str, Any]) -> dict[str, str]:
    """What the tester says of each destination."""
    reports = await EventTester(config).test(event)
    return {
        one.destination: f"filtered, {one.filtered_by}"
        if one.filtered_by
        else ", ".join(action.outcome for action in one.actions if action.wanted)
        for one in reports
    }


@pytest.mark.parametrize("file", sorted(HERE.glob("*.toml")), ids=lambda file: file.name)
def test_nothing_is_wrong_with_it_or_doubtful(file: Path) -> None:
    found = examine([file], SECRETS)
    assert (found.problems, found.warnings) == ([], [])


# An online shop's conversions ----------------------------------------------------------------------------------------


def order(number: int, **consent: bool) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"m-{number}",
        "anonymousId": "a-1",
        "userId": "u-1",
        "timestamp": NOW,
        "context": {"ip": "203.0.113.9", "consent": {"categoryPreferences": consent}},
        "properties": {
            "order_id": f"o-{number}",
            "revenue": 30,
            "subtotal": 25,
            "currency": "EUR",
            "email": " Ada@Example.com ",
            "products": [{"product_id": "p1", "price": 25, "quantity": 1}],
        },
    }


@pytest.mark.anyio
async def test_a_shop_tells_each_platform_what_it_was_allowed_to_tell(vendor: Vendor) -> None:
    config = example("shop-conversions.toml", vendor)
    both, one = order(1, Analytics=True, Advertising=True), order(2, Analytics=True, Advertising=False)
    viewed = {**order(3, Analytics=True, Advertising=True), "event": "Product Viewed"}
    assert await outcomes(config, both) == {"ga4": "would be sent", "meta": "would be sent"}
    assert await outcomes(config, one) == {"ga4": "would be sent", "meta": "filtered, consent"}
    assert await outcomes(config, viewed) == {"ga4": "would be sent", "meta": "filtered, trigger"}
    assert await run(config, [both, one, viewed]) == {
        "ga4": (3, {}),
        "meta": (1, {"consent": 1, "trigger": 1}),
    }
    [conversions] = vendor.at("/v25.0/123456789012345/events")
    [purchase] = conversions["data"]
    assert purchase["event_name"] == "Purchase"
    assert purchase["custom_data"]["value"] == 25
    assert purchase["user_data"]["em"] == hashlib.sha256(b"ada@example.com").hexdigest()
    sent_to_google = json.dumps(vendor.at("/mp/collect"))
    assert "203.0.113.9" not in sent_to_google
    assert sent_to_google.count('"transaction_id": "o-') == 2


# Product usage to a CRM ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_crm_hears_who_it_is_and_the_few_things_that_matter(vendor: Vendor) -> None:
    config = example("product-usage-to-crm.toml", vendor)
    who = {"userId": "u-1", "timestamp": NOW, "context": {"traits": {"email": "ada@example.com"}}}
    seen = {**who, "type": "identify", "messageId": "m-1", "traits": {"email": "ada@example.com", "plan": "pro"}}
    new = {**who, "type": "identify", "messageId": "m-2", "traits": {"email": "bob@example.com"}}
    seats = {
        **who,
        "type": "track",
        "messageId": "m-3",
        "event": "Seats Added",
        "properties": {"seats": 5, "by": "admin"},
    }
    click = {**who, "type": "track", "messageId": "m-4", "event": "Button Clicked"}
    assert await outcomes(config, seats) == {"crm": "would be sent"}
    assert await outcomes(config, click) == {"crm": "filtered, actions"}
    [(delivered, filtered)] = (await run(config, [seen, new, seats, click])).values()
    assert (delivered, sum(filtered.values())) == (3, 1)
    contacts = [one for body in vendor.at("/crm/v3/objects/contacts") for one in body["inputs"]]
    assert {one["id"]: one["properties"] for one in contacts} == {
        "ada@example.com": {"lifecyclestage": "customer", "plan": "pro"},
        "bob@example.com": {"lifecyclestage": "lead"},
    }
    [events] = [body for path, body in vendor.posted if "contacts" not in path]
    assert [(one["eventName"], one["email"], one["properties"]) for one in events["inputs"]] == [
        ("pe12345678_seats_added", "ada@example.com", {"amount": 5})
    ]


# An audience to e-mail -----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_an_audience_becomes_an_attribute_of_its_people(vendor: Vendor) -> None:
    config = example("audience-to-email.toml", vendor)

    def moved(number: int, name: str, **properties: str) -> dict[str, Any]:
        properties = {"email": f"p{number}@example.com", **properties}
        return {
            "type": "track",
            "event": name,
            "userId": f"u-{number}",
            "messageId": f"m-{number}",
            "timestamp": NOW,
            "properties": properties,
        }

    entered, left = moved(1, "Audience Entered", audience="big spenders"), moved(2, "Audience Exited", audience="x")
    nameless = moved(3, "Audience Entered")
    assert await outcomes(config, entered) == {"email": "would be sent"}
    assert await outcomes(config, nameless) == {"email": "filtered, trigger"}
    assert await run(config, [entered, left, nameless]) == {"email": (2, {"trigger": 1})}
    people = [one for body in vendor.at("/api/v2/batch") for one in body["batch"]]
    assert {one["identifiers"]["id"]: one["attributes"]["audience"] for one in people} == {
        "u-1": "big spenders",
        "u-2": "none",
    }
