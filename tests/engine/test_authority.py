"""A destination whose tokens expire, over real sockets: an authority that is slow, refuses, and takes back what it gave."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.catalogue import Catalogue, Found
from doorstep.engine.sdk import Batch, ClientCredentials, Limits, Request, RequestDestination, Secret, Settings

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


class HubSettings(Settings, frozen=True):
    """Whereto, and as whom."""

    url: str
    client_secret: Secret


class Hub(RequestDestination[HubSettings]):
    """One event a request, each with a token."""

    label = "Hub"
    description = "For tests."
    Settings = HubSettings
    limits = Limits(max_events=1, in_flight=4)

    def __init__(self, settings: HubSettings) -> None:
        super().__init__(settings)
        self.authority = ClientCredentials(
            token_url=f"{settings.url}/token", client_id="us", client_secret=settings.client_secret, secret_in_body=True
        )

    def request(self, batch: Batch) -> Request:
        return Request("POST", f"{self.settings.url}/in", body=batch.envelopes[0].line)


class Vendor:
    """`/token` gives tokens to whoever knows the secret, after a while; `/in` takes events with a token that is still good."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.good: set[str] = set()
        self.secret = "s3cr3t"
        self.asked = self.refused = 0
        self.taken: list[str] = []
        self._lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = vendor.token(body) if self.path == "/token" else vendor.take(self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def token(self, form: bytes) -> tuple[int, bytes]:
        time.sleep(0.05)  # long enough for every slot to miss it
        with self._lock:
            self.asked += 1
            if f"client_secret={self.secret}".encode() not in form:
                return 401, b'{"error": "invalid_client"}'
            token = f"token-{self.asked}"
            self.given.append(token)
            self.good.add(token)
            return 200, json.dumps({"access_token": token, "token_type": "bearer", "expires_in": 3600}).encode()

    def take(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        with self._lock:
            if headers["Authorization"].removeprefix("Bearer ") not in self.good:
                self.refused += 1
                return 401, b""
            self.taken.append(json.loads(body)["messageId"])
            return 200, b""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.close()


CATALOGUE = Catalogue([Found("hub", "here", lambda: Hub)])


def config(vendor: Vendor, secret: str = "s3cr3t", more: str = "") -> Any:
    settings = f'settings = {{ url = "{vendor.url}", client_secret = "{secret}" }}'
    text = f'[engine]\ndurability = "memory"\n[destinations.hub]\ntype = "hub"\n{settings}\n{more}'
    return load_config(text=text, catalogue=CATALOGUE)


async def delivered(engine: Engine, first: int, count: int) -> None:
    before = engine.statistics().destinations["hub"].delivered
    await engine.submit(
        [{"type": "track", "userId": "u", "event": "E", "messageId": f"m-{first + n}"} for n in range(count)]
    )
    with anyio.fail_after(10):
        while engine.statistics().destinations["hub"].delivered < before + count:
            await anyio.sleep(0.01)


async def test_four_slots_share_a_token_and_its_renewal(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Engine(config(vendor), catalogue=CATALOGUE) as engine:
        await delivered(engine, 0, 40)
        assert (vendor.asked, vendor.refused) == (1, 0)
        vendor.good.clear()
        await delivered(engine, 40, 40)
        assert vendor.asked == 2
        assert 1 <= vendor.refused <= 4
        engine.reload(config(vendor, more='timeout = "7s"'))
        await delivered(engine, 80, 4)
        assert vendor.asked == 2
    hub = engine.statistics().destinations["hub"]
    assert (hub.delivered, hub.attempts, hub.retried, hub.dead_lettered) == (84, 84, 0, 0)
    assert sorted(vendor.taken) == sorted(f"m-{n}" for n in range(84))
    shown = caplog.text + repr(engine) + repr(hub)
    assert not any(secret in shown for secret in [*vendor.given, "s3cr3t"])


async def test_an_authority_that_refuses_holds_the_destination_until_its_settings_are_right(vendor: Vendor) -> None:
    async with Engine(config(vendor, secret="wrong"), catalogue=CATALOGUE) as engine:
        await engine.submit([{"type": "track", "userId": "u", "event": "E", "messageId": f"m-{n}"} for n in range(6)])
        with anyio.fail_after(10):
            while engine.statistics().destinations["hub"].state != "held":
                await anyio.sleep(0.01)
        assert (vendor.taken, vendor.refused) == ([], 0)
        engine.reload(config(vendor))
        with anyio.fail_after(10):
            while engine.statistics().destinations["hub"].delivered < 6:
                await anyio.sleep(0.01)
    assert engine.statistics().destinations["hub"].dead_lettered == 0
    assert len(vendor.given) == 1
