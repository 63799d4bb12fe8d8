"""The batch window that a plan asks for: how large its batches may be, and which events may share one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ..model.envelope import Envelope
from ..policy.window import BatchWindow
from ..sdk.destination import Destination
from .plan import Plan
from .ways import Ways


def window_for(plan: Plan, ways: Ways, *, one_by_one: bool = False) -> BatchWindow:
    """A batch is never bigger than the bucket, or the rate would not be kept. With a key only if the destination tells events
    apart at all: asking it for every event would cost for nothing."""
    key = _safe(plan.destination.key) if type(plan.destination).key is not Destination.key else None
    key, limits = (ways.key, ways.limits) if ways else (key, None)
    max_events = 1 if one_by_one else plan.batch.max_events
    if plan.rate and plan.rate.unit == "events":
        max_events = max(1, min(max_events, int(plan.rate.bucket)))
    return BatchWindow(max_events, plan.batch.max_bytes, plan.batch.max_wait, key, limits)


def _safe(key: Callable[[Envelope], Hashable]) -> Callable[[Envelope], Hashable]:
    """`key`, with a batch of its own for each event that it fails on: `request` then says what is wrong with the event."""

    def safe(envelope: Envelope) -> Hashable:
        try:
            found = key(envelope)
            hash(found)
        except Exception:
            return envelope.number, safe
        return found

    return safe
