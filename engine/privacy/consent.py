"""Consent: which destinations the user of an event agreed to, by categories.

    event -> granted -> allows(granted, the destination's categories) -> whether it may have the event

As in Segment, to the letter of its rules:

1. An event that says nothing of consent (no `context.consent`, or an empty one and no `integrations` object) is not held back.
2. One that has `categoryPreferences` goes to a destination with categories only if each of them is true. Missing is false, so
   empty preferences grant nothing. Destinations without categories are not affected.
3. An empty consent object beside an `integrations` object counts as empty preferences: whoever wrote that much knows of both.

The `integrations` object is asked afterwards, and can only take away: a true in it does not overrule a missing consent.

A deletion (`type = "delete"`) is never held back: it takes data away from who may no longer have it.
"""

from __future__ import annotations

from typing import TypeAlias

from ..model.event import ABSENT, AnyEvent, Event

Granted: TypeAlias = frozenset[str] | None
"""The categories that were granted; None where consent does not matter."""

_NONE_GRANTED: frozenset[str] = frozenset()


def granted(event: Event | AnyEvent) -> Granted:
    """What the user of `event` granted; None if that says nothing of consent."""
    context = event.context
    if context is None or context.consent is None or event.type == "delete":
        return None
    preferences = context.consent.categoryPreferences
    if preferences is None:
        return _NONE_GRANTED if _has_integrations(event) else None
    return frozenset([category for category, is_granted in preferences.items() if is_granted])


def allows(granted: Granted, categories: frozenset[str]) -> bool:
    """Whether a destination of these categories may have an event of which this was granted."""
    return granted is None or categories <= granted


def _has_integrations(event: Event | AnyEvent) -> bool:
    return event.integrations is not ABSENT and bytes(event.integrations) != b"null"
