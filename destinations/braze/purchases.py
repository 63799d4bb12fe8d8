"""What people bought: a purchase for each product of an order."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Envelope, Field, Limits, ValidationError, named

from .base import Made, TrackAction
from .tracking import CURRENCY, TIME, app_of, time_of
from .users import UPDATE_ONLY, WHO, identifier

_MOST_QUANTITY = 100
_MOST_OF_ONE = 10_000
"""Of one product in an order: more is taken for a mistake."""


class TrackPurchase(TrackAction):
    """Purchases."""

    name = "track_purchase"
    label = "Track purchase"
    description = (
        "Records a purchase for each product of an order, with the properties of the order and of the product."
    )
    trigger = f'type = "track" and {named("Order Completed")}'
    limits = Limits(max_events=75, max_bytes=4_000_000)
    fields = {
        **WHO,
        "time": TIME,
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
                    label="Quantity",
                    type="integer",
                    minimum=1,
                    maximum=_MOST_OF_ONE,
                    description="How many; 1 if it does not say.",
                ),
                "currency": Field(
                    label="Currency", minimum=3, maximum=3, description="If it is another than the order's."
                ),
            },
            additional_properties=True,
        ),
        "currency": CURRENCY,
        "properties": Field(
            label="Properties",
            type="object",
            description="Of the order: go with each purchase.",
            default={"@path": "$.properties"},
        ),
        "_update_existing_only": UPDATE_ONLY,
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        common = {**identifier(fields), **app_of(self), "time": time_of(fields, envelope)}
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


def _counts(quantity: int) -> list[int]:
    """A purchase has a quantity of 100 at most: more of them are several, so that the sum is right."""
    full, rest = divmod(quantity, _MOST_QUANTITY)
    return [_MOST_QUANTITY] * full + [rest] * (rest > 0)
