"""Meta's Conversions API: conversions on a server beside those of the pixel, by which both are counted once."""

from __future__ import annotations

from doorstep.engine.sdk import ActionDestination, Limits, Request, reach

from .events import STANDARD, CustomEvent
from .settings import MetaSettings


class MetaConversions(ActionDestination[MetaSettings]):
    """One dataset (pixel)."""

    label = "Facebook Conversions API"
    description = "Sends website, app and offline conversions to a dataset of Meta (Facebook, Instagram) for ads."
    Settings = MetaSettings
    actions = (*STANDARD, CustomEvent)
    # Meta says nothing about bytes; a request of 1000 full events is about this.
    limits = Limits(max_events=1000, max_bytes=1_000_000)

    def check(self) -> Request:
        return reach(self.settings.host)
