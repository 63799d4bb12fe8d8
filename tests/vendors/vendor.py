"""Runs the real engine against a vendor that is a function: `run(type, settings, Vendor())` under virtual time.

A `Vendor` answers each request as the vendor's API would, refuses whatever that would refuse, and remembers which events it took. Now and
then it fails for no reason (`flaky`), as vendors do: what was refused for now has to come again.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

import anyio
from doorstep.engine import Engine
from doorstep.engine.clock import Clock
from doorstep.engine.config import load_config
from doorstep.engine.errors import TransportError
from doorstep.engine.model import Request, Response
from doorstep.engine.sdk.samples import ECOMMERCE, SAMPLES
from doorstep.engine.telemetry import DestinationStatistics

EVENTS = int(os.environ.get("DOORSTEP_VENDOR_EVENTS", "600"))
"""Through each destination; the full form is 10 000: `DOORSTEP_VENDOR_EVENTS=10000 pytest tests/vendors`."""


class Vendor:
    """Subclass it, and answer in `take`. Raise `Malformed` for what the real one would never have been sent."""

    flaky = 0.05
    latency_s = 0.05

    def __init__(self, seed: int = 1) -> None:
        self.took: Counter[str] = Counter()
        """By whatever tells events apart at this vendor: count each one taken."""
        self.requests = 0
        self.malformed: list[str] = []
        self._random = random.Random(seed)

    def take(self, request: Request) -> Response:
        """What the vendor answers."""
        raise NotImplementedError

    # The transport that the engine is given ---------------------------------------------------------------------------

    async def send(self, request: Request, timeout_s: float) -> Response:
        self.requests += 1
        await anyio.sleep(self.latency_s)
        chance = self._random.random()
        if chance < self.flaky / 2:
            raise TransportError("reset")
        if chance < self.flaky:
            return Response(self._random.choice([429, 500, 503]), {"retry-after": "1"})
        try:
            return self.take(request)
        except Malformed as error:
            self.malformed.append(str(error))
            return Response(400, {}, b"malformed")

    async def aclose(self) -> None: ...

    def statistics(self) -> Any:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Malformed(Exception):
    """A request that the vendor's documentation does not allow."""


def expect(condition: object, message: str) -> None:
    """Malformed, unless it holds."""
    if not condition:
        raise Malformed(message)


def mixed(count: int, more: Iterable[Mapping[str, Any]] = (), seed: int = 1) -> list[dict[str, Any]]:
    """Events of all types, each with a `messageId` of its own and one of 50 users, some of them without one or the other id."""
    chance = random.Random(seed)
    kinds = [*SAMPLES.values(), *ECOMMERCE.values(), *more]
    events = []
    for number in range(count):
        event = {**chance.choice(kinds), "messageId": f"m-{number:06}", "userId": f"user-{chance.randrange(50):04}"}
        event["anonymousId"] = f"5f1c8d6e-0000-4000-8000-{chance.randrange(50):012}"
        event["timestamp"] = (
            f"2026-03-0{1 + number % 9}T08:{number % 60:02}:{chance.randrange(60):02}.{number % 1000:03}Z"
        )
        if chance.random() < 0.1 and event["type"] not in ("alias", "group", "delete"):
            del event["userId"]
        elif chance.random() < 0.2:
            del event["anonymousId"]
        events.append(event)
    return events


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


async def run(
    type_: str,
    settings: Mapping[str, Any],
    vendor: Vendor,
    events: Iterable[Mapping[str, Any]],
    **destination: Any,
) -> DestinationStatistics:
    """Sends `events` through an engine with this one destination, and waits for the end. Other keywords are as in the configuration."""
    config = {
        "engine": {"durability": "memory"},
        "destinations": {"it": {"type": type_, "settings": dict(settings), **destination}},
    }
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in config.items())

    async def open_transport(net: object) -> Any:
        return vendor

    engine = Engine(
        load_config(text=text),
        clock=Clock(utc=lambda: 1_772_439_000.0 + anyio.current_time()),
        random=random.Random(1).random,
        open_transport=open_transport,
    )
    async with engine:
        receipt = await engine.submit(list(events))
        assert not receipt.rejected
        await engine.drain(3600)
    statistics = engine.statistics().destinations["it"]
    assert vendor.malformed == []
    assert (statistics.pending, statistics.parked) == (0, 0)
    return statistics
