"""What GA4 can be told, as tables: who did it (the same for all events of a request), what happened, and the items of a shop.

Names are Google's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doorstep.engine.sdk import Condition, Field, When


def path(where: str) -> dict[str, Any]:
    """The mapping that reads one place of the event."""
    return {"@path": f"$.{where}"}


def first(*places: str) -> dict[str, Any]:
    """The mapping that takes the first of several places that has something."""
    return {"@coalesce": [path(where) for where in places]}


def _hashed(label: str, kind: str) -> Field:
    return Field(
        label=label,
        description="The user's; goes out hashed. Needs user-provided data collection to be on in GA4.",
        personal=f"google.{kind}",
        hashed="sha256",
    )


def _place(label: str, kind: str) -> Field:
    return Field(label=label, description="Of the user's address; not hashed.", personal=kind)


_ADDRESS = {
    "first_name": _hashed("First name", "name"),
    "last_name": _hashed("Last name", "name"),
    "street": _hashed("Street", "street"),
    "city": _place("City", "ga4.city"),
    "region": _place("Region", "google.state"),
    "postal_code": _place("Postal code", "google.zip"),
    "country": _place("Country", "google.country"),
}
ADDRESS = {name: f"sha256_{name}" if field.hashed else name for name, field in _ADDRESS.items()}
"""Fields of the address, and what Google calls them."""

USER: Mapping[str, Field] = {
    "client_id": Field(
        label="Client ID",
        description="The browser's, as in its `_ga` cookie: events with another one are another user. Web streams need it.",
        default=first("integrations.Google Analytics 4.clientId", "anonymousId", "userId"),
    ),
    "app_instance_id": Field(
        label="App instance ID",
        description="Firebase's for one installation. App streams need it.",
        default=path("integrations.Google Analytics 4.appInstanceId"),
    ),
    "user_id": Field(
        label="User ID", description="Yours for the user, across devices.", default=path("userId"), maximum=256
    ),
    "user_properties": Field(
        label="User properties",
        type="object",
        description="Up to 25, without anything that names a person: Google forbids that.",
    ),
    "email": _hashed("Email", "email"),
    "phone": _hashed("Phone", "phone"),
    **_ADDRESS,
    "ad_user_data": Field(
        label="Consent to ad user data",
        description="Whether the user's data may be sent to Google for ads: true or GRANTED, false or DENIED.",
        default=path("context.consent.categoryPreferences.Advertising"),
    ),
    "ad_personalization": Field(
        label="Consent to personalised ads",
        description="Whether the user may be shown personalised ads: true or GRANTED, false or DENIED.",
        default=path("context.consent.categoryPreferences.Advertising"),
    ),
    "user_location": Field(
        label="Location", type="object", description="`city`, `region_id`, `country_id`, ... in place of `ip_override`."
    ),
    "ip_override": Field(
        label="IP address",
        description='Where the user is, as Google finds it: `{"@path": "$.context.ip"}` for geography in reports.',
    ),
    "device": Field(
        label="Device", type="object", description="`category`, `operating_system`, `browser`, `language`, ..."
    ),
}

EVENT: Mapping[str, Field] = {
    "timestamp_micros": Field(
        label="Time",
        type="integer",
        description="When it happened, in microseconds; at most 72 hours ago. When it was received if it does not say.",
        default={"@timestamp": {"value": path("timestamp"), "format": "microseconds"}},
    ),
    "session_id": Field(
        label="Session ID",
        description="The number in the `_ga_<stream>` cookie: without it the event is in no session.",
        default=path("integrations.Google Analytics 4.sessionId"),
    ),
    "engagement_time_msec": Field(
        label="Engagement time",
        type="integer",
        description="In milliseconds. With 0 users do not count as active.",
        default=1,
    ),
}

MORE = Field(
    label="More parameters",
    type="object",
    description="Parameters of your own. What is no text, number or boolean is left out, and so is whatever names a person.",
)

ITEM: Mapping[str, Any] = {
    "item_id": first("product_id", "sku"),
    "item_name": path("name"),
    "affiliation": path("affiliation"),
    "coupon": path("coupon"),
    "discount": path("discount"),
    "index": path("position"),
    "item_brand": path("brand"),
    "item_category": path("category"),
    "item_variant": path("variant"),
    "price": path("price"),
    "quantity": path("quantity"),
}
"""An item, made of a product."""
_NUMBERS = {"discount": "number", "index": "integer", "price": "number", "quantity": "integer"}
_ITEM_FIELDS = {
    name: Field(label=name, type=_NUMBERS.get(name, "string"), description="Google's.")  # type: ignore[arg-type]
    for name in ITEM
}


def items(where: str = "properties.products") -> dict[str, Any]:
    """Items from a list of products, or from an object that is one."""
    return {"@arrayPath": [f"$.{where}", ITEM]}


_TEXTS: Mapping[str, tuple[str, str, Any]] = {
    "transaction_id": ("Order", "The order's number, by which Google knows a repeated purchase.", "order_id"),
    "affiliation": ("Affiliation", "The shop.", "affiliation"),
    "coupon": ("Coupon", "Of the order.", "coupon"),
    "payment_type": ("Payment", "How it is paid.", "payment_method"),
    "shipping_tier": ("Shipping", "How it is sent.", "shipping_method"),
    "search_term": ("Search term", "What was searched for.", "query"),
    "item_list_id": ("List ID", "The list of products.", "list_id"),
    "item_list_name": ("List", "The name of the list.", "category"),
    "creative_name": ("Creative", "What the promotion looks like.", "creative"),
    "creative_slot": ("Slot", "Where it is.", "position"),
    "promotion_id": ("Promotion ID", "The promotion's.", "promotion_id"),
    "promotion_name": ("Promotion", "Its name.", "name"),
    "method": ("Method", "How: `email`, `google`.", "method"),
    "content_type": ("Content type", "What was shared.", "content_type"),
    "item_id": ("Item", "Which.", "product_id"),
}
_PAGE = {"page_location": "url", "page_referrer": "referrer", "page_title": "title"}

PARAMS: Mapping[str, Field] = {
    **{
        name: Field(label=label, description=description, default=path(f"properties.{where}"))
        for name, (label, description, where) in _TEXTS.items()
    },
    "currency": Field(
        label="Currency",
        description="ISO 4217. Google takes no value without one.",
        default=path("properties.currency"),
        required=When((Condition("value", "is_not"),)),
    ),
    "value": Field(
        label="Value", type="number", description="What it is worth, in `currency`.", default=path("properties.value")
    ),
    "tax": Field(label="Tax", type="number", description="In `currency`.", default=path("properties.tax")),
    "shipping": Field(
        label="Shipping", type="number", description="In `currency`.", default=path("properties.shipping")
    ),
    "group_id": Field(label="Group", description="Which.", default=path("groupId")),
    **{
        name: Field(
            label=name.replace("_", " ").capitalize(),
            description="Of the page.",
            default=first(f"properties.{where}", f"context.page.{where}"),
        )
        for name, where in _PAGE.items()
    },
    "items": Field(
        label="Items",
        type="object",
        multiple=True,
        description="Products: up to 200. One without `item_id` and `item_name` is left out.",
        default=items(),
        properties=_ITEM_FIELDS,
        additional_properties=True,
    ),
}
"""The parameters that Google recommends for its events."""
