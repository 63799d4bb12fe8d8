"""Events, through /import: any age, 2000 a request, and each refused one is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Envelope,
    Exchange,
    Failure,
    Field,
    Item,
    Judgement,
    Limits,
    Outcome,
    Request,
    Response,
    digest,
    named,
    normalise,
    reported,
)

from .answers import imported, read
from .browsers import browser_of
from .settings import MixpanelSettings

MOST_RECORDS = 2000
LIMITS = Limits(max_events=MOST_RECORDS, max_bytes=10_000_000, max_item_bytes=1_000_000, per_second=30_000.0)
"""2000 records and 10 MB a request, 1 MB each, 30 000 a second."""

_OF_THE_WHOLE = frozenset(
    {"products", "affiliation", "total", "subtotal", "revenue", "shipping", "tax", "discount", "coupon"}
)
"""Properties of an order that say nothing about one of its products; sums would count several times."""

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")

_TOLD = {
    "app_name": ("$app_name", "App name", "string", "$.context.app.name"),
    "app_namespace": ("$app_namespace", "App namespace", "string", "$.context.app.namespace"),
    "app_version": ("$app_version_string", "App version", "string", "$.context.app.version"),
    "app_build": ("$app_build_number", "App build", "string", "$.context.app.build"),
    "os_name": ("$os", "Operating system", "string", "$.context.os.name"),
    "os_version": ("$os_version", "Version of the operating system", "string", "$.context.os.version"),
    "device_name": ("$device", "Device", "string", "$.context.device.name"),
    "device_type": ("$device_type", "Type of device", "string", "$.context.device.type"),
    "device_manufacturer": ("$manufacturer", "Manufacturer", "string", "$.context.device.manufacturer"),
    "device_model": ("$model", "Model", "string", "$.context.device.model"),
    "advertising_id": ("advertising_id", "Advertising id", "string", "$.context.device.advertisingId"),
    "ad_tracking_enabled": (
        "ad_tracking_enabled",
        "Ad tracking",
        "boolean",
        "$.context.device.adTrackingEnabled",
    ),
    "carrier": ("$carrier", "Carrier", "string", "$.context.network.carrier"),
    "wifi": ("$wifi", "Wi-Fi", "boolean", "$.context.network.wifi"),
    "bluetooth": ("$bluetooth_enabled", "Bluetooth", "boolean", "$.context.network.bluetooth"),
    "cellular": ("$cellular_enabled", "Cellular", "boolean", "$.context.network.cellular"),
    "country": ("mp_country_code", "Country", "string", "$.context.location.country"),
    "region": ("$region", "Region", "string", "$.context.location.region"),
    "city": ("$city", "City", "string", "$.context.location.city"),
    "language": ("$locale", "Language", "string", "$.context.locale"),
    "timezone": ("timezone", "Time zone", "string", "$.context.timezone"),
    "screen_width": ("$screen_width", "Screen width", "number", "$.context.screen.width"),
    "screen_height": ("$screen_height", "Screen height", "number", "$.context.screen.height"),
    "screen_density": ("$screen_density", "Screen density", "number", "$.context.screen.density"),
    "url": ("$current_url", "URL", "string", "$.context.page.url"),
    "referrer": ("$referrer", "Referrer", "string", "$.context.page.referrer"),
    "utm_source": ("utm_source", "UTM source", "string", "$.context.campaign.source"),
    "utm_medium": ("utm_medium", "UTM medium", "string", "$.context.campaign.medium"),
    "utm_campaign": ("utm_campaign", "UTM campaign", "string", "$.context.campaign.name"),
    "utm_term": ("utm_term", "UTM term", "string", "$.context.campaign.term"),
    "utm_content": ("utm_content", "UTM content", "string", "$.context.campaign.content"),
    "library_name": ("mp_lib", "Library", "string", "$.context.library.name"),
    "library_version": ("$lib_version", "Version of the library", "string", "$.context.library.version"),
    "group_id": ("$group_id", "Group", "string", "$.context.groupId"),
    "event_original_name": ("event_original_name", "Original name", "string", None),
}
"""Fields that are one property of an event each: property, label, type, path."""

_IDENTITY = {
    "event": Field(
        label="Event", required=True, description="The event's name in Mixpanel.", default={"@path": "$.event"}
    ),
    "user_id": Field(
        label="User id",
        description="The user, once known. Ids that Mixpanel refuses (`null`, `undefined`, `0` ...) count as none.",
        default={"@path": "$.userId"},
        personal="mixpanel.id",
    ),
    "anonymous_id": Field(
        label="Anonymous id",
        description="The device, or the user who is not known yet.",
        default={"@path": "$.anonymousId"},
        personal="mixpanel.id",
    ),
    "insert_id": Field(
        label="Insert id",
        description="By this Mixpanel recognises a repeat. Hashed if it has more than 36 characters, or others than letters, digits and -.",
        default={"@path": "$.messageId"},
    ),
    "time": Field(
        label="Time",
        type="integer",
        description="When it happened, Unix milliseconds.",
        default={"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "milliseconds"}},
    ),
    "ip": Field(
        label="IP address",
        description="Makes city, region and country; Mixpanel does not keep it.",
        default={"@path": "$.context.ip"},
    ),
    "user_agent": Field(
        label="User agent", description="Makes browser and version.", default={"@path": "$.context.userAgent"}
    ),
    "properties": Field(
        label="Properties",
        type="object",
        description="Everything else that is known of the event. Goes before what is made of the context, except for ids and time.",
        default={"@path": "$.properties"},
    ),
}


def _told(name: str, label: str, type_: Any, path: str | None) -> Field:
    default = {"@path": path} if path else {"@coalesce": [{"@path": "$.event"}, {"@path": "$.name"}]}
    return Field(label=label, type=type_, description=f"Property `{name}`.", default=default)


class TrackEvent(Action[MixpanelSettings]):
    """Any event."""

    name = "track_event"
    label = "Track event"
    description = "Sends an event."
    trigger = f'type = "track" and !({named("Order Completed")})'
    fields = {**_IDENTITY, **{field: _told(*what) for field, what in _TOLD.items()}}
    limits = LIMITS

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return [self.record(fields, envelope, fields["event"], fields.get("properties", {}))]

    def record(
        self, fields: dict[str, Any], envelope: Envelope, event: str, properties: dict[str, Any], nth: int = -1
    ) -> dict[str, Any]:
        """One event of Mixpanel's; `nth` of several that are made of one of ours, -1: the first."""
        time = fields.get("time")
        told = {_TOLD[name][0]: value for name, value in fields.items() if name in _TOLD}
        told |= browser_of(fields.get("user_agent", ""))
        if fields.get("advertising_id") and fields.get("os_name", "").lower() in ("ios", "ipados"):
            told["$ios_ifa"] = fields["advertising_id"]
        if self.settings.source_name:
            told["segment_source_name"] = self.settings.source_name
        own = {
            "time": (int(envelope.receipt.received * 1000) if time is None else time) - (nth + 1),
            "$insert_id": insert_id(fields.get("insert_id") or envelope.key, nth),
            **self.ids(fields),
        }
        if fields.get("ip"):
            own["ip"] = fields["ip"]
        return {"event": event, "properties": {"$source": "doorstep", **told, **properties, **own}}

    def ids(self, fields: dict[str, Any]) -> dict[str, str]:
        """Whose event it is; `distinct_id` is "" for nobody's, which Mixpanel takes for totals."""
        user = normalise("mixpanel.id", fields.get("user_id"))
        device = normalise("mixpanel.id", fields.get("anonymous_id"))
        alone = f"$device:{device}" if device and self.settings.identity == "simplified" else device
        return {
            "distinct_id": user or alone or "",
            **({"$user_id": user} if user else {}),
            **({"$device_id": device} if device else {}),
        }

    def request(self, items: Sequence[Item]) -> Request:
        query = ["strict=1" if self.settings.strict else "strict=0"]
        if self.settings.project_id:
            query.append(f"project_id={quote(self.settings.project_id)}")
        return Request(
            "POST",
            f"{self.settings.api}/import?{'&'.join(query)}",
            {"Authorization": self.settings.import_auth, "Content-Type": "application/json"},
            b"[" + b",".join(item.body[1:-1] for item in items) + b"]",
        )

    def verdict(self, response: Response, items: Sequence[Item]) -> Judgement:
        return reported(read(response, items), len(items), imported(response))


