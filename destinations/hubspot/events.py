"""Custom behavioural events: what contacts did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doorstep.engine.sdk import Envelope, EventNotSupported, Exchange, Field, Item, Limits, received_iso

from .answers import judged
from .calls import Call, by, email_from
from .values import address, event_name, event_uuid, properties


class SendCustomBehavioralEvent(Call):
    name = "send_custom_behavioral_event"
    label = "Send custom behavioral event"
    description = "Records something that a contact did, as a custom event that is defined in HubSpot."
    trigger = 'type = "track"'
    limits = Limits(max_events=500, max_bytes=1_000_000, max_wait_s=1.0)
    fields = {
        "event_name": Field(
            label="Event name",
            description="The internal name. `Order Completed` becomes `pe12345678_order_completed`.",
            required=True,
            default=by("$.event"),
        ),
        "email": email_from(
            "$.properties.email",
            "$.context.traits.email",
            description="Who did it, unless one of the next two says so.",
        ),
        "object_id": Field(label="Contact id", description="HubSpot's id of the contact who did it."),
        "utk": Field(
            label="User token",
            description="The cookie `hubspotutk` of the visitor who did it.",
            default=by("$.properties.utk"),
        ),
        "occurred_at": Field(
            label="Occurred at",
            type="datetime",
            description="When it happened; when it was received if it does not say.",
            default={"@timestamp": {"value": by("$.timestamp")}},
        ),
        "properties": Field(
            label="Properties",
            type="object",
            description="By internal name. Those that the event has not in HubSpot make it refuse the event.",
            default=by("$.properties"),
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        who = {}
        if "object_id" in fields:
            who["objectId"] = fields["object_id"]
        elif "email" in fields:
            who["email"] = address(fields["email"])
        if "utk" in fields:
            who["utk"] = fields["utk"]
        if not who:
            raise EventNotSupported(
                "HubSpot records what contacts did, and there is neither an address nor another id of one"
            )
        event = {"eventName": event_name(fields["event_name"], self.settings.hub_id), **who}
        event["occurredAt"] = fields.get("occurred_at") or received_iso(envelope)
        return {**event, "properties": properties(fields.get("properties", {})), "uuid": event_uuid(envelope.key)}

    def exchange(self, items: Sequence[Item]) -> Exchange:
        return judged((yield self.ask_for_all(self.settings.at("/events/v3/send/batch"), items)), len(items))
