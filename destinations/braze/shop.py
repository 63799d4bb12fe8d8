"""The e-commerce events that Braze recommends, and has reports for."""

from __future__ import annotations

from typing import Any

import msgspec
from doorstep.engine.sdk import Envelope, Field

from .base import Made, TrackAction
from .tracking import CURRENCY, TIME, app_of, time_of
from .users import UPDATE_ONLY, WHO, identifier


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
            **app_of(self),
            "name": f"ecommerce.{what}",
            "time": time_of(fields, envelope),
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
        "time": TIME,
        "currency": CURRENCY,
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
        "time": TIME,
        "currency": CURRENCY,
        "source": _SOURCE,
        **{
            name: msgspec.structs.replace(field, default=_product("$.properties.")[name])
            for name, field in _PRODUCT.items()
        },
        "metadata": _METADATA,
        "_update_existing_only": UPDATE_ONLY,
    }
