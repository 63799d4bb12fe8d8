"""Cards in Microsoft Teams, through the webhook of a workflow (or of an old connector): the text is a template over the event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from doorstep.engine.sdk import (
    Action,
    ActionDestination,
    Envelope,
    Failure,
    Fault,
    Field,
    Item,
    Limits,
    Request,
    Response,
    Secret,
    Settings,
    Size,
    Verdict,
    fault_of_status,
    reach,
    url_problem,
    verdict_by_status,
)
from msgspec import Meta

_ERRORS = {
    "TriggerInputSchemaMismatch": (Fault.EVENT, "schema_mismatch"),
    "WorkflowNotFound": (Fault.CONFIGURATION, "workflow_not_found"),
    "WorkflowTriggerIsNotEnabled": (Fault.CONFIGURATION, "workflow_not_enabled"),
    "WorkflowTriggerVersionNotFound": (Fault.CONFIGURATION, "workflow_not_found"),
    "DirectApiAuthorizationRequired": (Fault.CONFIGURATION, "not_authorized"),
    "DirectApiRequestHasMoreThanOneAuthorization": (Fault.CONFIGURATION, "not_authorized"),
}
"""The `error.code` of a workflow, where it says more than the status."""
_CONNECTORS = ("outlook.office.com", "outlook.office365.com", ".webhook.office.com", ".webhook.office365.us")
_HIDDEN = re.compile(r"returned HTTP error (\d{3})")
"""A connector answers 200 to what Teams itself then refused, and says so in words."""
_EXCERPT_BYTES = 2048
_DEFAULT_TEXT = {"@template": "**{{type}}** {{event}}{{name}} by {{userId}}"}


class MsTeamsSettings(Settings, frozen=True):
    """Where cards go, and of which kind they are."""

    url: Annotated[
        Secret,
        Meta(
            description="The webhook of a workflow. Whoever knows it can post, so it is a secret.",
            examples=["${env:TEAMS_URL}"],
        ),
    ]
    format: Annotated[
        Literal["adaptive_card", "message_card"],
        Meta(description='Adaptive Cards, or the cards that Microsoft 365 connectors took: "message_card".'),
    ] = "adaptive_card"
    max_message: Annotated[Size, Meta(description="Larger cards are refused without asking Teams.")] = Size("28KiB")

    def __post_init__(self) -> None:
        if problem := url_problem(self.url.reveal()):
            raise ValueError(f"`url`: {problem}")
        if urlsplit(self.url.reveal()).scheme != "https":
            raise ValueError("`url`: must begin with https://, since it is a secret")


class PostMessage(Action[MsTeamsSettings]):
    """One card for each event."""

    name = "post_message"
    label = "Post message"
    description = "Posts a card to the chat or channel of a workflow."
    trigger = 'type = "track"'
    fields = {
        "text": Field(
            label="Message",
            type="text",
            required=True,
            description="What is posted, in the Markdown of Teams: `**bold**`, `_italic_`, links and lists.",
            default=_DEFAULT_TEXT,
        ),
        "title": Field(label="Title", description="A headline above it."),
        "facts": Field(
            label="Facts",
            type="object",
            description="Names and values, shown as a table. What is neither text nor a number is shown as JSON.",
        ),
        "buttons": Field(
            label="Buttons",
            type="object",
            multiple=True,
            description="Links below it, each a `title` and a `url`.",
            properties={
                "title": Field(label="Title", required=True, description="What is on it."),
                "url": Field(label="Link", required=True, format="uri", description="Where it leads."),
            },
        ),
        "image_url": Field(label="Image", format="uri", description="A picture below the text."),
        "color": Field(
            label="Color", description="The color of the bar at the top, such as `0076D7`: `message_card` only."
        ),
        "card": Field(
            label="Card",
            type="object",
            description="A card of your own making, in place of all this: an AdaptiveCard, or else a MessageCard.",
        ),
    }

    def __init__(self, settings: MsTeamsSettings) -> None:
        super().__init__(settings)
        host = urlsplit(settings.url.reveal()).hostname or ""
        self._counts = host.endswith(_CONNECTORS)
        """Whether 200 is good news only with the number of posted messages as its body: what connectors do."""

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if self.settings.format == "message_card":
            return fields.get("card") or _message_card(fields)
        content = fields.get("card") or _adaptive_card(fields)
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": content,
        }
        return {"type": "message", "attachments": [attachment]}

    def request(self, items: Sequence[Item]) -> Request:
        [item] = items
        return Request("POST", self.settings.url.reveal(), {"Content-Type": "application/json"}, item.body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        """The status, refined by what the body says; a connector's 200 may well be a failure."""
        verdict = verdict_by_status(response)
        text = response.body[:_EXCERPT_BYTES].decode(errors="replace").strip()
        if isinstance(verdict, Failure):
            fault, reason = _ERRORS.get(_error_code(response.body), (verdict.fault, verdict.reason))
            return msgspec.structs.replace(verdict, fault=fault, reason=reason)
        if hidden := _HIDDEN.search(text):
            status = int(hidden[1])
            return Failure(fault_of_status(status) or Fault.TRANSIENT, f"http_{status}", status=status, detail=text)
        if self._counts and not text.isdecimal():
            return Failure(Fault.TRANSIENT, "not_posted", status=response.status, detail=text)
        return verdict


