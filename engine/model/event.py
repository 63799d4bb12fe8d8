"""An event as it is read once, on arrival: the spec's own fields, its nested parts only checked, never decoded.

The types are the validation: `decode` relies on msgspec to refuse what does not fit and only afterwards asks why.
Skipping a part costs a tenth of decoding it (0.8 against 3.6 us for an 880-byte event), so `properties`, `traits` and the
rest of `context` are looked at later, and only by whoever's trigger or mapping needs them (`routing.reader`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias", "delete")
ABSENT = msgspec.Raw()
"""What an event without an `integrations` object has there: compare with `is`."""

EventType = Literal["identify", "track", "page", "screen", "group", "alias", "delete"]


class Part(msgspec.Struct, frozen=True, gc=False):
    """A nested object that was seen to be well-formed, and skipped."""


class Consent(msgspec.Struct, frozen=True, gc=False):
    """What the user allowed, as the consent manager wrote it (Segment's `context.consent`)."""

    categoryPreferences: dict[str, bool] | None = None


class Context(msgspec.Struct, frozen=True, gc=False):
    """The one part of `context` that decides who may get the event."""

    consent: Consent | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event of the Segment spec. Field names are the spec's; an absent field and a null one are the same."""

    type: EventType
    messageId: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    groupId: str | None = None
    previousId: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None
    sentAt: str | None = None
    receivedAt: str | None = None
    properties: Part | None = None
    traits: Part | None = None
    context: Context | None = None
    integrations: msgspec.Raw = ABSENT


class AnyEvent(msgspec.Struct, frozen=True, gc=False):
    """Any JSON object (`spec = "any"`): the same names as `Event`, each there if it has the spec's shape, else None.

    Only the fields that routing and idempotency read are kept.
    """

    type: str | None = None
    messageId: str | None = None
    event: str | None = None
    context: Context | None = None
    integrations: msgspec.Raw = ABSENT
