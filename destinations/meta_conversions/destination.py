"""Meta's Conversions API: conversions on a server beside those of the pixel, by which both are counted once."""

from __future__ import annotations

from doorstep.engine.sdk import ActionDestination, Limits, Request, Response, Verdict, bearer_auth

from .answers import verdict_of
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

    def check_request(self) -> Request:
        """The dataset itself, which only somebody with access to it sees."""
        settings = self.settings
        url = f"{settings.host}/{settings.api_version}/{settings.dataset_id}?fields=id"
        return Request("GET", url, {"Authorization": bearer_auth(settings.access_token.reveal())}, b"")

    def check_verdict(self, response: Response) -> Verdict:
        return verdict_of(response, 0)
