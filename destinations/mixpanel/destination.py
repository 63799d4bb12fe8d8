"""Mixpanel, as a whole: which events go where."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import ActionDestination, Preset, Request, reach

from .events import LIMITS, TrackEvent, TrackPurchase
from .profiles import Alias, DeleteUser, GroupIdentifyUser, IdentifyUser, IncrementProperties
from .settings import MixpanelSettings


def _viewed(what: str) -> dict[str, Any]:
    return {"@if": {"blank": {"@path": "$.name"}, "then": {"@template": "Viewed {{name}}"}, "else": what}}


class Mixpanel(ActionDestination[MixpanelSettings]):
    """A project of Mixpanel."""

    label = "Mixpanel"
    description = "Sends events, purchases and profiles to Mixpanel, and has users forgotten."
    Settings = MixpanelSettings
    limits = LIMITS
    actions = (TrackEvent, TrackPurchase, IdentifyUser, GroupIdentifyUser, Alias, IncrementProperties, DeleteUser)
    presets = {
        "identify_user": Preset(IdentifyUser),
        "track_event": Preset(TrackEvent),
        "track_purchase": Preset(TrackPurchase),
        "page_viewed": Preset(TrackEvent, 'type = "page"', {"event": _viewed("Viewed a Page")}, "Page viewed"),
        "screen_viewed": Preset(TrackEvent, 'type = "screen"', {"event": _viewed("Viewed a Screen")}, "Screen viewed"),
        "group_identify_user": Preset(GroupIdentifyUser),
        "alias": Preset(Alias),
        "delete_user": Preset(DeleteUser),
    }

    def check(self) -> Request:
        return reach(self.settings.api)
