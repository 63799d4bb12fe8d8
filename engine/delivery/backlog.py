"""What a destination that is behind may cost in the journal: it is warned about, and at the limit ingress waits or its oldest events go.

levels: 50, 80, 95 % of `max_bytes` or `max_age`, each said once on the way up
"""

from __future__ import annotations

import logging
from math import inf

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
            self._state.expire(*await account.expiry(max(0, excess), self._oldest(settings)))
        self._state.expire_taken(self._oldest(settings))
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
