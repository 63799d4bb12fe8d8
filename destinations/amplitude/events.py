"""Events, with revenue where there is some: /2/httpapi or /batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import Action, Envelope, Exchange, Field, Item, Limits, Request, named

from .answers import converse
from .settings import AmplitudeSettings
from .shared import CONTEXT, DEVICE_ID, USER_ID, context_of, ids_of, user_properties_of

_AROUND_BYTES = 1000
"""For what stands around the events: key, options."""

REALTIME = Limits(max_events=1999, max_bytes=1_000_000 - _AROUND_BYTES, per_second=1000.0)
BATCH = Limits(max_events=2000, max_bytes=20_000_000 - _AROUND_BYTES, per_second=1000.0)
_PURCHASES = Limits(max_events=50, max_bytes=1_000_000 - _AROUND_BYTES)
"""An order is many events to Amplitude, which takes fewer than 2000. Should they be more, it answers 413, and the batch is halved."""

_AS_THEY_ARE = ("groups", "group_properties", "location_lat", "location_lng", "ip", "session_id", "partner_id", "plan")
_REVENUE = {
    "revenue": "revenue",
    "price": "price",
    "quantity": "quantity",
    "product_id": "productId",
    "revenue_type": "revenueType",
}
_ADVERTISING_IDS = {"iOS": ("idfa", "idfv"), "Android": ("adid", "android_id")}


class LogEvent(Action[AmplitudeSettings]):
    """Any event."""

    name = "log_event"
    label = "Log event"
    description = "Sends an event."
    trigger = f'type = "track" and !({named("Order Completed")})'
    fields = {
        "event_type": Field(
            label="Event", required=True, description="The event's name.", default={"@path": "$.event"}, maximum=1024
        ),
        "user_id": USER_ID,
        "device_id": DEVICE_ID,
        "insert_id": Field(
            label="Insert id",
            description="By this Amplitude recognises a repeat within 7 days.",
            default={"@path": "$.messageId"},
        ),
        "time": Field(
            label="Time",
            type="integer",
            description="When it happened, Unix milliseconds.",
            default={"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "milliseconds"}},
        ),
        "session_id": Field(
            label="Session",
            type="integer",
            description="When the session began, Unix milliseconds; -1 for none.",
            default={"@path": "$.integrations.Actions Amplitude.session_id"},
        ),
        "event_properties": Field(
            label="Event properties",
            type="object",
            description="What is known of the event.",
            default={"@path": "$.properties"},
        ),
        "user_properties": Field(
            label="User properties",
            type="object",
            description="What becomes known of the user: plain names, or operations such as `$add`.",
            default={"@path": "$.traits"},
        ),
        "groups": Field(label="Groups", type="object", description="Group values by group types, at most 5 types."),
        "group_properties": Field(label="Group properties", type="object", description="What is known of the groups."),
        **CONTEXT,
        "ip": Field(
            label="IP address",
            description="Makes the place, where it is not known.",
            default={"@path": "$.context.ip"},
        ),
        "location_lat": Field(
            label="Latitude",
            type="number",
            description="Where it happened.",
            default={"@path": "$.context.location.latitude"},
        ),
        "location_lng": Field(
            label="Longitude",
            type="number",
            description="Where it happened.",
            default={"@path": "$.context.location.longitude"},
        ),
        "advertising_id": Field(
            label="Advertising id",
            description="Goes as `idfa` from iOS, as `adid` from Android.",
            default={"@path": "$.context.device.advertisingId"},
            personal="device",
        ),
        "vendor_id": Field(
            label="Vendor's id of the device",
            description="Goes as `idfv` from iOS, as `android_id` from Android.",
            default={"@path": "$.context.device.id"},
            personal="device",
        ),
        "revenue": Field(
            label="Revenue",
            type="number",
            description="What the event brought in; negative for what was given back. Only orders have a default: in a checkout that "
            "begins, `revenue` is not earned yet.",
        ),
        "currency": Field(label="Currency", description="Of the revenue.", default={"@path": "$.properties.currency"}),
        "price": Field(label="Price", type="number", description="With `quantity`, in place of `revenue`."),
        "quantity": Field(label="Quantity", type="integer", description="Of what was bought."),
        "product_id": Field(label="Product id", description="What was bought."),
        "revenue_type": Field(label="Type of revenue", description="Such as `Purchase`, `Refund`."),
        "partner_id": Field(label="Partner id", description="Of a partner who sends it."),
        "plan": Field(label="Tracking plan", type="object", description="`branch`, `source`, `version`."),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return [self.record(fields, envelope) | self.revenue(fields)]

    def record(self, fields: dict[str, Any], envelope: Envelope) -> dict[str, Any]:
        """An event of Amplitude's, but for its revenue."""
        told = {
            **ids_of(fields),
            "event_type": fields["event_type"],
            "time": fields.get("time", int(envelope.receipt.received * 1000)),
            "insert_id": fields.get("insert_id") or envelope.key,
            "event_properties": fields.get("event_properties", {}),
            **context_of(fields),
            **{name: fields[name] for name in _AS_THEY_ARE if name in fields},
        }
        if properties := user_properties_of(fields):
            told["user_properties"] = properties
        names = _ADVERTISING_IDS.get(told.get("platform", ""), ())
        for name, value in zip(names, (fields.get("advertising_id"), fields.get("vendor_id")), strict=False):
            if value:
                told[name] = value
        return told

    def revenue(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What it brought in, under Amplitude's names."""
        told = {_REVENUE[name]: fields[name] for name in _REVENUE if name in fields}
        if fields.get("currency") and told.keys() & {"revenue", "price"}:
            told["currency"] = fields["currency"]
        return told

    def request(self, items: Sequence[Item]) -> Request:
        events = b",".join(item.body[1:-1] for item in items)
        key = msgspec.json.encode(self.settings.api_key.reveal())
        least = self.settings.min_id_length
        options = f',"options":{{"min_id_length":{least}}}'.encode() if least else b""
        body = b'{"api_key":' + key + b',"events":[' + events + b"]" + options + b"}"
        return Request("POST", self.settings.events, {"Content-Type": "application/json"}, body)

    def exchange(self, items: Sequence[Item]) -> Exchange:
        return (yield from converse(items, self.request))


class LogPurchase(LogEvent):
    """An order: one event for it, one for each of its products."""

    name = "log_purchase"
    label = "Log purchase"
    description = "Sends an order, and an event for each of its products."
    trigger = f'type = "track" and {named("Order Completed")}'
    limits = _PURCHASES
    fields = {
        **LogEvent.fields,
        "revenue": Field(
            label="Revenue",
            type="number",
            description="What the order brought in.",
            default={"@path": "$.properties.revenue"},
        ),
        "products": Field(
            label="Products",
            type="object",
            multiple=True,
            description="What was bought. Each becomes an event, with its own properties.",
            default={"@path": "$.properties.products"},
        ),
        "product_event": Field(
            label="Event of a product", description='Its name; "" for no such events.', default="Product Purchased"
        ),
        "revenue_per_product": Field(
            label="Revenue per product",
            type="boolean",
            description="Whether the products' events have the revenue, and not the order's.",
            default=False,
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        apart = bool(fields.get("revenue_per_product"))
        order = self.record(fields, envelope)
        made = [order if apart else order | self._typed(self.revenue(fields))]
        if name := fields.get("product_event"):
            for nth, product in enumerate(fields.get("products", [])):
                made.append(self.product(fields, order, name, nth, product, apart))
        return made

    def exchange(self, items: Sequence[Item]) -> Exchange:
        return (yield from converse(items, self.request, _records))

    def product(
        self, fields: dict[str, Any], order: dict[str, Any], name: str, nth: int, product: dict[str, Any], apart: bool
    ) -> dict[str, Any]:
        """The event of one product. Its insert id goes on from the order's, so that a repeat has the same."""
        price, quantity = _number(product.get("price")), _number(product.get("quantity"))
        known = {key: value for key, value in (("price", price), ("quantity", quantity)) if value is not None}
        told = {
            **order,
            "event_type": name,
            "insert_id": f"{order['insert_id']}-{nth}",
            "event_properties": {**product, **known},
        }
        if not apart or price is None:
            return told
        count = int(quantity or 1)
        parts = {"price": price, "quantity": count, "revenue": price * count, "product_id": product.get("product_id")}
        parts |= {key: fields[key] for key in ("currency", "revenue_type") if key in fields}
        return told | self._typed(self.revenue({key: value for key, value in parts.items() if value is not None}))

    @staticmethod
    def _typed(revenue: dict[str, Any]) -> dict[str, Any]:
        return {"revenueType": "Purchase", **revenue} if revenue else {}


def _records(items: Sequence[Item]) -> int:
    """As many as `build` made of them."""
    return sum(1 + (len(one.fields.get("products", ())) if one.fields.get("product_event") else 0) for one in items)


def _number(value: Any) -> float | None:
    """A price that came as a text counts, too."""
    try:
        return value if type(value) in (int, float) else float(value) if isinstance(value, str) else None
    except ValueError:
        return None
