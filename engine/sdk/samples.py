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

_MUG: dict[str, Any] = {
    "product_id": "p1",
    "sku": "MUG-1",
    "category": "Kitchen",
    "name": "Mug",
    "brand": "Ada's",
    "variant": "blue",
    "price": 10,
    "quantity": 2,
    "coupon": "MAY",
    "currency": "USD",
    "position": 1,
    "url": "https://shop.example.com/mugs/1",
    "image_url": "https://shop.example.com/mugs/1.jpg",
}
_BOWL: dict[str, Any] = {
    "product_id": "p2",
    "sku": "BOWL-1",
    "name": "Bowl",
    "price": 7.5,
    "quantity": 1,
    "position": 2,
}
_CART: dict[str, Any] = {"cart_id": "c-5", "products": [_MUG, _BOWL], "currency": "USD"}
_FULL_ORDER: dict[str, Any] = {
    "checkout_id": "ch-3",
    "order_id": "o-9",
    "affiliation": "Web shop",
    "subtotal": 27.5,
    "total": 31.5,
    "revenue": 25.0,
    "shipping": 3,
    "tax": 3.5,
    "discount": 2.5,
    "coupon": "MAY",
    "currency": "USD",
    "products": [_MUG, _BOWL],
}
_STEP: dict[str, Any] = {
    "checkout_id": "ch-3",
    "step": 2,
    "shipping_method": "Post",
    "payment_method": "Card",
    "order_id": "o-9",
}
_LIST: dict[str, Any] = {"list_id": "l-2", "category": "Kitchen", "products": [_MUG, _BOWL]}
_PROMOTION: dict[str, Any] = {"promotion_id": "pr-1", "creative": "banner", "name": "May sale", "position": "top"}
_COUPON: dict[str, Any] = {
    "order_id": "o-9",
    "cart_id": "c-5",
    "coupon_id": "MAY",
    "coupon_name": "May",
    "discount": 2.5,
}
_SHARED: dict[str, Any] = {"share_via": "email", "share_message": "Look!", "recipient": "friend@example.com"}
_EVENTS: dict[str, dict[str, Any]] = {
    "Products Searched": {"query": "blue mugs"},
    "Product List Viewed": _LIST,
    "Product List Filtered": {**_LIST, "filters": [{"type": "color", "value": "blue"}], "sorts": []},
    "Promotion Viewed": _PROMOTION,
    "Promotion Clicked": _PROMOTION,
    "Product Clicked": _MUG,
    "Product Viewed": {**_MUG, "value": 20},
    "Product Added": {**_MUG, "cart_id": "c-5"},
    "Product Removed": {**_MUG, "cart_id": "c-5"},
    "Cart Viewed": _CART,
    "Checkout Started": {**_FULL_ORDER, "value": 31.5},
    "Checkout Step Viewed": _STEP,
    "Checkout Step Completed": _STEP,
    "Payment Info Entered": _STEP,
    "Order Updated": _FULL_ORDER,
    "Order Completed": _FULL_ORDER,
    "Order Refunded": _FULL_ORDER,
    "Order Cancelled": _FULL_ORDER,
    "Coupon Entered": _COUPON,
    "Coupon Applied": _COUPON,
    "Coupon Denied": {**_COUPON, "reason": "expired"},
    "Coupon Removed": _COUPON,
    "Product Added to Wishlist": {**_MUG, "wishlist_id": "w-1", "wishlist_name": "Presents"},
    "Product Removed from Wishlist": {**_MUG, "wishlist_id": "w-1", "wishlist_name": "Presents"},
    "Wishlist Product Added to Cart": {**_MUG, "wishlist_id": "w-1", "cart_id": "c-5"},
    "Product Shared": {**_MUG, **_SHARED},
    "Cart Shared": {**_CART, **_SHARED},
    "Product Reviewed": {"product_id": "p1", "review_id": "r-1", "review_body": "Very blue.", "rating": "5"},
}
ECOMMERCE: Mapping[str, dict[str, Any]] = {
    name: {
        "type": "track",
        "messageId": f"m-{name.lower().replace(' ', '-')}",
        **_COMMON,
        "event": name,
        "properties": properties,
    }
    for name, properties in _EVENTS.items()
}
"""The semantic e-commerce events of the spec, by name. Copy before changing one."""
