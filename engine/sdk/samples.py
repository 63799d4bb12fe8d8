"""One plausible event of each type of the spec: what the tester and the conformance suite run destinations with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COMMON: dict[str, Any] = {
    "anonymousId": "5f1c8d6e-0000-4000-8000-000000000001",
    "userId": "u-1001",
    "timestamp": "2025-01-01T00:00:00.000Z",
    "context": {
        "ip": "203.0.113.9",
        "library": {"name": "analytics.js", "version": "2.1.0"},
        "page": {"url": "https://shop.example.com/mugs?utm_source=mail", "path": "/mugs", "title": "Mugs"},
        "userAgent": "Mozilla/5.0",
    },
}
_TRAITS: dict[str, Any] = {"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace", "plan": "enterprise"}
_ORDER: dict[str, Any] = {
    "order_id": "o-9",
    "revenue": 22.5,
    "currency": "USD",
    "products": [{"product_id": "p1", "name": "Mug", "price": 10, "quantity": 2}],
}
_OWN: dict[str, dict[str, Any]] = {
    "identify": {"traits": _TRAITS},
    "track": {"event": "Order Completed", "properties": _ORDER},
    "page": {"name": "Mugs", "category": "Shop", "properties": {"path": "/mugs", "title": "Mugs"}},
    "screen": {"name": "Basket", "properties": {"items": 2}},
    "group": {"groupId": "g-7", "traits": {"name": "Example Ltd", "employees": 12}},
    "alias": {"previousId": "a-1"},
    "delete": {},
}
SAMPLES: Mapping[str, dict[str, Any]] = {
    type_: {"type": type_, "messageId": f"m-{type_}-0001", **_COMMON, **own} for type_, own in _OWN.items()
}
"""By type; valid for `spec = "segment"`. Copy before changing one."""
