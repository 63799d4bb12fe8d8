"""What is said of the user, once for all events of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from doorstep.engine.sdk import ValidationError, hasher, normalise

from .fields import ADDRESS, USER
from .naming import USER_PROPERTY, name_of, plain
from .settings import Ga4Settings

_MOST_USER_PROPERTIES = 25
_LONGEST_USER_PROPERTY = 36
_LISTS = {"email": "sha256_email_address", "phone": "sha256_phone_number"}
_PERSONAL = (*_LISTS, *ADDRESS)
_CONSENT = {"true": "GRANTED", "granted": "GRANTED", "false": "DENIED", "denied": "DENIED"}


Ready: TypeAlias = Mapping[str, Callable[[object], str | None]]
"""How what names a person is made ready, by field."""


def ready(settings: Ga4Settings) -> Ready:
    """As Google compares it. What somebody mapped without `@hash` never leaves in the clear."""
    return {
        name: hasher(USER[name].personal or "", hashing=settings.hashing, remembers=False)
        if USER[name].hashed
        else partial(normalise, USER[name].personal or "")
        for name in _PERSONAL
    }


def user_of(fields: Mapping[str, Any], settings: Ga4Settings, ready: Ready) -> dict[str, Any]:
    """What is said once for all events of a request. Raises ValidationError."""
    key = "app_instance_id" if settings.firebase_app_id else "client_id"
    if key not in fields:
        raise ValidationError(f"the event has no {key}, without which Google takes no event of this stream")
    user = {name: fields[name] for name in (key, "user_id", "user_location", "ip_override", "device") if name in fields}
    user["user_properties"] = _user_properties(fields.get("user_properties") or {})
    user["user_data"] = _user_data(fields, ready)
    user["consent"] = {
        name: _consent(fields[name]) for name in ("ad_user_data", "ad_personalization") if name in fields
    }
    return {name: value for name, value in user.items() if value}


def _user_properties(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: plain(name, value, _LONGEST_USER_PROPERTY) for name, value in given.items()}
    found = {name_of(USER_PROPERTY, name): {"value": value} for name, value in kept.items() if value is not None}
    if len(found) > _MOST_USER_PROPERTIES:
        raise ValidationError(f"the user has {len(found)} properties; Google takes {_MOST_USER_PROPERTIES}")
    return found


def _user_data(fields: Mapping[str, Any], ready: Ready) -> dict[str, Any]:
    known = {name: value for name in _PERSONAL if name in fields and (value := ready[name](fields[name]))}
    found: dict[str, Any] = {_LISTS[name]: [known[name]] for name in _LISTS if name in known}
    address = {called: known[name] for name, called in ADDRESS.items() if name in known}
    return found | {"address": [address]} if address else found


def _consent(given: str) -> str:
    if given.lower() not in _CONSENT:
        raise ValidationError(f"consent must be true, false, GRANTED or DENIED, and is {given!r}")
    return _CONSENT[given.lower()]
