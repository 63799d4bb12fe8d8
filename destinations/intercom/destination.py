"""Intercom: contacts, their events and companies, one request after another for each event."""

from __future__ import annotations

from doorstep.engine.sdk import ActionDestination, Request

from .calls import ONE
from .companies import CreateUpdateCompany
from .contacts import DeleteContact, IdentifyContact
from .events import TrackEvent
from .settings import IntercomSettings


class Intercom(ActionDestination[IntercomSettings]):
    """Intercom, through its REST API."""

    label = "Intercom"
    description = "Tells Intercom who your contacts are, what they do and which companies they work for."
    Settings = IntercomSettings
    actions = (IdentifyContact, TrackEvent, CreateUpdateCompany, DeleteContact)
    limits = ONE

    def check(self) -> Request:
        return Request("GET", self.settings.at("/me"), self.settings.headers)
