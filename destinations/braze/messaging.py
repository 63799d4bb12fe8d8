"""Messages that an event sets off: campaigns and canvases with an API trigger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doorstep.engine.sdk import (
    DELIVERED,
    Envelope,
    Failure,
    Field,
    Item,
    Limits,
    Request,
    Response,
    ValidationError,
    Verdict,
)

from .answers import read_answer
from .base import BrazeAction

_RECIPIENTS = Field(
    label="Recipients",
    type="object",
    multiple=True,
    description="Who gets it, at most 50: each an `external_user_id` or a `user_alias`, and maybe properties and attributes of its own.",
    default=[{"external_user_id": {"@path": "$.userId"}}],
)
_BROADCAST = Field(
    label="Broadcast", type="boolean", description="Whether it goes to the whole segment; then there are no recipients."
)
_AUDIENCE = Field(label="Audience", type="object", description="A filter on who gets it.")
_SEND = Field(label="Send id", description="For its statistics.")
_PROPERTIES = {"@path": "$.properties"}


class _Trigger(BrazeAction):
    """One message a request, and Braze has no key by which to know a repeat."""

    limits = Limits(max_events=1, max_wait_s=0.0)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        recipients = [one for one in fields.get("recipients", ()) if one]
        if not recipients and not fields.get("broadcast") and not fields.get("audience"):
            raise ValidationError("recipients: there is none, and it is no broadcast")
        rest = {name: value for name, value in fields.items() if name != "recipients"}
        return {**rest, "recipients": recipients} if recipients else rest

    def request(self, items: Sequence[Item]) -> Request:
        [item] = items
        return self.post(item.body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        found = read_answer(response, {"": range(len(items))})
        if isinstance(found, Failure):
            return found
        return list(found.values()) or DELIVERED


class TriggerCampaign(_Trigger):
    """A campaign."""

    name = "trigger_campaign"
    label = "Trigger campaign"
    description = "Sends a campaign that has an API trigger."
    path = "/campaigns/trigger/send"
    fields = {
        "campaign_id": Field(label="Campaign", required=True, description="Its API id."),
        "send_id": _SEND,
        "trigger_properties": Field(
            label="Trigger properties", type="object", description="For the texts of the message.", default=_PROPERTIES
        ),
        "broadcast": _BROADCAST,
        "audience": _AUDIENCE,
        "recipients": _RECIPIENTS,
        "attachments": Field(
            label="Attachments", type="object", multiple=True, description="Files: `file_name` and `url`."
        ),
    }


class TriggerCanvas(_Trigger):
    """A canvas."""

    name = "trigger_canvas"
    label = "Trigger canvas"
    description = "Lets people enter a canvas that has an API trigger."
    path = "/canvas/trigger/send"
    fields = {
        "canvas_id": Field(label="Canvas", required=True, description="Its API id."),
        "canvas_entry_properties": Field(
            label="Entry properties", type="object", description="For its steps.", default=_PROPERTIES
        ),
        "broadcast": _BROADCAST,
        "audience": _AUDIENCE,
        "recipients": _RECIPIENTS,
    }
