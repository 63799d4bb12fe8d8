"""HubSpot: contacts and companies by batch upsert, custom events in batches, deletion for good."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import DELIVERED, ActionDestination, Request, Response, Verdict

from .answers import other_account
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

    def check_request(self) -> Request:
        """Which account the token belongs to."""
        headers = {name: value for name, value in self.settings.headers.items() if name != "Content-Type"}
        return Request("GET", self.settings.at("/account-info/v3/details"), headers, b"")

    def check_verdict(self, response: Response) -> Verdict:
        """A token that may not read this is a good one: scopes are given one by one. One of another account is none."""
        if response.status == 403:
            return DELIVERED
        verdict = super().check_verdict(response)
        return verdict if verdict != DELIVERED else other_account(response, self.settings.hub_id) or verdict