class TrackPurchase(TrackEvent):
    """An order: one event for it, one for each of its products."""

    name = "track_purchase"
    label = "Track purchase"
    description = "Sends an order, and an event for each of its products."
    trigger = f'type = "track" and {named("Order Completed")}'
    fields = {
        **TrackEvent.fields,
        "products": Field(
            label="Products",
            type="object",
            multiple=True,
            description="What was bought. Each becomes an event with its own properties and those of the order that are no sums.",
            default={"@path": "$.properties.products"},
        ),
        "product_event": Field(
            label="Event of a product",
            description='Its name; "" for no such events.',
            default="Product Purchased",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        order = fields.get("properties", {})
        records = super().build(fields, envelope)
        if name := fields.get("product_event"):
            common = {key: value for key, value in order.items() if key not in _OF_THE_WHOLE}
            for nth, product in enumerate(fields.get("products", [])):
                records.append(self.record(fields, envelope, name, {**common, **_counted(product)}, nth))
        return records

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """As many requests as its records need. A repeat is recognised by the insert ids, so it may begin again."""
        outcomes: list[Outcome] = []
        sent = taken = 0
        for part in _parts(items):
            response = yield self.request(part)
            verdict = read(response, part)
            if isinstance(verdict, Failure):
                return verdict
            outcomes += verdict if isinstance(verdict, list) else [DELIVERED] * len(part)
            if isinstance(count := imported(response), int):
                sent, taken = sent + sum(map(_records, part)), taken + count
        return reported(outcomes, sent, taken) if sent else outcomes


def _counted(product: dict[str, Any]) -> dict[str, Any]:
    """Numbers that came as texts as numbers: Mixpanel sums no others."""
    texts = {key: product[key] for key in ("price", "quantity", "position") if isinstance(product.get(key), str)}
    return {**product, **{key: float(text) for key, text in texts.items() if _NUMBER.fullmatch(text)}}


def insert_id(key: str, nth: int = -1) -> str:
    """What Mixpanel takes: at most 36 letters, digits and dashes, other than what it takes for nobody."""
    text = key if nth < 0 else f"{nth}{key}"
    if _INSERT_ID.fullmatch(text) and normalise("mixpanel.id", text):
        return text
    return digest("sha256", text)[:36]


def _records(item: Item) -> int:
    return 1 + (len(item.fields.get("products", ())) if item.fields.get("product_event") else 0)


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    count = 0
    for item in items:
        records = _records(item)
        if part and count + records > MOST_RECORDS:
            yield part
            part, count = [], 0
        part.append(item)
        count += records
    yield part
