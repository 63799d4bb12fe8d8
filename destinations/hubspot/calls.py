"""The requests that actions are made of, and batches in which nothing is twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Exchange,
    Failure,
    Fault,
    Field,
    Item,
    Limits,
    Outcome,
    Request,
    Verdict,
    reported,
    rounds,
)

from .answers import Done, batch_done
from .settings import HubspotSettings

HUNDRED = Limits(max_events=100, max_bytes=1_000_000, max_wait_s=1.0)
"""Of the CRM. An account has 100 to 190 requests in ten seconds: events wait a second for company."""


def email_from(*paths: str, description: str) -> Field:
    return Field(
        label="Email address",
        description=description,
        personal="email",
        default={"@coalesce": [{"@path": path} for path in paths]},
    )


def by(path: str) -> Any:
    return {"@path": path}


class Call(Action[HubspotSettings]):
    """What all actions have in common."""

    def ask(self, url: str, body: Any) -> Request:
        """A POST; `body`: bytes of JSON, or what becomes that."""
        text = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return Request("POST", url, self.settings.headers, text)

    def ask_for_all(self, url: str, items: Sequence[Item]) -> Request:
        return self.ask(url, b'{"inputs":[' + b",".join(item.body for item in items) + b"]}")

    def upsert_all(self, kind: str, items: Sequence[Item], key: Callable[[Item], Hashable]) -> Exchange:
        """Objects of one kind. HubSpot refuses a batch with one of them twice in it: the later one goes in another request."""
        outcomes: dict[int, Outcome] = {}
        taken = 0
        url = self.settings.objects(f"{quote(kind, safe='')}/batch/upsert")
        for part in rounds(items, lambda item: [key(item), ("trace", item.envelope.key)]):
            done = batch_done((yield self.ask_for_all(url, part)), part)
            if not isinstance(done, Done):
                return whole(done, items)
            outcomes |= {item.position: one for item, one in zip(part, done.outcomes, strict=True)}
            taken += done.taken
        return reported(together(items, outcomes), len(items), taken)


def together(items: Sequence[Item], outcomes: dict[int, Outcome]) -> Verdict:
    """The outcomes in the order of the items, by position in the batch."""
    each = [outcomes[item.position] for item in items]
    return DELIVERED if all(outcome is DELIVERED for outcome in each) else each


def whole(verdict: Verdict, items: Sequence[Item]) -> Verdict:
    """A verdict about a part of the items as one about all: one of a single event cannot be told of several, which are halved."""
    if isinstance(verdict, list) and len(verdict) != len(items):
        return Failure(Fault.EVENT, "conflict")
    return verdict
