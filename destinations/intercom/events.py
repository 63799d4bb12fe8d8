"""Events of contacts, with as much of their properties as Intercom keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from doorstep.engine.sdk import Envelope, EventNotSupported, Exchange, Field, Item, ValidationError

from .answers import is_unknown, outcome, unknown
from .calls import USER_ID, Call, email_from

_RICH = ({"url", "value"}, {"amount", "currency"})
"""The only objects in metadata: a link with a text, an amount of money."""
_NAME = str.maketrans(".$", "--")


class TrackEvent(Call):
    name = "track_event"
    label = "Track event"
    description = "Records something that a contact did."
    trigger = 'type = "track"'
    fields = {
        "event_name": Field(
            label="Event name",
            description="What happened; `.` and `$` become `-`. A workspace has at most 120 names.",
            required=True,
            default={"@path": "$.event"},
        ),
        "created_at": Field(
            label="Created at",
            type="integer",
            description="When it happened, in Unix seconds; when it was received if it does not say.",
            default={"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "seconds"}},
        ),
        "user_id": USER_ID,
        "email": email_from("$.context.traits.email", "$.properties.email"),
        "revenue": Field(
            label="Revenue",
            type="number",
            description="Becomes the metadata `price`, together with the currency.",
            default={"@path": "$.properties.revenue"},
        ),
        "currency": Field(
            label="Currency",
            description="Of the revenue, as ISO 4217 has it.",
            default={"@path": "$.properties.currency"},
        ),
        "order_number": Field(
            label="Order number", description="Becomes a link in the metadata, if there is a URL of the order."
        ),
        "order_url": Field(label="Order URL", description="Where the order can be seen.", format="uri"),
        "metadata": Field(
            label="Metadata",
            type="object",
            description="What else is known. Intercom keeps the first ten texts, numbers, booleans and links (`url`, `value`).",
            default={"@path": "$.properties"},
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        """All but who it was: if only the address is known, the contact's id is found out first."""
        if not fields.keys() & {"user_id", "email"}:
            raise EventNotSupported("Intercom records events of contacts with an id or an email address")
        at = fields.get("created_at", int(envelope.receipt.received))
        event = {"event_name": fields["event_name"].translate(_NAME), "created_at": at}
        event |= {"user_id": fields["user_id"]} if "user_id" in fields else {}
        metadata = metadata_of(fields)
        return {**event, "metadata": metadata} if metadata else event

    def steps(self, item: Item) -> Exchange:
        wait_s = self.settings.wait_for_contact
        body = item.body
        if "user_id" not in item.fields:
            contact, failed, answer = yield from self.look_up(item.fields)
            if failed is not None or contact is None:
                return failed or unknown(item.envelope, answer, wait_s)
            body = body[:-1] + b',"id":' + msgspec.json.encode(contact) + b"}"
        answer = yield self.ask("POST", "/events", body)
        return unknown(item.envelope, answer, wait_s) if is_unknown(answer) else outcome(answer)


def metadata_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What of the properties Intercom can keep; the price and the link to the order come first, as it keeps the first ten keys."""
    given = dict(fields.get("metadata", {}))
    if str(given.get("email")).lower() == fields.get("email", "").lower():
        del given["email"]  # it says who it was
    first: dict[str, Any] = {}
    if "revenue" in fields and "currency" in fields:
        first["price"] = {"amount": cents(fields["revenue"]), "currency": fields["currency"]}
        given.pop("revenue", None)
        given.pop("currency", None)
    if "order_number" in fields and "order_url" in fields:
        first["order_number"] = {"url": fields["order_url"], "value": fields["order_number"]}
    return first | {key: value for key, value in given.items() if key not in first and _is_kept(value)}


def cents(revenue: float) -> int:
    """An amount in hundredths, half of one rounded up. Raises ValidationError for what is no amount."""
    if not math.isfinite(revenue):
        raise ValidationError("revenue is no amount")
    hundredths = round(revenue * 100, 3)
    if not math.isfinite(hundredths):
        raise ValidationError("revenue is too large for an amount")
    return math.floor(hundredths + 0.5)


def _is_kept(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() in _RICH
    return value is not None and not isinstance(value, list)