class MsTeams(ActionDestination[MsTeamsSettings]):
    """Microsoft Teams, through the webhooks of workflows."""

    label = "Microsoft Teams"
    description = "Posts cards to Microsoft Teams, one for each event that an action chooses."
    Settings = MsTeamsSettings
    actions = (PostMessage,)
    limits = Limits(max_events=1, max_wait_s=0.0, per_second=1.0, in_flight=1)

    @classmethod
    def tuned(cls, settings: MsTeamsSettings) -> Limits:
        return msgspec.structs.replace(cls.limits, max_item_bytes=settings.max_message)

    def check(self) -> Request:
        return reach(self.settings.url.reveal())


def _adaptive_card(fields: dict[str, Any]) -> dict[str, Any]:
    body: list[dict[str, Any]] = []
    if title := fields.get("title"):
        body.append({"type": "TextBlock", "text": title, "size": "Large", "weight": "Bolder", "wrap": True})
    body.append({"type": "TextBlock", "text": fields["text"], "wrap": True})
    if image := fields.get("image_url"):
        body.append({"type": "Image", "url": image})
    if facts := _facts(fields):
        body.append({"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in facts]})
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if buttons := fields.get("buttons"):
        card["actions"] = [{"type": "Action.OpenUrl", **button} for button in buttons]
    return card


def _message_card(fields: dict[str, Any]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "summary": fields.get("title") or fields["text"],
        "text": fields["text"],
    }
    card |= {key: fields[name] for name, key in (("title", "title"), ("color", "themeColor")) if name in fields}
    section: dict[str, Any] = {}
    if facts := _facts(fields):
        section["facts"] = [{"name": name, "value": value} for name, value in facts]
    if image := fields.get("image_url"):
        section["images"] = [{"image": image}]
    if section:
        card["sections"] = [section]
    if buttons := fields.get("buttons"):
        card["potentialAction"] = [
            {"@type": "OpenUri", "name": one["title"], "targets": [{"os": "default", "uri": one["url"]}]}
            for one in buttons
        ]
    return card


def _facts(fields: dict[str, Any]) -> list[tuple[str, str]]:
    found = (fields.get("facts") or {}).items()
    return [
        (name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for name, value in found
        if value is not None
    ]


def _error_code(body: bytes) -> str:
    """Of `{"error": {"code": "...", "message": "..."}}`."""
    try:
        return msgspec.json.decode(body, type=_Refusal).error.code
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


class _Error(msgspec.Struct):
    code: str = ""


class _Refusal(msgspec.Struct):
    error: _Error
