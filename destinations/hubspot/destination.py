"""HubSpot: contacts and companies by batch upsert, custom events in batches, deletion for good."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import ActionDestination, Request

from .calls import HUNDRED
from .companies import UpsertCompany
from .contacts import DeleteContact, UpsertContact
from .events import SendCustomBehavioralEvent
from .objects import UpsertObject
from .settings import HubspotSettings


class Hubspot(ActionDestination[HubspotSettings]):
    """HubSpot, through its CRM and events APIs."""

    label = "HubSpot"
    description = "Tells HubSpot who your contacts are, which companies they work for and what they do."
    Settings = HubspotSettings
    actions = (UpsertContact, UpsertCompany, SendCustomBehavioralEvent, UpsertObject, DeleteContact)
    limits = HUNDRED

    def __init__(self, settings: HubspotSettings, *more: Any) -> None:
        super().__init__(settings, *more)
        self.authority = settings.authority

    def check(self) -> Request:
        return Request("GET", self.settings.at("/account-info/v3/details"), self.settings.headers)
