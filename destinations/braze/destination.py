"""Braze: which events go to which of its endpoints."""

from __future__ import annotations

from typing import Any, ClassVar

from doorstep.engine.sdk import ActionDestination, Limits, Preset, Request, named, reach

from .base import BrazeSettings
from .identity import CreateAlias, DeleteUser, IdentifyUser, MergeUsers
from .messaging import TriggerCampaign, TriggerCanvas
from .profile import UpdateUserProfile
from .purchases import TrackPurchase
from .shop import Ecommerce, EcommerceProduct
from .tracking import TrackEvent

_SHOP = {
    "Checkout Started": "checkout_started",
    "Order Refunded": "order_refunded",
    "Order Cancelled": "order_cancelled",
}
_CUSTOM = f'type = "track" and !({named("Order Completed", "Product Viewed", *_SHOP)})'


def _viewed(what: str) -> dict[str, Any]:
    """`Viewed Mugs Page`, or `Viewed Page` if it has no name."""
    named = {"@template": f"Viewed {{{{name}}}} {what}"}
    return {"@if": {"exists": {"@path": "$.name"}, "then": named, "else": f"Viewed {what}"}}


class Braze(ActionDestination[BrazeSettings]):
    """Braze, through its REST API."""

    label = "Braze"
    description = "Sends profiles, events and purchases to Braze, merges and deletes users."
    Settings = BrazeSettings
    actions = (
        TrackEvent,
        TrackPurchase,
        Ecommerce,
        EcommerceProduct,
        UpdateUserProfile,
        IdentifyUser,
        CreateAlias,
        MergeUsers,
        DeleteUser,
        TriggerCampaign,
        TriggerCanvas,
    )
    presets: ClassVar = {
        "identify_user": Preset(
            IdentifyUser,
            trigger='type = "identify" and userId != null and anonymousId != null',
            label="Merge the anonymous user",
        ),
        "update_user_profile": Preset(UpdateUserProfile),
        "track_purchase": Preset(TrackPurchase),
        **{
            name: Preset(Ecommerce, trigger=f'type = "track" and {named(event)}', mapping={"name": name}, label=event)
            for event, name in _SHOP.items()
        },
        "product_viewed": Preset(
            EcommerceProduct, trigger=f'type = "track" and {named("Product Viewed")}', label="Product Viewed"
        ),
        "track_event": Preset(TrackEvent, trigger=_CUSTOM),
        "track_page": Preset(
            TrackEvent,
            trigger='type = "page"',
            mapping={"name": _viewed("Page")},
            label="Page viewed",
        ),
        "track_screen": Preset(
            TrackEvent,
            trigger='type = "screen"',
            mapping={"name": _viewed("Screen")},
            label="Screen viewed",
        ),
        "update_group": Preset(
            UpdateUserProfile,
            trigger='type = "group"',
            mapping={
                **dict.fromkeys(
                    ("email", "phone", "first_name", "last_name", "gender", "dob", "home_city", "country", "image_url"),
                    "",
                ),
                "custom_attributes": {"groups": {"add": [{"@path": "$.groupId"}]}},
            },
            label="Group joined",
        ),
        "merge_users": Preset(MergeUsers),
        "delete_user": Preset(DeleteUser),
    }
    limits = Limits(max_events=75, max_bytes=4_000_000, max_item_bytes=100_000)

    def check(self) -> Request:
        return reach(self.settings.endpoint)
