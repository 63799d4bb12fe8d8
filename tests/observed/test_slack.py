"""Slack beside what was observed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from doorstep.destinations.slack.destination import Slack
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "* username": "theirs signs every message with its own name; ours leaves the webhook's",
    "* icon_url": "likewise, with its own picture",
}


def test_messages_are_what_another_implementation_sends() -> None:
    """But for URLs that are no Slack webhooks: theirs refuses each event, ours the configuration."""
    vectors = [vector for vector in observed("slack").vectors if "slack.com" in vector.overrides["url"]]

    def ours(vector: Vector) -> Iterable[Request]:
        mapping = {field: made_of for field, made_of in vector.overrides.items() if field != "url"}
        actions = {"post_message": {"trigger": "all", "mapping": mapping}}
        return Tester(Slack, {"url": vector.overrides["url"]}, actions=actions).requests(*vector.events)

    check(vectors, ours, DIFFERS)
