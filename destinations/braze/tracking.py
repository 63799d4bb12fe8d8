"""What people did: custom events, and what all kinds of events have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from doorstep.engine.sdk import Envelope, Field

from .base import Made, TrackAction
from .users import CONTROLS, UPDATE_ONLY, WHO, identifier

TIME = Field(
    label="Time",
    type="datetime",
    description="When it happened, as ISO 8601; when it was received if it does not say.",
    default={"@timestamp": {"value": {"@path": "$.timestamp"}}},
)
CURRENCY = Field(
    label="Currency",
    required=True,
    description="ISO 4217. USD if nothing says otherwise.",
    default={"@coalesce": [{"@path": "$.properties.currency"}, "USD"]},
    minimum=3,
    maximum=3,
)


def time_of(fields: dict[str, Any], envelope: Envelope) -> str:
    """When it happened, as far as is known: Braze takes no event without a time."""
    return fields.get("time") or datetime.fromtimestamp(envelope.receipt.received, UTC).isoformat(
        timespec="milliseconds"
    )


def app_of(action: TrackAction) -> dict[str, str]:
    """The app that an object belongs to, if the settings name one."""
    return {"app_id": action.settings.app_id} if action.settings.app_id else {}


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
        "time": TIME,
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
        event = {**who, **app_of(self), "name": fields["name"], "time": time_of(fields, envelope)}
        event |= {"properties": fields["properties"]} if "properties" in fields else {}
        about = {key: value for key, value in fields.get("attributes", {}).items() if key not in CONTROLS}
        attributes = [{**about, **who, **only}] if about else []
        return Made(attributes=attributes, events=[{**event, **only}])
