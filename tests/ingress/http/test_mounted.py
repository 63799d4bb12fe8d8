"""The same app in a program that has an HTTP server of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from doorstep.engine import ConfigError, Engine, load_config, tracking_app
from doorstep.engine.clock import LoopTime
from doorstep.engine.ingress.listen import listen_tcp
from doorstep.engine.net.serving import ConnectionLimits, Watches, serve_on
from doorstep.engine.net.serving.listening import Serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from .conftest import Client

pytestmark = [pytest.mark.anyio]

EVENT = b'{"userId":"u-1","event":"Signed Up"}'
MEMORY = '[engine]\ndurability = "memory"\n[destinations.out]\ntype = "webhook"\nsettings = { url = "http://127.0.0.1:9/" }\n'
WEB = '[[ingress]]\ntype = "http"\nlisten = ":8080"\nname = "site"\nkeys = [{ key = "wk", name = "web" }]\n'


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[Client]:
    """`app` on a server, and a client of it."""
    listeners = listen_tcp("test", "127.0.0.1:0")
    serving = Serving(
        app=app,
        listeners=listeners.sockets,
        stop=anyio.Event(),
        grace_s=1.0,
        watches=Watches(ConnectionLimits(), LoopTime()),
    )
    host, port = listeners.addresses[0].rsplit(":", 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_on(), serving)
        async with await anyio.connect_tcp(host, int(port)) as stream:
            yield Client(stream)
        serving.stop.set()
    listeners.close()


@pytest.mark.backends
async def test_it_is_mounted_beside_a_programs_own_pages() -> None:
    engine = Engine(load_config(text=MEMORY + WEB))

    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("at home")

    app = Starlette(routes=[Route("/", home), Mount("/collect", tracking_app(engine))])
    with anyio.fail_after(15):
        async with served(app) as client:
            early = await client.ask("/collect/v1/track", EVENT, {"Authorization": "Basic d2s6"})
            async with engine:
                assert (await client.ask("/", method="GET")).body == b"at home"
                taken = await client.ask("/collect/v1/track", EVENT, {"Authorization": "Basic d2s6"})
                strange = await client.ask("/collect/v1/track", EVENT)
                plain = await client.ask("/collect/events", b"nonsense", {"Authorization": "Bearer wk"})
                statistics = engine.statistics()
                await engine.stop(0)
            late = await client.ask("/collect/v1/track", EVENT, {"Authorization": "Basic d2s6"})
    assert (early.status, early.json["code"]) == (503, "closing")
    assert (taken.status, strange.status, plain.status, late.status) == (200, 401, 400, 503)
    assert (statistics.accepted, statistics.rejected) == (1, {"not_json": 1})


async def post(app: Any, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """What an ASGI server does for one request."""
    sent: list[Any] = []
    messages = [
        {"type": "http.request", "body": body[:10], "more_body": True},
        {"type": "http.request", "body": body[10:]},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "method": "POST", "path": path, "headers": fields}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_keys_can_be_said_by_the_program() -> None:
    async with Engine(load_config(text=MEMORY + WEB)) as engine:
        app = tracking_app(engine, keys=[{"key": "own", "name": "app", "rate": "1/s"}])
        key = {"Authorization": "Bearer own"}
        assert await post(app, "/v1/track", EVENT, key) == (200, {"success": True})
        assert (await post(app, "/v1/track", EVENT, key))[0] == 429
        assert (await post(app, "/v1/track", EVENT, {"Authorization": "Bearer wk"}))[0] == 401
        await engine.stop(0)


async def test_without_an_ingress_anybody_may_send_as_the_program() -> None:
    async with Engine(load_config(text=MEMORY + 'sources = ["program"]\n')) as engine:
        assert (await post(tracking_app(engine), "/v1/track", EVENT, {}))[0] == 200
        assert engine.statistics().destinations["out"].filtered == {}
        await engine.stop(0)


@pytest.mark.parametrize("name", [None, "other"])
async def test_which_ingress_it_is_to_be_must_be_clear(name: str | None) -> None:
    two = WEB + WEB.replace("site", "app").replace('"web"', '"ios"').replace("8080", "8081")
    engine = Engine(load_config(text=MEMORY + two))
    with pytest.raises(ConfigError, match="there are: site, app"):
        tracking_app(engine, name)
    assert "TrackingApp" in repr(tracking_app(engine, "app"))


async def test_it_speaks_http_only() -> None:
    app = tracking_app(Engine(load_config(text=MEMORY)))
    for kind in ("lifespan", "websocket"):
        with pytest.raises(NotImplementedError):
            await app({"type": kind}, None, None)  # type: ignore[arg-type]
