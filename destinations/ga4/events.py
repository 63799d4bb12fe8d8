"""What all events have in common, the recommended ones and those under a user's own name.

    event -> fields -> {"name", "params"} each  ->  {"client_id", ..., "events": [...]}

Google answers 2xx whatever it gets, so whatever can be known to be wrong is refused here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Envelope,
    Failure,
    Fault,
    Item,
    Judgement,
    Request,
    Response,
    ValidationError,
    reported,
    verdict_by_status,
)

from .fields import PARAMS, USER
from .naming import EVENT as EVENT_NAME
from .naming import MOST_ITEMS, currency_of, name_of, own_params, plain
from .settings import Ga4Settings
from .user import ready, user_of

_encode = msgspec.json.Encoder().encode
_JSON = {"Content-Type": "application/json"}


class Event(Action[Ga4Settings]):
    """One of Google's recommended events, or one of the user's own."""

    hashes = True
    event: ClassVar[str]
    """Google's name for it; "" if a field says."""
    on: ClassVar[tuple[str, ...]] = ()
    """The names of the spec's events that make it."""
    sums_items: ClassVar[bool] = False
    """Whether it is worth what its items cost, if nothing else is said."""
    share = tuple(USER)

    def __init__(self, settings: Ga4Settings) -> None:
        super().__init__(settings)
        self._ready = ready(settings)
        self._plain = self.fields.keys() & PARAMS.keys() - {"items"}

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        user_of(fields, self.settings, self._ready)  # what is wrong with it is this event's fault, not the request's
        at = fields.get("timestamp_micros", int(envelope.receipt.received * 1_000_000))
        name = self.event or self._own_name(fields)
        return {"name": name, "params": self._params(fields), "timestamp_micros": at}

    def request(self, items: Sequence[Item]) -> Request:
        settings = self.settings
        stream = f"measurement_id={quote(settings.measurement_id)}"
        if settings.firebase_app_id:
            stream = f"firebase_app_id={quote(settings.firebase_app_id, safe=':')}"
        way = "/debug/mp/collect" if settings.validate_only else "/mp/collect"
        url = f"{settings.host}{way}?api_secret={quote(settings.api_secret.reveal(), safe='')}&{stream}"
        user = _encode(user_of(items[0].fields, settings, self._ready))
        body = b'%b,"events":[%b]}' % (user[:-1], b",".join(item.body for item in items))
        return Request("POST", url, _JSON, body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Judgement:
        verdict = verdict_by_status(response)
        if not self.settings.validate_only or isinstance(verdict, Failure):
            return verdict
        return _validated(response, len(items))

    def _own_name(self, fields: dict[str, Any]) -> str:
        name = fields["name"].lower() if fields.get("lowercase") else fields["name"]
        return name_of(EVENT_NAME, name)

    def _params(self, fields: dict[str, Any]) -> dict[str, Any]:
        settings = self.settings
        found: dict[str, Any] = {}
        for name in fields.keys() & self._plain:
            found[name] = plain(name, fields[name], settings.max_value_length)
        if "currency" in found:
            found["currency"] = currency_of(found["currency"])
        if listed := _items(fields.get("items") or (), settings.max_value_length):
            found["items"] = listed
        if self.sums_items and "value" not in found and "currency" in found and (value := worth_of(listed)):
            found["value"] = value
        found |= own_params(fields.get("params") or {}, settings.max_value_length)
        found |= {name: fields[name] for name in ("session_id", "engagement_time_msec") if name in fields}
        if settings.debug_mode:
            found["debug_mode"] = 1
        if len(found) > settings.max_params:
            raise ValidationError(f"the event has {len(found)} parameters; Google takes {settings.max_params}")
        return {name: found[name] for name in sorted(found)}


def _items(given: Sequence[Mapping[str, Any]], longest: int) -> list[dict[str, Any]]:
    """Those that Google can tell from others."""
    if len(given) > MOST_ITEMS:
        raise ValidationError(f"the event has {len(given)} items; Google takes {MOST_ITEMS}")
    kept = [{name: plain(name, value, longest) for name, value in item.items()} for item in given]
    found = [{name: value for name, value in item.items() if value is not None} for item in kept]
    return [item for item in found if "item_id" in item or "item_name" in item]


def worth_of(listed: Sequence[Mapping[str, Any]]) -> float:
    """What items cost together. Raises ValidationError where that is no number."""
    try:
        worth = float(sum(item.get("price", 0) * item.get("quantity", 1) for item in listed))
    except OverflowError:
        worth = math.inf
    if not math.isfinite(worth):
        raise ValidationError("what the items cost together is no amount")
    return round(worth, 6)


def _validated(response: Response, sent: int) -> Judgement:
    """What the validation server found, of all events together: it says of which in words alone."""
    try:
        messages = msgspec.json.decode(response.body, type=_Validation).validation_messages
    except (msgspec.DecodeError, UnicodeDecodeError):
        return DELIVERED
    if not messages:
        return reported(DELIVERED, sent, sent)
    detail = f"{messages[0].field_path}: {messages[0].description}"
    failure = Failure(Fault.EVENT, messages[0].validation_code.lower(), status=response.status, detail=detail)
    return reported(failure, sent, 0)


class _Message(msgspec.Struct, rename="camel"):
    field_path: str = ""
    description: str = ""
    validation_code: str = "invalid"


class _Validation(msgspec.Struct, rename="camel"):
    validation_messages: list[_Message]
