"""Amplitude, as a whole: which events go where."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import ActionDestination, Limits, Preset, Request, reach

from .events import BATCH, REALTIME, LogEvent, LogPurchase
from .settings import AmplitudeSettings
from .users import DeleteUser, GroupIdentifyUser, IdentifyUser, MapUser


def _viewed(what: str) -> dict[str, Any]:
    return {"@if": {"blank": {"@path": "$.name"}, "then": {"@template": "Viewed {{name}}"}, "else": what}}


class Amplitude(ActionDestination[AmplitudeSettings]):
    """A project of Amplitude."""

    label = "Amplitude"
    description = "Sends events, revenue, user and group properties to Amplitude, and has users forgotten."
    Settings = AmplitudeSettings
    limits = REALTIME
    actions = (LogEvent, LogPurchase, IdentifyUser, GroupIdentifyUser, MapUser, DeleteUser)
    presets = {
        "identify_user": Preset(IdentifyUser),
        "log_event": Preset(LogEvent),
        "log_purchase": Preset(LogPurchase),
        "page_viewed": Preset(LogEvent, 'type = "page"', {"event_type": _viewed("Viewed a Page")}, "Page viewed"),
        "screen_viewed": Preset(
            LogEvent, 'type = "screen"', {"event_type": _viewed("Viewed a Screen")}, "Screen viewed"
        ),
        "group_identify_user": Preset(GroupIdentifyUser),
        "delete_user": Preset(DeleteUser),
    }

    @classmethod
    def tuned(cls, settings: AmplitudeSettings) -> Limits:
        return BATCH if settings.endpoint == "batch" else REALTIME

    def check(self) -> Request:
        return reach(self.settings.events)
