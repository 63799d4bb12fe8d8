"""What a destination that is behind may cost in the journal: it is warned about, and at the limit ingress waits or its oldest events go.

levels: 50, 80, 95 % of `max_bytes` or `max_age`, each said once on the way up
"""

from __future__ import annotations

import logging
from math import inf

from ..journal.records import Gap, ranges_of
from .settings import BacklogSettings
from .state import DestinationState

_log = logging.getLogger("doorstep.delivery")

LEVELS = (0.5, 0.8, 0.95)
LOOK_EVERY_S = 0.25


class Backlog:
    """Of one destination."""

    def __init__(self, state: DestinationState) -> None:
        self._state = state
        self._said = 0.0

    async def look(self, utc: float) -> bool:
        """Warns, or expires; whether everybody must wait for this destination."""
        settings = self._state.plan.backlog
        if not settings.is_limited:
            return False
        waited_s = await self._waited_s(utc) if settings.max_age else 0.0
        share = self._share(settings, waited_s)
        self._warn(share)
        if settings.when_full == "block":
            return share >= 1
        account = self._state.account
        if share >= 1:
            excess = account.backlog_bytes - settings.max_bytes if settings.max_bytes else 0
            expire(self._state, *await account.expiry(max(0, excess), self._oldest(settings)))
        expire_taken(self._state, self._oldest(settings))
        return False

    def _oldest(self, settings: BacklogSettings) -> float:
        """What was received before has expired."""
        return self._state.clock.utc() - settings.max_age if settings.max_age else -inf

    async def _waited_s(self, utc: float) -> float:
        since = await self._state.account.backlog_since()
        return 0.0 if since is None else utc - since

    def _share(self, settings: BacklogSettings, waited_s: float) -> float:
        """How much of what it may cost it does cost."""
        of_bytes = self._state.account.backlog_bytes / settings.max_bytes if settings.max_bytes else 0.0
        return max(of_bytes, waited_s / settings.max_age if settings.max_age else 0.0)

    def _warn(self, share: float) -> None:
        level = max((level for level in LEVELS if share >= level), default=0.0)
        if level > self._said:
            facts = {
                "destination": self._state.plan.name,
                "percent": round(share * 100),
                "bytes": self._state.account.backlog_bytes,
            }
            _log.warning("the backlog grows towards its limit", extra={"facts": facts})
        self._said = level


def expire(state: DestinationState, before: int, size_bytes: int) -> None:
    """The backlog is longer than it may be: what comes before number `before` and was not taken yet is given up."""
    first = state.cursor.scan
    if before <= first:
        return
    state.mailbox.forget(before)
    missed = state.cursor.skip(first, before - 1)
    state.counters.count_expired(missed)
    state.account.missed(Gap(first, before - 1, "expired", state.clock.utc()))
    state.account.skipped(size_bytes)
    state.log_change("events have expired: the backlog is full", first=first, last=before - 1, count=missed)
    state.moved(state.clock.monotonic())


def expire_taken(state: DestinationState, before: float) -> None:
    """The same for what was taken: what was received before then (UTC) and waits in the window or on the shelf is given up.

    What is in hand goes on, and so does what has an action behind it; parked events have a schedule of their own.
    """
    oldest = state.cursor.oldest
    if oldest is None or not state.account.aged([oldest], before):
        return
    in_hand = {envelope.number for work in state.in_hand for envelope in work.batch.envelopes}
    expired = [
        envelope
        for envelope in state.account.aged(state.cursor.unsettled(), before)
        if envelope.number not in in_hand and not state.ways.has_begun(envelope)
    ]
    if not expired:
        return
    numbers = [envelope.number for envelope in expired]
    _take_out(state, set(numbers))
    state.ways.drop(numbers)
    for first, last in ranges_of(numbers):
        state.account.missed(Gap(first, last, "expired", state.clock.utc()))
    state.counters.count_expired(len(expired))
    state.log_change(
        "events have expired: they waited too long", first=numbers[0], last=numbers[-1], count=len(numbers)
    )
    state.settle(expired, state.clock.monotonic())
    state.alarm.ring()


def _take_out(state: DestinationState, numbers: set[int]) -> None:
    """Of shelf and window. What is left of a batch keeps its history, what is left in the window its order and its age."""
    left = len(numbers)
    for work in state.shelf.take_all():
        kept = [at for at, one in enumerate(work.batch.envelopes) if work.rows or one.number not in numbers]
        left -= len(work.batch) - len(kept)
        if kept:
            if len(kept) < len(work.batch):
                work.shrink(kept)
            state.shelf.put(work, work.due)
    since = state.window.statistics().oldest
    if left and since is not None:
        waiting = [envelope for envelope in state.empty_window() if envelope.number not in numbers]
        state.window.add(waiting, since)
