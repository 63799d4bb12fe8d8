"""Google's recommended events as a table, and one action for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from doorstep.engine.sdk import Field, named

from .events import Event
from .fields import EVENT, MORE, PARAMS, USER, first, items, path


def _recommended(
    name: str,
    label: str,
    *params: str,
    on: Sequence[str] = (),
    trigger: str = "",
    required: Sequence[str] = (),
    sums_items: bool = False,
    **defaults: Any,
) -> type[Event]:
    """The action for one of Google's recommended events: its parameters, the events that make it, and what is not made of the usual."""
    chosen = {param: PARAMS[param] for param in params}
    chosen |= {param: msgspec.structs.replace(PARAMS[param], required=True) for param in required}
    chosen |= {param: msgspec.structs.replace(chosen[param], default=made_of) for param, made_of in defaults.items()}
    body = {
        "name": name,
        "label": label,
        "description": f"Google's `{name}`.",
        "trigger": trigger or (f'type = "track" and {named(*on)}' if on else ""),
        "event": name,
        "on": tuple(on),
        "sums_items": sums_items,
        "fields": {**USER, **EVENT, **chosen, "params": MORE},
        "__doc__": f"Google's `{name}`.",
    }
    return type(name.title().replace("_", ""), (Event,), body)


_ITEM = items("properties")
_SHOP = ("currency", "value", "items")
_ORDER = (*_SHOP, "affiliation", "coupon", "shipping", "tax")
_LIST = ("item_list_id", "item_list_name", "items")
_PROMOTION = ("creative_name", "creative_slot", "promotion_id", "promotion_name", "items")

RECOMMENDED: tuple[type[Event], ...] = (
    _recommended("page_view", "Page view", "page_location", "page_referrer", "page_title", trigger='type = "page"'),
    _recommended("search", "Search", "search_term", on=["Products Searched"]),
    _recommended(
        "view_item_list",
        "View item list",
        *_LIST,
        on=["Product List Viewed", "Product List Filtered"],
    ),
    _recommended("view_promotion", "View promotion", *_PROMOTION, on=["Promotion Viewed"]),
    _recommended("select_promotion", "Select promotion", *_PROMOTION, on=["Promotion Clicked"]),
    _recommended("select_item", "Select item", *_LIST, on=["Product Clicked"], items=_ITEM),
    _recommended("view_item", "View item", *_SHOP, on=["Product Viewed"], items=_ITEM, sums_items=True),
    _recommended(
        "add_to_cart",
        "Add to cart",
        *_SHOP,
        on=["Product Added", "Wishlist Product Added to Cart"],
        items=_ITEM,
        sums_items=True,
    ),
    _recommended(
        "remove_from_cart",
        "Remove from cart",
        *_SHOP,
        on=["Product Removed"],
        items=_ITEM,
        sums_items=True,
    ),
    _recommended(
        "add_to_wishlist", "Add to wishlist", *_SHOP, on=["Product Added to Wishlist"], items=_ITEM, sums_items=True
    ),
    _recommended("view_cart", "View cart", *_SHOP, on=["Cart Viewed"], sums_items=True),
    _recommended("begin_checkout", "Begin checkout", *_SHOP, "coupon", on=["Checkout Started"], sums_items=True),
    _recommended(
        "add_shipping_info",
        "Add shipping info",
        *(*_SHOP, "coupon", "shipping_tier"),
        on=["Checkout Step Completed"],
    ),
    _recommended("add_payment_info", "Add payment info", *_SHOP, "coupon", "payment_type", on=["Payment Info Entered"]),
    _recommended(
        "purchase",
        "Purchase",
        *_ORDER,
        on=["Order Completed"],
        required=["transaction_id", "currency"],
        value=first("properties.total", "properties.value", "properties.revenue"),
    ),
    _recommended(
        "refund",
        "Refund",
        *_ORDER,
        on=["Order Refunded"],
        required=["transaction_id"],
        value=first("properties.value", "properties.total"),
    ),
    _recommended(
        "share",
        "Share",
        *("method", "content_type", "item_id"),
        on=["Product Shared", "Cart Shared"],
        method=path("properties.share_via"),
        item_id=first("properties.product_id", "properties.cart_id"),
    ),
    _recommended("sign_up", "Sign up", "method", on=["Signed Up"]),
    _recommended("login", "Log in", "method", on=["Signed In"]),
    _recommended("join_group", "Join group", "group_id", trigger='type = "group"'),
    _recommended("generate_lead", "Generate lead", "currency", "value"),
)


class CustomEvent(Event):
    """An event that Google has no name for."""

    name = "custom_event"
    label = "Custom event"
    description = "An event under a name of your own."
    trigger = f'type = "track" and !({named(*(name for kind in RECOMMENDED for name in kind.on))})'
    event = ""
    fields: ClassVar[Mapping[str, Field]] = {
        **USER,
        **EVENT,
        "name": Field(
            label="Name",
            required=True,
            description="Google's name for it: letters, digits and `_`, at most 40. Others become `_`.",
            default=path("event"),
        ),
        "lowercase": Field(label="Lower case", type="boolean", description="Whether the name is put in lower case."),
        "params": msgspec.structs.replace(MORE, default=path("properties")),
    }
