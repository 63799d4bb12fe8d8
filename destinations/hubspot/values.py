"""Values as HubSpot wants them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import msgspec
from doorstep.engine.sdk import ValidationError

_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")
_EVENTS = UUID("6f0c0a5e-6a53-5d0c-9d0b-5d2f5f0f7a11")
"""The namespace of events' UUIDs: any will do, as long as it stays."""


def address(text: str) -> str:
    """An email address as HubSpot keeps it. Raises ValidationError for what is none."""
    found = text.strip().lower()
    if not _EMAIL.fullmatch(found):
        raise ValidationError("email is no email address")
    return found


def properties(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a property can have: lists as `a;b`, objects as JSON, nothing in place of null."""
    return {name: _flat(value) for name, value in values.items() if value is not None}


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(_text(item) for item in value)
    return _text(value) if isinstance(value, dict) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def event_name(name: str, hub_id: str) -> str:
    """The full internal name of a custom event, `pe12345678_order_completed`, whether or not the beginning is there."""
    prefix = f"pe{hub_id}_"
    internal = _NOT_IN_NAMES.sub("_", name.removeprefix(prefix).strip().lower()).strip("_")
    if not internal:
        raise ValidationError(
            "event_name has no letter that an internal name may have: map it to the event's internal name"
        )
    return prefix + internal


def event_uuid(key: str) -> str:
    """The UUID of an event, the same each time."""
    return str(uuid5(_EVENTS, key))


def domain(text: str) -> str:
    """The domain in a URL, or of a company."""
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        host = None
    return host or text
