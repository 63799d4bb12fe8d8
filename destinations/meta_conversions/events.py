"""Conversions: Meta's standard events as a table, and one action for all others.

    event -> fields -> {"event_name", "user_data", "custom_data", ...} each  ->  {"data": [...]}

One bad event has Meta refuse the whole request, so what can be known to be wrong is refused before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Envelope,
    Exchange,
    Failure,
    Field,
    Item,
    Judgement,
    Reported,
    Request,
    Response,
    ValidationError,
    bearer_auth,
    hasher,
    named,
    normalise,
    reported,
    rounds,
)

from .answers import verdict_of
from .fields import APP, APP_ONLY, CUSTOM, EVENT, EXTINFO, FULL_NAME, MORE, PERSONAL, USER, first, path
from .settings import MetaSettings

Ready: TypeAlias = Mapping[str, Callable[[object], str | None]]
"""How what names a person is made ready, by field."""
_encode = msgspec.json.Encoder().encode
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY_S = 24 * 60 * 60
_OLDEST_DAYS = {"physical_store": 62}
_PLATFORMS = {"ios": "i2", "android": "a2"}
_TRACKING = ("advertiser_tracking_enabled", "application_tracking_enabled")


class Conversion(Action[MetaSettings]):
    """One of Meta's standard events, or one of the user's own."""

    hashes = True
    event: ClassVar[str]
    """Meta's name for it; "" if a field says."""

    def __init__(self, settings: MetaSettings) -> None:
        super().__init__(settings)
        self._url = f"{settings.host}/{settings.api_version}/{settings.dataset_id}/events"
        self._headers = {
            "Authorization": bearer_auth(settings.access_token.reveal()),
            "Content-Type": "application/json",
        }
        self._ready = ready(settings)
        self._end = b"]}"
        if settings.test_event_code:
            self._end = b'],"test_event_code":%b}' % _encode(settings.test_event_code)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        app_data = _app_data(fields.get("app_data") or {})
        source = fields.get("action_source") or self._source(fields, app_data)
        at = fields.get("event_time", int(envelope.receipt.received))
        _refuse_old(at, envelope.receipt.received, source)
        event = {
            "event_name": self.event or fields["event_name"],
            "event_time": at,
            "event_id": fields.get("event_id", envelope.key),
            "action_source": source,
            "event_source_url": fields.get("event_source_url"),
            "user_data": _user_data(_with_names(fields), at, source, self._ready),
            "custom_data": _custom_data(fields) or None,
            "app_data": app_data if source == "app" else None,
            "opt_out": fields.get("opt_out"),
        }
        if source == "app" and app_data is None:
            raise ValidationError("an app's event needs the platform (ios, android) and the version of its system")
        if fields.get("data_processing_options", self.settings.limited_data_use):
            event["data_processing_options"] = ["LDU"]
            for name in ("data_processing_options_country", "data_processing_options_state"):
                event[name] = fields.get(name, 0)
        return {name: value for name, value in event.items() if value is not None}

    def request(self, items: Sequence[Item]) -> Request:
        body = b'{"data":[' + b",".join(item.body for item in items) + self._end
        return Request("POST", self._url, self._headers, body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Judgement:
        return verdict_of(response, len(items))

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """One request as a rule. Meta wants no event twice in one: a repetition goes in the next. What was taken may come again."""
        sent = taken = 0
        for part in rounds(items, lambda item: [self._identity(item)]):
            judgement = self.verdict((yield self.request(part)), part)
            verdict = judgement.verdict if isinstance(judgement, Reported) else judgement
            if isinstance(verdict, Failure):
                return judgement
            if isinstance(judgement, Reported):
                sent, taken = sent + judgement.sent, taken + judgement.taken
        return reported(DELIVERED, sent, taken) if sent else DELIVERED

    def _identity(self, item: Item) -> tuple[str, str]:
        """By which Meta knows an event."""
        return self.event or item.fields["event_name"], item.fields.get("event_id", item.envelope.key)

    def _source(self, fields: Mapping[str, Any], app_data: object) -> str:
        if app_data is not None:
            return "app"
        is_browser = "client_user_agent" in fields and "event_source_url" in fields
        return "website" if is_browser else self.settings.action_source


def _refuse_old(event_time: int, received: float, source: str) -> None:
    """Older than what is taken when it came in: a request with it would be refused as a whole."""
    days = _OLDEST_DAYS.get(source, 7)
    if received - event_time > days * _DAY_S:
        raise ValidationError(f"the event is more than {days} days old; Meta takes none that is")


def ready(settings: MetaSettings) -> Ready:
    """As Meta compares it. What names a person never leaves in the clear, whatever is mapped."""
    return {
        name: hasher(field.personal, hashing=settings.hashing, remembers=False)
        if field.hashed
        else partial(normalise, field.personal)
        for name, field in USER.items()
        if field.personal is not None
    }


def _with_names(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """With first and last name, if only a full one is known and it has two words: of three, nobody knows which are which."""
    words = fields.get("full_name", "").split()
    if len(words) != 2 or fields.keys() & {"fn", "ln"}:
        return fields
    return {**fields, "fn": words[0], "ln": words[1]}


def _user_data(fields: Mapping[str, Any], at: int, source: str, ready: Ready) -> dict[str, Any]:
    """Of a person."""
    user: dict[str, Any] = {}
    for name in USER.keys() & fields.keys() - (set() if source == "app" else set(APP_ONLY)):
        if value := _made_ready(ready.get(name), fields[name]):
            user[name] = value
    if "fbc" not in user and (clicked := _click_id(fields.get("event_source_url", ""))):
        user["fbc"] = f"fb.1.{at * 1000}.{clicked}"
    if source == "website" and "client_user_agent" not in user:
        raise ValidationError("a website's event needs client_user_agent")
    if not user.keys() - {"client_user_agent"}:
        raise ValidationError("user_data has nothing by which Meta could know a person")
    return {name: user[name] for name in USER if name in user}


def _made_ready(make: Callable[[object], str | None] | None, value: Any) -> Any:
    if make is None:
        return value
    if isinstance(value, list):
        return [one for given in value if (one := make(given))]
    return make(value)


def _click_id(url: str) -> str:
    try:
        return parse_qs(urlsplit(url).query).get("fbclid", [""])[0]
    except ValueError:
        return ""


def _app_data(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for what is no phone."""
    platform = _PLATFORMS.get(given.get("platform", "").lower())
    if platform is None or not given.get("os_version"):
        return None
    app = {name: int(given.get(name, False)) for name in _TRACKING}
    if "install_referrer" in given:
        app["install_referrer"] = given["install_referrer"]
    return {**app, "extinfo": [platform, *(given.get(name, "") for name in EXTINFO[1:])]}


def _custom_data(fields: Mapping[str, Any]) -> dict[str, Any]:
    custom = {name: value for name, value in (fields.get("custom_data") or {}).items() if name not in PERSONAL}
    custom |= {name: fields[name] for name in CUSTOM if name in fields}
    if "currency" in custom:
        custom["currency"] = _currency(custom["currency"])
    contents = [one for one in fields.get("contents") or () if one.get("id")]
    custom.pop("contents", None)
    if contents:
        custom["contents"] = contents
        custom.setdefault("content_ids", [one["id"] for one in contents])
        custom.setdefault("content_type", "product")
    return custom


def _currency(given: Any) -> str:
    code = str(given).strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise ValidationError(f"currency must be three letters as in ISO 4217, and is {given!r}")
    return code


def _standard(
    name: str, event: str, label: str, trigger: str, *custom: str, required: Sequence[str] = (), **defaults: Any
) -> type[Conversion]:
    """The action for one of Meta's standard events."""
    chosen = {field: CUSTOM[field] for field in custom}
    chosen |= {field: msgspec.structs.replace(CUSTOM[field], required=True) for field in required}
    chosen |= {field: msgspec.structs.replace(chosen[field], default=made_of) for field, made_of in defaults.items()}
    body = {
        "name": name,
        "label": label,
        "description": f"Meta's standard event `{event}`.",
        "trigger": trigger,
        "event": event,
        "fields": {**EVENT, **USER, **FULL_NAME, **APP, **chosen, "custom_data": MORE},
        "__doc__": f"Meta's `{event}`.",
    }
    return type(event, (Conversion,), body)


def _on(*events: str) -> str:
    return f'type = "track" and {named(*events)}'


_SHOP = ("currency", "value", "contents", "content_ids", "content_type")
_OF_ONE = first("properties.value", "properties.price")

STANDARD: tuple[type[Conversion], ...] = (
    _standard("page_view", "PageView", "Page view", 'type in ["page", "screen"]'),
    _standard("search", "Search", "Search", _on("Products Searched"), "search_string", "content_category", *_SHOP),
    _standard(
        "view_content",
        "ViewContent",
        "View content",
        _on("Product Viewed", "Product List Viewed"),
        *("content_name", "content_category", *_SHOP),
        value=_OF_ONE,
    ),
    _standard(
        "add_to_cart",
        "AddToCart",
        "Add to cart",
        _on("Product Added", "Wishlist Product Added to Cart"),
        *("content_name", *_SHOP),
        value=_OF_ONE,
    ),
    _standard(
        "add_to_wishlist",
        "AddToWishlist",
        "Add to wishlist",
        _on("Product Added to Wishlist"),
        *("content_name", "content_category", *_SHOP),
        value=_OF_ONE,
    ),
    _standard(
        "initiate_checkout",
        "InitiateCheckout",
        "Initiate checkout",
        _on("Checkout Started"),
        *("num_items", "content_category", *_SHOP),
    ),
    _standard(
        "add_payment_info",
        "AddPaymentInfo",
        "Add payment info",
        _on("Payment Info Entered"),
        "content_category",
        *_SHOP,
    ),
    _standard(
        "purchase",
        "Purchase",
        "Purchase",
        _on("Order Completed"),
        *("num_items", "order_id", "net_revenue", "predicted_ltv", "delivery_category", *_SHOP),
        required=("currency", "value"),
    ),
)


class CustomEvent(Conversion):
    """Any other of Meta's events, or one of the user's own."""

    name = "custom"
    label = "Custom event"
    description = (
        "An event of your own, or another one of Meta's: `Lead`, `CompleteRegistration`, `Subscribe`, `StartTrial`."
    )
    event = ""
    fields: ClassVar[Mapping[str, Field]] = {
        **EVENT,
        "event_name": Field(
            label="Event name", required=True, description="Meta's or yours.", default=path("event"), maximum=50
        ),
        **USER,
        **FULL_NAME,
        **APP,
        **CUSTOM,
        "custom_data": MORE,
    }
