"""Google Analytics 4, through the Measurement Protocol: server-side events beside those of a tag or an app."""

from __future__ import annotations

from doorstep.engine.sdk import ActionDestination, Limits, Request, reach

from .deletion import DeleteUser
from .recommended import RECOMMENDED, CustomEvent
from .settings import Ga4Settings


class Ga4(ActionDestination[Ga4Settings]):
    """One stream of a GA4 property."""

    label = "Google Analytics 4"
    description = "Sends events to a web or app stream of Google Analytics 4 through the Measurement Protocol."
    Settings = Ga4Settings
    actions = (*RECOMMENDED, CustomEvent, DeleteUser)
    # "Less than 130 kB" a request; the rest is for what is said of the user.
    limits = Limits(max_events=25, max_bytes=110_000, in_flight=8)

    def check(self) -> Request:
        return reach(self.settings.host)
