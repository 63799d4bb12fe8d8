"""The `integrations` object of an event: who may not have it, and what it tells those who may.

    {"All": false, "Slack": {"channel": "#orders"}}

An entry is true, false, or an object of options, which is true with something to say. null says nothing. Of the entries that a
destination listens to, its own instance's name decides before its type's label, that before `All`. Case matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from .reader import UNDECODABLE

Choices: TypeAlias = Mapping[str, bool]

V = TypeVar("V")

_decode_entries = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def choices(raw: bytes) -> Choices | None:
    """What the object says: false is false, anything else that says something is true. None: undecodable.

    The options are not looked into: a destination's 1e999 is none of routing's business.
    """
    try:
        return {name: bytes(entry) != b"false" for name, entry in _entries(raw).items()}
    except UNDECODABLE:
        return None


def entry_for(entries: Mapping[str, V], name: str, label: str) -> V | None:
    """The entry that a destination goes by; None if there is none for it. `entries` are those that say something."""
    return next((entries[key] for key in (name, label, "All") if key in entries), None)


def options(raw: bytes, name: str, label: str) -> dict[str, Any]:
    """The options for the destination `name` of a type with this label: {} for true, and for nothing said.

    `raw` is the object as JSON, b"" if the event has none. Raises one of UNDECODABLE if these options cannot be decoded.
    """
    entry = entry_for(_entries(raw), name, label)
    value = None if entry is None else msgspec.json.decode(entry)
    return value if isinstance(value, dict) else {}


def _entries(raw: bytes) -> dict[str, msgspec.Raw]:
    """What is no object says nothing (`spec = "any"`)."""
    said = _decode_entries(raw) if raw.startswith(b"{") else {}
    return {name: entry for name, entry in said.items() if bytes(entry) != b"null"}
