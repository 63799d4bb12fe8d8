"""What people did: events, purchases, and the e-commerce events that Braze recommends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from doorstep.engine.sdk import Envelope, Field, Limits, ValidationError

from .base import Made, TrackAction
from .users import UPDATE_ONLY, WHO, identifier

_MOST_QUANTITY = 100
_TIME = Field(
    label="Time",
    type="datetime",
    description="When it happened, as ISO 8601; when it was received if it does not say.",
    default={"@path": "$.timestamp"},
)
_CURRENCY = Field(
    label="Currency",
    required=True,
    description="ISO 4217. USD if nothing says otherwise.",
    default={"@coalesce": [{"@path": "$.properties.currency"}, "USD"]},
    minimum=3,
    maximum=3,
)


class TrackEvent(TrackAction):
    """A custom event."""

    name = "track_event"
    label = "Track event"
    description = "Records a custom event, and attributes with it if you like."
    trigger = 'type = "track"'
    fields = {
        **WHO,
        "name": Field(
            label="Event", required=True, maximum=255, description="What it is called.", default={"@path": "$.event"}
        ),
        "time": _TIME,
        "properties": Field(
            label="Properties", type="object", description="More about it.", default={"@path": "$.properties"}
        ),
        "attributes": Field(
            label="Attributes",
            type="object",
            description="What it says about the user: goes to the profile in the same request.",
        ),
        "_update_existing_only": UPDATE_ONLY,
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        who = identifier(fields)
        only = {"_update_existing_only": fields.get("_update_existing_only", False)}
        event = {**who, **_app(self), "name": fields["name"], "time": _time(fields, envelope)}
        event |= {"properties": fields["properties"]} if "properties" in fields else {}
        attributes = [{**fields["attributes"], **who, **only}] if fields.get("attributes") else []
        return Made(attributes=attributes, events=[{**event, **only}])


class TrackPurchase(TrackAction):
    """Purchases."""

    name = "track_purchase"
    label = "Track purchase"
    description = (
        "Records a purchase for each product of an order, with the properties of the order and of the product."
    )
    trigger = 'type = "track" and event = "Order Completed"'
    limits = Limits(max_events=75, max_bytes=4_000_000)
    fields = {
        **WHO,
        "time": _TIME,
        "products": Field(
            label="Products",
            type="object",
            multiple=True,
            required=True,
            description="What was bought, each with a product_id (or sku), a price, maybe a quantity and a currency.",
            default={"@path": "$.properties.products"},
            properties={
                "product_id": Field(label="Product", description="Which it is."),
                "sku": Field(label="SKU", description="Which it is if there is no product_id."),
                "price": Field(label="Price", type="number", required=True, description="Of one."),
                "quantity": Field(
                    label="Quantity", type="integer", minimum=1, description="How many; 1 if it does not say."
                ),
                "currency": Field(
                    label="Currency", minimum=3, maximum=3, description="If it is another than the order's."
                ),
            },
            additional_properties=True,
        ),
        "currency": _CURRENCY,
        "properties": Field(
            label="Properties",
            type="object",
            description="Of the order: go with each purchase.",
            default={"@path": "$.properties"},
        ),
        "_update_existing_only": UPDATE_ONLY,
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        common = {**identifier(fields), **_app(self), "time": _time(fields, envelope)}
        common["_update_existing_only"] = fields.get("_update_existing_only", False)
        order = {key: value for key, value in fields.get("properties", {}).items() if key != "products"}
        purchases: list[dict[str, Any]] = []
        for product in fields["products"]:
            rest = dict(product)
            id_ = rest.pop("product_id", None) or rest.get("sku")
            if not id_:
                raise ValidationError("products: each needs a product_id or a sku")
            one = {
                **common,
                "product_id": id_,
                "currency": (rest.pop("currency", None) or fields["currency"]).upper(),
                "price": rest.pop("price"),
            }
            quantity = rest.pop("quantity", 1)
            properties = {**rest, **order}
            for count in _counts(quantity):
                purchases.append({**one, "quantity": count, **({"properties": properties} if properties else {})})
        return Made(purchases=purchases)


class _Recommended(TrackAction):
    """The events of a shop that Braze has names for."""

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        what = fields["name"]
        properties = {
            name: value
            for name, value in fields.items()
            if name not in _NOT_PROPERTIES and what in _ONLY.get(name, (what,))
        }
        if "currency" in properties:
            properties["currency"] = properties["currency"].upper()
        only = {"_update_existing_only": fields.get("_update_existing_only", False)}
        event = {
            **identifier(fields),
            **_app(self),
            "name": f"ecommerce.{what}",
            "time": _time(fields, envelope),
        }
        return Made(events=[{**event, "properties": properties, **only}])


_NOT_PROPERTIES = {*WHO, "name", "time", "_update_existing_only"}
_ORDERS = ("order_placed", "order_refunded", "order_cancelled")
_ONLY = {
    "order_id": _ORDERS,
    "total_discounts": _ORDERS,
    "discounts": _ORDERS,
    "cart_id": ("order_placed", "checkout_started", "cart_updated"),
    "checkout_id": ("checkout_started",),
    "cancel_reason": ("order_cancelled",),
}
"""Properties that Braze knows of some events only."""
_SOURCE = Field(
    label="Source",
    required=True,
    description="Where the shop is: its address, or a word such as `web`.",
    default={"@coalesce": [{"@path": "$.properties.source"}, "web"]},
)
_METADATA = Field(label="Metadata", type="object", description="Whatever else.")


def _money(label: str, *paths: str, required: bool = False) -> Field:
    default: Any = {"@coalesce": [{"@path": path} for path in paths]} if len(paths) > 1 else {"@path": paths[0]}
    return Field(label=label, type="number", required=required, description="In the currency.", default=default)


def _id(what: str) -> Field:
    return Field(
        label=f"{what.capitalize()} id", description=f"Of the {what}.", default={"@path": f"$.properties.{what}_id"}
    )


def _product(root: str) -> dict[str, Any]:
    """A product of the spec as one of Braze's. A variant is required there: what has none is its own."""
    return {
        "product_id": {"@coalesce": [{"@path": f"{root}product_id"}, {"@path": f"{root}sku"}]},
        "product_name": {"@path": f"{root}name"},
        "variant_id": {"@coalesce": [{"@path": f"{root}{key}"} for key in ("variant", "sku", "product_id")]},
        "price": {"@path": f"{root}price"},
        "image_url": {"@path": f"{root}image_url"},
        "product_url": {"@path": f"{root}url"},
    }


