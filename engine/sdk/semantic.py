"""The events that the spec has names for, as triggers know them: in any case, and by the names of its first version, too."""

from __future__ import annotations

from collections.abc import Mapping

FIRST_NAMES: Mapping[str, str] = {
    "Product List Viewed": "Viewed Product Category",
    "Promotion Viewed": "Viewed Promotion",
    "Promotion Clicked": "Clicked Promotion",
    "Product Clicked": "Clicked Product",
    "Product Viewed": "Viewed Product",
    "Product Added": "Added Product",
    "Product Removed": "Removed Product",
    "Checkout Started": "Started Order",
    "Checkout Step Viewed": "Viewed Checkout Step",
    "Checkout Step Completed": "Completed Checkout Step",
    "Order Updated": "Updated Order",
    "Order Completed": "Completed Order",
    "Order Refunded": "Refunded Order",
}
"""What the first version of the spec called events of a shop; those that are not here have one name."""


def named(*names: str) -> str:
    """FQL: whether an event has one of these names of the spec. `named("Order Completed")` also knows `completed order`."""
    known = [one.lower() for name in names for one in (name, FIRST_NAMES.get(name)) if one]
    listed = ", ".join(f'"{one}"' for one in known)
    return f"lowercase(event) in [{listed}]"
