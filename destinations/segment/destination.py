"""Segment's tracking API, which RudderStack and others speak too: events go on as they are, with their ids and times.

event -> its own fields, and a mark in `context` -> /v1/batch        an event that has our mark already is not sent: it came round
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from doorstep.engine.sdk import (
    Action,
    ActionDestination,
    Condition,
    Delivered,
    Envelope,
    EventNotSupported,
    Failure,
    Fault,
    Field,
    Item,
    Limits,
    Request,
    Response,
    Secret,
    Settings,
    ValidationError,
    Verdict,
    When,
    basic_auth,
    bearer_auth,
    digest,
    header_problem,
    reach,
    received_iso,
    url_problem,
    verdict_by_status,
)
from msgspec import Meta

_HOSTS = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
_PUBLIC_API = {"us": "https://api.segmentapis.com", "eu": "https://eu1.api.segmentapis.com"}
_GZIP_LEVEL = 1
_AROUND_BYTES = 100
"""For what stands around the events."""
_LARGEST = 32 * 1024
_LIMITS = Limits(max_events=2500, max_bytes=500_000 - _AROUND_BYTES, max_item_bytes=_LARGEST)
_REGULATIONS = Limits(max_events=5000, max_bytes=1_000_000, in_flight=1)
_MARK = "doorstep"
_MARK_BYTES = 200
_LONGEST_ID = 100


class SegmentSettings(Settings, frozen=True):
    """One source."""

    write_key: Annotated[Secret, Meta(description="The source's write key.", examples=["${env:SEGMENT_WRITE_KEY}"])]
    region: Annotated[Literal["us", "eu"], Meta(description="Where the workspace is.")] = "us"
    url: Annotated[
        str | None,
        Meta(
            description="Another address that speaks the API, such as a RudderStack data plane; default: by `region`.",
            examples=["https://data.example.com"],
        ),
    ] = None
    gzip: Annotated[bool, Meta(description="Whether requests are compressed.")] = False
    loop_guard: Annotated[
        bool,
        Meta(
            description="Marks events in `context.doorstep`, and does not send one to the same source again that came back."
        ),
    ] = True
    public_api_token: Annotated[
        Secret | None, Meta(description="A token of the Public API: `delete` events then become regulations.")
    ] = None
    regulation: Annotated[
        Literal[
            "SUPPRESS_WITH_DELETE", "DELETE_ONLY", "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_INTERNAL", "SUPPRESS_ONLY"
        ],
        Meta(description="What becomes of a deleted user at Segment and its destinations."),
    ] = "SUPPRESS_WITH_DELETE"

    def __post_init__(self) -> None:
        if ":" in self.write_key.reveal():
            raise ValueError("`write_key` has no colon; copy it from the source's settings")
        if self.url is not None and (problem := url_problem(self.url)):
            raise ValueError(f"`url`: {problem}")
        if self.public_api_token and (problem := header_problem("Authorization", self.public_api_token.reveal())):
            raise ValueError(f"`public_api_token`: {problem}")

    @property
    def host(self) -> str:
        """Where events go."""
        return (self.url or _HOSTS[self.region]).rstrip("/")

    @property
    def mark(self) -> str:
        """This source, in an event that has been there: of the key no more can be told than that it is the same."""
        return digest("sha256", f"{self.host} {self.write_key.reveal()}")[:16]


def _field(label: str, path: str, description: str, type_: Any = "string", required: bool | When = False) -> Field:
    return Field(label=label, type=type_, description=description, required=required, default={"@path": f"$.{path}"})


def _only(type_: str) -> When:
    return When((Condition(field="type", value=type_),))


class SendEvent(Action[SegmentSettings]):
    """An event, as it is."""

    name = "send_event"
    label = "Send event"
    description = "Sends an event with its own id and time, whatever its type."
    trigger = 'type != "delete"'
    fields: ClassVar = {
        "type": Field(
            label="Type",
            required=True,
            description="Which call it is.",
            default={"@path": "$.type"},
            choices=("identify", "track", "page", "screen", "group", "alias"),
        ),
        "messageId": _field("Message id", "messageId", "By this Segment recognises a repeat within 24 hours or more."),
        "timestamp": _field("Timestamp", "timestamp", "When it happened; without one, when it was received."),
        "userId": _field("User id", "userId", "The user, once known.", required=_only("alias")),
        "anonymousId": _field("Anonymous id", "anonymousId", "The device, or the user who is not known yet."),
        "groupId": _field("Group id", "groupId", "The group, of group calls.", required=_only("group")),
        "previousId": _field("Previous id", "previousId", "The id so far, of alias calls.", required=_only("alias")),
        "event": _field("Event", "event", "The name of what was done, of track calls.", required=_only("track")),
        "name": _field("Name", "name", "Of the page or screen."),
        "category": _field("Category", "category", "Of the page or screen."),
        "properties": _field("Properties", "properties", "What is known of the event.", "object"),
        "traits": _field("Traits", "traits", "What is known of the user or group.", "object"),
        "context": _field("Context", "context", "Where it happened: device, page, campaign, consent.", "object"),
        "integrations": _field("Integrations", "integrations", "To which destinations it may go from there.", "object"),
        "channel": _field("Channel", "channel", "Whether it comes from a `browser`, a `server`, a `mobile` phone."),
    }
    limits = _LIMITS

    def __init__(self, settings: SegmentSettings) -> None:
        super().__init__(settings)
        self._mark = settings.mark
        self._headers = {
            "Authorization": basic_auth(settings.write_key.reveal(), ""),
            "Content-Type": "application/json",
            **({"Content-Encoding": "gzip"} if settings.gzip else {}),
        }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if not (fields.get("userId") or fields.get("anonymousId")):
            raise ValidationError("an event has a user id or an anonymous id; Segment would drop it without a word")
        told = {
            **fields,
            "messageId": _id(fields.get("messageId") or envelope.key),
            "timestamp": fields.get("timestamp") or received_iso(envelope),
        }
        if self.settings.loop_guard:
            marked = self.marked(fields.get("context", {}))
            if len(envelope.line) <= _LARGEST - _MARK_BYTES:  # no event is too large for the sake of its mark
                told["context"] = marked
        return told

    def marked(self, context: dict[str, Any]) -> dict[str, Any]:
        """The context with this source among those where the event has been. Raises EventNotSupported if it is one of them."""
        mark = context.get(_MARK)
        via = mark.get("via") if isinstance(mark, dict) else None
        been = [one for one in via if isinstance(one, str)] if isinstance(via, list) else []
        if self._mark in been:
            raise EventNotSupported("the event has been there: it came back")
        return {**context, _MARK: {"via": [*been, self._mark]}}

    def request(self, items: Sequence[Item]) -> Request:
        """Without `sentAt`: Segment would correct each time by what it takes for a wrong clock, and it is right as it is."""
        body = b'{"batch":[' + b",".join(item.body for item in items) + b"]}"
        if self.settings.gzip:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return Request("POST", f"{self.settings.host}/v1/batch", self._headers, body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        verdict = verdict_by_status(response)
        if isinstance(verdict, Delivered) and b'"success":false' in response.body[:200].replace(b" ", b""):
            return Failure(Fault.EVENT, "not_accepted", status=response.status)
        if isinstance(verdict, Failure) and verdict.after is None and response.status == 429:
            return msgspec.structs.replace(verdict, after=_seconds(response.headers.get("x-ratelimit-reset", "")))
        return verdict


class DeleteUser(Action[SegmentSettings]):
    """Forgets a user."""

    name = "delete_user"
    label = "Delete user"
    description = "Has Segment, and the destinations behind it, forget users. Needs `public_api_token`."
    trigger = 'type = "delete"'
    limits = _REGULATIONS
    fields = {"user_id": _field("User id", "userId", "Who is to be forgotten.", required=True)}

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if not self.settings.public_api_token:
            raise ValidationError("a deletion needs the setting `public_api_token`; add it, and replay")
        return fields["user_id"]

    def request(self, items: Sequence[Item]) -> Request:
        token = self.settings.public_api_token.reveal() if self.settings.public_api_token else ""
        asked = {
            "regulationType": self.settings.regulation,
            "subjectType": "USER_ID",
            "subjectIds": [msgspec.Raw(body) for body in dict.fromkeys(item.body for item in items)],
        }
        headers = {"Authorization": bearer_auth(token), "Content-Type": "application/json"}
        return Request("POST", f"{_PUBLIC_API[self.settings.region]}/regulations", headers, msgspec.json.encode(asked))


class Segment(ActionDestination[SegmentSettings]):
    """A source of Segment."""

    label = "Segment"
    description = "Sends events on to Segment, RudderStack or whatever speaks the tracking API, as they are."
    Settings = SegmentSettings
    limits = _LIMITS
    actions = (SendEvent, DeleteUser)

    def check(self) -> Request:
        return reach(self.settings.url or _HOSTS[self.settings.region])


def _id(key: str) -> str:
    return key if len(key) <= _LONGEST_ID else digest("sha256", key)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
