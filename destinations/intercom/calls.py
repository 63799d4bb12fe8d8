"""The requests that actions are made of. Looking a contact up comes first in most: Intercom's ids are its own."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from doorstep.engine.sdk import DELIVERED, Action, Exchange, Failure, Field, Item, Limits, Request, Response, Verdict

from .answers import contact_in, outcome
from .settings import IntercomSettings

Looked = Generator[Request, Response, tuple[str | None, Verdict | None, Response]]
"""The contact's id, or what failed if something did, and the last answer."""

ONE = Limits(max_events=1, max_wait_s=0.0, max_bytes=512 * 1024, per_second=80.0)
"""One contact, company or event a request. 10 000 calls a minute, and most events take two."""

USER_ID = Field(
    label="User id",
    description="The contact's id in your system, Intercom's `external_id`.",
    personal="id",
    default={"@path": "$.userId"},
)


def email_from(*paths: str, description: str = "By which a contact is looked up where there is no id.") -> Field:
    return Field(
        label="Email address",
        description=description,
        personal="email",
        default={"@coalesce": [{"@path": path} for path in paths]},
    )


class Call(Action[IntercomSettings]):
    """One event at a time."""

    limits = ONE

    def exchange(self, items: Sequence[Item]) -> Exchange:
        [item] = items
        return self.steps(item)

    def steps(self, item: Item) -> Exchange:
        """The requests of one event, each bearing repetition."""
        raise NotImplementedError

    def ask(self, method: str, path: str, body: Any = b"") -> Request:
        """`body`: bytes of JSON, or what becomes that."""
        text = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = self.settings.headers
        if not text:
            del headers["Content-Type"]
        return Request(method, self.settings.at(path), headers, text)

    def look_up(self, fields: Mapping[str, Any]) -> Looked:
        """Searches by the user's id, or else by the email address."""
        known = "user_id" in fields
        query = {
            "field": "external_id" if known else "email",
            "operator": "=",
            "value": fields["user_id" if known else "email"],
        }
        response = yield self.ask("POST", "/contacts/search", {"query": query})
        verdict = outcome(response)
        if verdict is not DELIVERED:
            return None, verdict, response
        found = contact_in(response)
        return (None, found, response) if isinstance(found, Failure) else (found, None, response)


def contact_path(contact: str, below: str = "") -> str:
    return f"/contacts/{quote(contact, safe='')}{below}"