_PRODUCT = {
    "product_id": Field(label="Product", required=True, description="Which it is."),
    "product_name": Field(label="Name", required=True, description="What it is called."),
    "variant_id": Field(label="Variant", required=True, description="Which kind of it."),
    "price": Field(label="Price", type="number", required=True, description="Of one."),
    "image_url": Field(label="Image", description="A picture of it."),
    "product_url": Field(label="Link", description="Where it is sold."),
}


class Ecommerce(_Recommended):
    """Orders and checkouts."""

    name = "ecommerce"
    label = "E-commerce event"
    description = "Records one of the e-commerce events that Braze recommends, such as `ecommerce.order_placed`."
    fields = {
        **WHO,
        "name": Field(
            label="Event",
            required=True,
            description="Which of them.",
            choices=("order_placed", "checkout_started", "order_refunded", "order_cancelled", "cart_updated"),
        ),
        "time": _TIME,
        "currency": _CURRENCY,
        "source": _SOURCE,
        "products": Field(
            label="Products",
            type="object",
            multiple=True,
            required=True,
            description="What it is about.",
            default={
                "@arrayPath": [
                    "$.properties.products",
                    {**_product("$."), "quantity": {"@coalesce": [{"@path": "$.quantity"}, 1]}},
                ]
            },
            properties={
                **_PRODUCT,
                "quantity": Field(label="Quantity", type="integer", required=True, description="How many."),
            },
            additional_properties=True,
        ),
        "total_value": _money(
            "Total", "$.properties.total", "$.properties.value", "$.properties.revenue", required=True
        ),
        "order_id": _id("order"),
        "checkout_id": _id("checkout"),
        "cart_id": _id("cart"),
        "total_discounts": _money("Discount", "$.properties.discount"),
        "discounts": Field(
            label="Discounts",
            type="object",
            multiple=True,
            description="One by one.",
            default={"@path": "$.properties.discount_items"},
        ),
        "cancel_reason": Field(
            label="Reason", description="Why it was cancelled.", default={"@path": "$.properties.reason"}
        ),
        "metadata": _METADATA,
        "_update_existing_only": UPDATE_ONLY,
    }


class EcommerceProduct(_Recommended):
    """One product."""

    name = "ecommerce_single_product"
    label = "E-commerce event of one product"
    description = "Records that somebody looked at a product, as `ecommerce.product_viewed`."
    fields = {
        **WHO,
        "name": Field(
            label="Event",
            required=True,
            description="Which it is.",
            choices=("product_viewed",),
            default="product_viewed",
        ),
        "time": _TIME,
        "currency": _CURRENCY,
        "source": _SOURCE,
        **{
            name: msgspec.structs.replace(field, default=_product("$.properties.")[name])
            for name, field in _PRODUCT.items()
        },
        "metadata": _METADATA,
        "_update_existing_only": UPDATE_ONLY,
    }


def _time(fields: dict[str, Any], envelope: Envelope) -> str:
    return fields.get("time") or datetime.fromtimestamp(envelope.receipt.received, UTC).isoformat(
        timespec="milliseconds"
    )


def _app(action: TrackAction) -> dict[str, str]:
    return {"app_id": action.settings.app_id} if action.settings.app_id else {}


def _counts(quantity: int) -> list[int]:
    """A purchase has a quantity of 100 at most: more of them are several, so that the sum is right."""
    full, rest = divmod(quantity, _MOST_QUANTITY)
    return [_MOST_QUANTITY] * full + [rest] * (rest > 0)
