"""What Meta can be told, as tables: the event, the person (hashed, as Meta compares them), what was bought. Names are Meta's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from doorstep.engine.sdk import Field

from .settings import Source


def path(where: str) -> dict[str, Any]:
    """The mapping that reads one place of the event."""
    return {"@path": f"$.{where}"}


def first(*places: str) -> dict[str, Any]:
    """The mapping that takes the first of several places that has something."""
    return {"@coalesce": [path(where) for where in places]}


def _trait(*names: str) -> dict[str, Any]:
    return first(*(f"{where}.{name}" for where in ("context.traits", "traits", "properties") for name in names))


def _hashed(label: str, kind: str, value: dict[str, Any], *, multiple: bool = False) -> Field:
    return Field(
        label=label,
        description="Goes out hashed, as Meta compares it.",
        default=value,
        personal=f"meta.{kind}",
        hashed="sha256",
        multiple=multiple,
    )


EVENT: Mapping[str, Field] = {
    "event_time": Field(
        label="Time",
        type="integer",
        description="When it happened, in seconds since 1970; at most seven days ago. When it was received if it does not say.",
        default={"@timestamp": {"value": path("timestamp"), "format": "seconds"}},
    ),
    "event_id": Field(
        label="Event ID",
        description="By which Meta knows a repetition, and the same event from the pixel.",
        default=path("messageId"),
    ),
    "action_source": Field(
        label="Action source",
        description="Where it took place. Without: `app` if a device is known, `website` if a browser is, else as in the settings.",
        choices=get_args(Source),
    ),
    "event_source_url": Field(
        label="URL", description="Where the browser was.", default=first("context.page.url", "properties.page_url")
    ),
    "opt_out": Field(label="Opt out", type="boolean", description="Attribution only: no use for ads delivery."),
    "data_processing_options": Field(
        label="Limited Data Use", type="boolean", description="Whether it holds for this event."
    ),
    "data_processing_options_country": Field(
        label="Country of Limited Data Use", type="integer", description="1: USA; 0: for Meta to find out.", default=0
    ),
    "data_processing_options_state": Field(
        label="State of Limited Data Use",
        type="integer",
        description="1000: California; 0: for Meta to find out.",
        default=0,
    ),
}

USER: Mapping[str, Field] = {
    "em": _hashed("Email", "email", _trait("email")),
    "ph": _hashed("Phone", "phone", _trait("phone")),
    "fn": _hashed("First name", "name", _trait("firstName", "first_name")),
    "ln": _hashed("Last name", "name", _trait("lastName", "last_name")),
    "ge": _hashed("Gender", "gender", _trait("gender")),
    "db": _hashed("Date of birth", "date_of_birth", _trait("birthday")),
    "ct": _hashed("City", "city", _trait("address.city")),
    "st": _hashed("State", "state", _trait("address.state")),
    "zp": _hashed("Zip code", "zip", _trait("address.postalCode", "address.postal_code")),
    "country": _hashed("Country", "country", _trait("address.country")),
    "external_id": _hashed("External ID", "id", first("userId", "anonymousId"), multiple=True),
    "client_ip_address": Field(label="IP address", description="The user's.", default=path("context.ip")),
    "client_user_agent": Field(
        label="User agent", description="The browser's. A website's event needs it.", default=path("context.userAgent")
    ),
    "fbc": Field(
        label="Click ID",
        description="The `_fbc` cookie. Without, it is made of the `fbclid` in the URL.",
        default=first("properties.fbc", "context.fbc"),
    ),
    "fbp": Field(label="Browser ID", description="The `_fbp` cookie.", default=first("properties.fbp", "context.fbp")),
    "madid": Field(
        label="Advertising ID",
        description="The phone's; an app's events only.",
        default=path("context.device.advertisingId"),
        personal="meta.device",
    ),
    "anon_id": Field(label="Install ID", description="The SDK's for one installation; an app's events only."),
    "subscription_id": Field(label="Subscription ID", description="As in this conversion."),
    "fb_login_id": Field(label="Login ID", type="integer", description="From Facebook Login."),
    "lead_id": Field(label="Lead ID", type="integer", description="From a lead ad."),
    "page_id": Field(label="Page ID", description="The page that talked to the user."),
    "page_scoped_user_id": Field(label="Page-scoped user ID", description="In Messenger."),
    "ctwa_clid": Field(label="Click to WhatsApp ID", description="From an ad that opens WhatsApp."),
    "ig_account_id": Field(label="Instagram account ID", description="The account that talked to the user."),
    "ig_sid": Field(label="Instagram-scoped ID", description="The user's, in Instagram's messages."),
    "partner_id": Field(label="Partner ID", description="The user's, at a partner of Meta's."),
    "partner_name": Field(label="Partner", description="Which partner that is."),
}
APP_ONLY = ("madid", "anon_id")
FULL_NAME: Mapping[str, Field] = {
    "full_name": Field(
        label="Full name",
        description="One of two words goes out as first and last name, hashed, where neither is given.",
        default=first("context.traits.name", "traits.name"),
        personal="meta.name",
        hashed="sha256",
    )
}

EXTINFO = (
    *("platform", "package", "short_version", "long_version", "os_version", "model", "locale", "timezone_abbreviation"),
    *("carrier", "width", "height", "density", "cores", "storage", "free_storage", "timezone"),
)
"""What Meta wants to know of a device, in its order."""
_DEVICE = {
    "platform": path("context.device.type"),
    "package": path("context.app.namespace"),
    "short_version": path("context.app.version"),
    "long_version": path("context.app.build"),
    "os_version": path("context.os.version"),
    "model": path("context.device.model"),
    "locale": path("context.locale"),
    "carrier": path("context.network.carrier"),
    "width": path("context.screen.width"),
    "height": path("context.screen.height"),
    "density": path("context.screen.density"),
    "timezone": path("context.timezone"),
}
APP: Mapping[str, Field] = {
    "app_data": Field(
        label="App",
        type="object",
        description="The app and the device of an app's event.",
        default={
            **_DEVICE,
            "advertiser_tracking_enabled": path("context.device.adTrackingEnabled"),
            "application_tracking_enabled": True,
        },
        properties={
            **{name: Field(label=name, description="Of the device.") for name in EXTINFO},
            "advertiser_tracking_enabled": Field(label="Tracking", type="boolean", description="The user's will."),
            "application_tracking_enabled": Field(label="App tracking", type="boolean", description="The app's."),
            "install_referrer": Field(label="Install referrer", description="Google Play's."),
        },
    )
}

_CONTENT = {"id": first("product_id", "sku"), "quantity": path("quantity"), "item_price": path("price")}
_CONTENTS = {
    "@if": {
        "exists": path("properties.products"),
        "then": {"@arrayPath": ["$.properties.products", _CONTENT]},
        "else": {"@arrayPath": ["$.properties", _CONTENT]},
    }
}

CUSTOM: Mapping[str, Field] = {
    "currency": Field(label="Currency", description="ISO 4217.", default=path("properties.currency")),
    "value": Field(
        label="Value",
        type="number",
        description="What it is worth, in `currency`.",
        default=first("properties.revenue", "properties.value", "properties.total"),
    ),
    "contents": Field(
        label="Contents",
        type="object",
        multiple=True,
        description="Products. One without an id is left out.",
        default=_CONTENTS,
        properties={
            "id": Field(label="Product", description="As in the catalogue."),
            "quantity": Field(label="Quantity", type="integer", description="How many."),
            "item_price": Field(label="Price", type="number", description="Of one."),
            "delivery_category": Field(
                label="Delivery", description="How.", choices=("in_store", "curbside", "home_delivery")
            ),
        },
    ),
    "content_ids": Field(
        label="Content IDs", multiple=True, description="Products by id. Without, those of `contents`."
    ),
    "content_type": Field(
        label="Content type",
        description="What the ids are of. Without: `product`.",
        choices=("product", "product_group"),
    ),
    "content_name": Field(label="Content name", description="What it is about.", default=path("properties.name")),
    "content_category": Field(
        label="Content category", description="Its category.", default=path("properties.category")
    ),
    "num_items": Field(
        label="Number of products",
        type="integer",
        description="Different ones.",
        default=path("properties.products.length"),
    ),
    "order_id": Field(label="Order", description="Its number.", default=path("properties.order_id")),
    "search_string": Field(label="Search", description="What was searched for.", default=path("properties.query")),
    "predicted_ltv": Field(label="Predicted value", type="number", description="Of the customer, over time."),
    "net_revenue": Field(label="Net revenue", type="number", description="What is earned by it."),
    "status": Field(label="Status", description="Of a registration."),
    "delivery_category": Field(label="Delivery", description="How.", choices=("in_store", "curbside", "home_delivery")),
}
MORE = Field(
    label="More custom data",
    type="object",
    description="Properties of your own. Those that name a person are left out: `email`, `phone`, `first_name`, ...",
)
PERSONAL = frozenset(
    {
        *("email", "phone", "first_name", "last_name", "firstName", "lastName", "firstname", "lastname", "name"),
        *("gender", "city", "country", "state", "zip", "postalCode", "postal_code", "birthday", "address"),
    }
)
"""Keys of custom data that are never sent: Meta forbids personal data there."""
