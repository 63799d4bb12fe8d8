"""What Google accepts as names and values. It answers 2xx to everything, and drops what breaks a rule: so the rules are kept here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from doorstep.engine.sdk import ValidationError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^\s@/?&=]+@[^\s@/?&=]+\.[A-Za-z]{2,}")
_LONGER = {"page_location": 1000, "page_referrer": 420, "page_title": 300}
"""Parameters that may be longer than the others."""
MOST_ITEMS = 200

PERSONAL = frozenset(
    {
        *("email", "phone", "first_name", "last_name", "firstName", "lastName", "username", "birthday"),
        *("address", "street", "ip", "recipient"),
    }
)
"""Properties that are never sent as parameters: Google closes accounts over what names a person."""


class Kind(msgspec.Struct, frozen=True):
    """Of names."""

    called: str
    longest: int
    reserved: frozenset[str]
    prefixes: tuple[str, ...]


_PREFIXES = ("_", "firebase_", "ga_", "google_")
EVENT = Kind(
    "event",
    40,
    frozenset(
        {
            *("ad_activeview", "ad_click", "ad_exposure", "ad_impression", "ad_query", "ad_reward"),
            *("adunit_exposure", "app_background", "app_clear_data", "app_exception", "app_install"),
            *("app_remove", "app_store_refund", "app_update", "app_upgrade", "dynamic_link_app_open"),
            *("dynamic_link_app_update", "dynamic_link_first_open", "error", "first_open", "first_visit"),
            *("in_app_purchase", "notification_dismiss", "notification_foreground", "notification_open"),
            *("notification_receive", "os_update", "screen_view", "session_start", "user_engagement"),
        }
    ),
    (*_PREFIXES, "gtag."),
)
PARAM = Kind("parameter", 40, frozenset({"firebase_conversion"}), _PREFIXES)
USER_PROPERTY = Kind(
    "user property",
    24,
    frozenset(
        {"first_open_time", "first_visit_time", "last_deep_link_referrer", "user_id", "first_open_after_install"}
    ),
    _PREFIXES,
)


def name_of(kind: Kind, text: str) -> str:
    """`text` as a name: what a name cannot have becomes `_`. Raises ValidationError for what still is none, or is Google's own."""
    name = _NOT_IN_NAMES.sub("_", text)
    if not _NAME.fullmatch(name):
        raise ValidationError(f"the {kind.called} {text!r} must begin with a letter")
    if len(name) > kind.longest:
        raise ValidationError(f"the {kind.called} {text!r} has {len(name)} characters; Google takes {kind.longest}")
    if name in kind.reserved or name.startswith(kind.prefixes):
        raise ValidationError(f"the {kind.called} {text!r} has a name that is Google's own")
    return name


def currency_of(text: str) -> str:
    """The code in capitals. Raises ValidationError for what is none."""
    code = text.strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise ValidationError(f"currency must be three letters as in ISO 4217, and is {text!r}")
    return code


def plain(name: str, value: Any, longest: int) -> Any:
    """A value as Google takes it, long texts cut; None for what is neither text nor number nor boolean."""
    if isinstance(value, str):
        return value[: max(longest, _LONGER.get(name, 0))] or None
    return value if isinstance(value, bool | int | float) else None


def own_params(given: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """Parameters made of a user's properties: plain ones that name nobody."""
    found = {}
    for key, value in given.items():
        kept = None if key in PERSONAL else plain(key, value, longest)
        if kept is not None and not (isinstance(kept, str) and _EMAIL.search(kept)):
            found[name_of(PARAM, key)] = kept
    return found
