"""Actions about what people do: events, pages, screens, and what became of messages."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Field, named

from .entities import Entity, Fields, Happening, anyone, given
from .fields import TIMESTAMP, WHO, event_fields

MOBILE = ("Application Installed", "Application Opened", "Application Uninstalled")
SEMANTIC = (
    *("Device Created or Updated", "Device Deleted", "Object Deleted", "Relationship Deleted"),
    *("User Deleted", "User Suppressed", "User Unsuppressed", "Report Delivery Event", "Report Content Event"),
)
"""Names of events that other actions are for: those of the spec in any case, Customer.io's own as they are."""


class TrackEvent(Happening):
    name = "track_event"
    label = "Track event"
    description = "Records something that a person did."
    trigger = " and ".join(['type = "track"', f"!({named(*MOBILE)})", *(f'event != "{name}"' for name in SEMANTIC)])
    does = "event"
    fields = event_fields("Event name", "What happened, at most 100 bytes.", {"@path": "$.event"})


class TrackPageView(Happening):
    name = "track_page_view"
    label = "Track page view"
    description = "Records a page that a person looked at."
    trigger = 'type = "page"'
    does = "page"
    fields = event_fields(
        "Page",
        "The page's URL, or its name.",
        {"@coalesce": [{"@path": "$.properties.url"}, {"@path": "$.context.page.url"}, {"@path": "$.name"}]},
    )


class TrackScreenView(Happening):
    name = "track_screen_view"
    label = "Track screen view"
    description = "Records a screen of an app that a person looked at."
    trigger = 'type = "screen"'
    does = "screen"
    fields = event_fields("Screen", "The screen's name.", {"@path": "$.name"})


class ReportDeliveryEvent(Entity):
    name = "report_delivery_event"
    label = "Report delivery event"
    description = "Says what became of a message that Customer.io sent: delivered, opened, converted."
    trigger = 'type = "track" and event = "Report Delivery Event"'
    does = "event"
    fields = {
        "delivery_id": Field(
            label="Delivery id",
            description="Which message: the `CIO-Delivery-ID` in it.",
            required=True,
            default={"@coalesce": [{"@path": "$.properties.deliveryId"}, {"@path": "$.properties.delivery_id"}]},
        ),
        "metric": Field(
            label="Metric",
            description="What became of it.",
            choices=("delivered", "opened", "converted"),
            required=True,
            default={"@path": "$.properties.metric"},
        ),
        "device_token": Field(
            label="Device token",
            description="The device that got it.",
            required=True,
            default={"@coalesce": [{"@path": "$.properties.recipient"}, {"@path": "$.context.device.token"}]},
        ),
        "timestamp": TIMESTAMP,
    }

    def entity(self, fields: Fields) -> dict[str, Any]:
        made = {"type": "delivery", "action": self.does, "identifiers": {"id": fields["delivery_id"]}}
        made |= {"name": fields["metric"], "attributes": {"device_token": fields["device_token"]}}
        return made | given(fields, "timestamp")


class ReportContentEvent(Entity):
    name = "report_content_event"
    label = "Report content event"
    description = "Says that an anonymous visitor saw or clicked an in-app message."
    trigger = 'type = "track" and event = "Report Content Event"'
    fields = {
        **WHO,
        "action_type": Field(
            label="Action type",
            description="What the visitor did.",
            choices=("viewed_content", "clicked_content"),
            required=True,
            default={"@path": "$.properties.actionType"},
        ),
        "content_id": Field(
            label="Content id",
            type="integer",
            description="Which message.",
            required=True,
            default={"@path": "$.properties.contentId"},
        ),
        "delivery_type": Field(
            label="Delivery type",
            description="Of the message.",
            required=True,
            default={"@coalesce": [{"@path": "$.properties.deliveryType"}, "in_app_content"]},
        ),
        "timestamp": TIMESTAMP,
    }

    def entity(self, fields: Fields) -> dict[str, Any]:
        what = fields["action_type"]
        attributes = {"contentId": fields["content_id"], "deliveryType": fields["delivery_type"]}
        made = {"type": "person", "action": what, "identifiers": anyone(fields), "name": what, "attributes": attributes}
        return made | given(fields, "timestamp")
