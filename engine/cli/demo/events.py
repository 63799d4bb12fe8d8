"""Made-up customers of a made-up shop, as events of the Segment spec."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

_PAGES = ["/", "/sale", "/shoes", "/shoes/trail-runner", "/basket", "/help/returns"]
_PRODUCTS = [("Trail Runner", 89.0), ("Rain Jacket", 129.5), ("Wool Socks", 12.9), ("Head Torch", 34.0)]
_CITIES = ["Zürich", "Łódź", "São Paulo", "Reykjavík", "Osaka"]


class Shop:
    """Whoever is in it, and what they do. Every event has its own messageId; nothing else about them is alike for long."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def events(self, count: int) -> list[bytes]:
        """The next `count` events as JSON."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return [self._event(now) for _ in range(count)]

    def _event(self, now: str) -> bytes:
        draw = self._random
        user = f"u-{draw.randrange(5000)}"
        return msgspec.json.encode(
            {
                **draw.choices(_KINDS, weights=_WEIGHTS)[0](draw),
                "userId": user,
                "messageId": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
                "timestamp": now,
                "context": {"library": {"name": "doorstep-demo"}, "locale": draw.choice(["de-CH", "en-GB", "pt-BR"])},
            }
        )


Draw = random.Random


def _page(draw: Draw) -> dict[str, Any]:
    path = draw.choice(_PAGES)
    return {"type": "page", "name": path.rsplit("/", 1)[-1] or "home", "properties": {"path": path}}


def _viewed(draw: Draw) -> dict[str, Any]:
    name, price = draw.choice(_PRODUCTS)
    return {"type": "track", "event": "Product Viewed", "properties": {"name": name, "price": price, "currency": "EUR"}}


def _ordered(draw: Draw) -> dict[str, Any]:
    chosen = [(name, price, draw.randint(1, 3)) for name, price in draw.sample(_PRODUCTS, 2)]
    products = [{"name": name, "price": price, "quantity": quantity} for name, price, quantity in chosen]
    total = round(sum(price * quantity for _, price, quantity in chosen), 2)
    order = {"order_id": f"o-{draw.randrange(10**6)}", "total": total, "currency": "EUR", "products": products}
    return {"type": "track", "event": "Order Completed", "properties": order}


def _identify(draw: Draw) -> dict[str, Any]:
    return {
        "type": "identify",
        "traits": {"plan": draw.choice(["free", "plus"]), "address": {"city": draw.choice(_CITIES)}},
    }


_KINDS: list[Callable[[Draw], dict[str, Any]]] = [_page, _viewed, _ordered, _identify]
_WEIGHTS = [50, 35, 5, 10]
