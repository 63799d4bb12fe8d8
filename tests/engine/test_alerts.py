"""Alerts from the file to their receiver: a whole engine in virtual time, and what a reload changes of them."""

from __future__ import annotations

from typing import Any, Self

import anyio
import msgspec
import pytest
from doorstep.engine import Clock, Engine, load_config
from doorstep.engine.model.exchange import Request, Response

pytestmark = pytest.mark.anyio

CONFIG = """
[engine]
durability = "memory"
[destinations.hook]
type = "webhook"
owner = "growth-data"
settings = { url = "http://receiver/hook", headers = { Authorization = "Bearer s3cret-t0ken" } }
[destinations.ops]
type = "webhook"
sources = ["alerts"]
settings = { url = "http://receiver/ops" }
"""
ALERTS = """
[[alerts]]
on = ["held", "dead_letter"]
to = "ops"
"""


class Receiver:
    """Answers `status` to all but ops; keeps what ops is told."""

    def __init__(self, status: int, body: bytes = b"") -> None:
        self.status = status
        self.body = body
        self.told: list[dict[str, Any]] = []

    async def open(self, settings: object) -> Self:
        return self

    async def send(self, request: Request, timeout_s: float) -> Response:
        if not request.url.endswith("/ops"):
            return Response(self.status, {}, self.body)
        self.told += [event["properties"] for event in msgspec.json.decode(request.body)]
        return Response(200)

    async def aclose(self) -> None:
        """Nothing to close."""


def an_engine(receiver: Receiver, text: str = CONFIG + ALERTS) -> Engine:
    return Engine(
        load_config(text=text),
        clock=Clock(utc=lambda: 1767225600.0 + anyio.current_time()),
        open_transport=receiver.open,  # type: ignore[arg-type]  # as much of it as is used
    )


def events(*names: str) -> list[dict[str, object]]:
    return [{"type": "track", "userId": "u", "event": name, "messageId": f"m-{name}"} for name in names]


async def test_who_is_to_be_told_is_told_and_gets_nothing_else() -> None:
    receiver = Receiver(401, b"no such key: s3cret-t0ken, ask grace@example.com")
    async with an_engine(receiver) as engine:
        await engine.submit(events("a"))
        await anyio.sleep(1)
        await engine.submit(events("b"))
        await anyio.sleep(60)
        receiver.status = 200
        await anyio.sleep(300)
    [began, ended] = receiver.told
    assert (began["news"], began["condition"], began["owner"]) == ("began", "held", "growth-data")
    assert (ended["news"], ended["condition"], ended["state"]) == ("ended", "held", "closed")
    assert began["response"] == "401\nno such key: ***, ask ***"
    assert "s3cret" not in str(receiver.told)
    numbers = engine.statistics()
    assert numbers.received == numbers.accepted == 4
    assert numbers.destinations["hook"].delivered == 2
    assert numbers.destinations["hook"].filtered == {"integrations": 2}
    assert (numbers.destinations["ops"].delivered, numbers.destinations["ops"].filtered) == (2, {"source": 2})


async def test_what_happens_at_the_very_end_is_told_too() -> None:
    receiver = Receiver(400)
    async with an_engine(receiver) as engine:
        await engine.submit(events("a", "b"))
        await engine.drain()
        assert engine.statistics().destinations["hook"].dead_lettered == 2
    assert [(told["news"], told["condition"], told["dead_letters"]) for told in receiver.told] == [
        ("began", "dead_letter", 2)
    ]


async def test_a_reload_brings_alerts_and_takes_them_away() -> None:
    receiver = Receiver(401)
    async with an_engine(receiver, CONFIG) as engine:
        await engine.submit(events("a"))
        await anyio.sleep(1)
        await engine.submit(events("b"))
        await anyio.sleep(60)
        assert receiver.told == []
        engine.reload(load_config(text=CONFIG + ALERTS))
        await anyio.sleep(60)
        assert [told["news"] for told in receiver.told] == ["began"]
        engine.reload(load_config(text=CONFIG))
        receiver.status = 200
        await anyio.sleep(600)
    assert [told["news"] for told in receiver.told] == ["began"]
