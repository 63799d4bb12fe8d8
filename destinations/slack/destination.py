"""Messages in Slack channels, through incoming webhooks: the text is a template over the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

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
    Verdict,
    reach,
    url_problem,
    verdict_by_status,
)
from msgspec import Meta

_ERRORS = {
    "invalid_payload": Fault.EVENT,
    "no_text": Fault.EVENT,
    "too_many_attachments": Fault.EVENT,
    "user_not_found": Fault.EVENT,
    "action_prohibited": Fault.CONFIGURATION,
    "posting_to_general_channel_denied": Fault.CONFIGURATION,
    "invalid_token": Fault.CONFIGURATION,
    "channel_not_found": Fault.CONFIGURATION,
    "channel_is_archived": Fault.CONFIGURATION,
    "no_service": Fault.CONFIGURATION,
    "no_team": Fault.CONFIGURATION,
    "rollup_error": Fault.TRANSIENT,
}
"""What Slack answers in plain text, and who must act."""

_DEFAULT_TEXT = {
    "@liquid": "*{{ type | escape_mrkdwn }}* {{ event | escape_mrkdwn }}{{ name | escape_mrkdwn }} "
    "by {{ userId | escape_mrkdwn }}",
}


class SlackSettings(Settings, frozen=True):
    """Where messages go, unless an action says otherwise."""

    url: Annotated[
        Secret,
        Meta(
            description="An incoming webhook of your workspace. Whoever knows it can post, so it is a secret.",
            examples=["${env:SLACK_URL}"],
        ),
    ]

    def __post_init__(self) -> None:
        if problem := _problem(self.url.reveal()):
            raise ValueError(f"`url`: {problem}")


class PostMessage(Action[SlackSettings]):
    """One message for each event."""

    name = "post_message"
    label = "Post message"
    description = "Posts a message to the channel of an incoming webhook."
    trigger = 'type = "track"'
    fields = {
        "text": Field(
            label="Message",
            type="text",
            required=True,
            description="What is posted, in Slack's mrkdwn. `@liquid`'s `escape_mrkdwn` escapes `&`, `<` and `>` in values of the event.",
            default=_DEFAULT_TEXT,
            maximum=40_000,
        ),
        "blocks": Field(
            label="Blocks",
            type="object",
            multiple=True,
            description="Block Kit blocks, at most 50; `text` is then the fallback.",
        ),
        "channel": Field(label="Channel", description="Another channel. Only legacy webhooks obey it."),
        "username": Field(label="User name", description="Who posts it. Only legacy webhooks obey it."),
        "icon_url": Field(
            label="Icon", format="uri", description="A picture of who posts. Only legacy webhooks obey it."
        ),
        "icon_emoji": Field(label="Icon emoji", description="An emoji in its place, such as `:mug:`."),
        "thread_ts": Field(label="Thread", description="The message to answer to, by its timestamp."),
        "unfurl_links": Field(
            label="Unfurl links", type="boolean", description="Whether links are shown with a preview."
        ),
    }
    limits = Limits(max_events=1, max_wait_s=0.0, max_bytes=512 * 1024, in_flight=1)

    def request(self, items: Sequence[Item]) -> Request:
        [item] = items
        return Request("POST", self.settings.url.reveal(), {"Content-Type": "application/json"}, item.body)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return fields

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        """The status, refined by the word in the body."""
        verdict = verdict_by_status(response)
        word = response.body[:64].decode(errors="replace").strip()
        if isinstance(verdict, Failure) and word in _ERRORS:
            return Failure(_ERRORS[word], word, status=response.status, after=verdict.after)
        return verdict


class Slack(ActionDestination[SlackSettings]):
    """Slack, through incoming webhooks."""

    label = "Slack"
    description = "Posts messages to Slack channels, one for each event that an action chooses."
    Settings = SlackSettings
    actions = (PostMessage,)
    limits = Limits(max_events=1, max_wait_s=0.0, per_second=1.0, in_flight=1)

    def check(self) -> Request:
        return reach(self.settings.url.reveal())


def _problem(url: str) -> str | None:
    host = urlsplit(url).hostname or ""
    if problem := url_problem(url):
        return problem
    if not host.endswith((".slack.com", ".slack-gov.com")):
        return "is no Slack webhook; write https://hooks.slack.com/services/..."
    return None
