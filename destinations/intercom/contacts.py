"""Actions about contacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doorstep.engine.sdk import DELIVERED, Envelope, EventNotSupported, Exchange, Field, Item, Retry

from .answers import outcome, waiting
from .calls import USER_ID, Call, contact_path, email_from


def _seconds(*paths: str) -> Mapping[str, Any]:
    return {"@timestamp": {"value": {"@coalesce": [{"@path": path} for path in paths]}, "format": "seconds"}}


class IdentifyContact(Call):
    name = "identify_contact"
    label = "Identify contact"
    description = "Creates a contact, or changes the one that has this id or email address."
    trigger = 'type = "identify"'
    fields = {
        "role": Field(
            label="Role",
            description="A user, or a lead: somebody who is not yet one, and is known by an email address.",
            choices=("user", "lead"),
            required=True,
            default="user",
        ),
        "user_id": USER_ID,
        "email": email_from("$.traits.email", description="The contact's address, and who it is where there is no id."),
        "phone": Field(
            label="Phone", description="The contact's number.", personal="phone", default={"@path": "$.traits.phone"}
        ),
        "name": Field(
            label="Name", description="The contact's full name.", personal="name", default={"@path": "$.traits.name"}
        ),
        "avatar": Field(
            label="Avatar", description="The URL of a picture.", format="uri", default={"@path": "$.traits.avatar"}
        ),
        "signed_up_at": Field(
            label="Signed up at",
            type="integer",
            description="When the contact became a user, in Unix seconds.",
            default=_seconds("$.traits.createdAt", "$.traits.created_at"),
        ),
        "last_seen_at": Field(
            label="Last seen at",
            type="integer",
            description="When the contact was last seen, in Unix seconds.",
            default=_seconds("$.timestamp"),
        ),
        "owner_id": Field(label="Owner", type="integer", description="The admin who looks after the contact, by id."),
        "unsubscribed_from_emails": Field(
            label="Unsubscribed from emails", type="boolean", description="Whether the contact wants no emails."
        ),
        "custom_attributes": Field(
            label="Custom attributes",
            type="object",
            description="Others, which have to exist in Intercom already: events with unknown ones are refused.",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        contact = {name: value for name, value in fields.items() if name != "user_id"}
        if fields["role"] == "user" and "user_id" in fields:
            contact["external_id"] = fields["user_id"]
        elif "email" not in fields:  # it could not be found again: each time, one more would be created
            raise EventNotSupported("a contact needs an id or an email address, a lead an email address")
        return contact

    def steps(self, item: Item) -> Exchange:
        who: dict[str, Any] = {name: item.fields[name] for name in ("user_id", "email") if name in item.fields}
        if item.fields["role"] == "lead":
            who.pop("user_id", None)
        contact, failed, _ = yield from self.look_up(who)
        if failed is not None:
            return failed
        if contact is None:
            return outcome((yield self.ask("POST", "/contacts", item.body)))
        return outcome((yield self.ask("PUT", contact_path(contact), item.body)))


class DeleteContact(Call):
    name = "delete_contact"
    label = "Delete contact"
    description = "Deletes a contact, as the setting `deletion` says."
    trigger = 'type = "delete"'
    fields = {"user_id": USER_ID, "email": email_from("$.context.traits.email")}

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if not fields.keys() & {"user_id", "email"}:
            raise EventNotSupported("there is neither an id nor an email address to look the contact up by")
        return None

    def steps(self, item: Item) -> Exchange:
        contact, failed, answer = yield from self.look_up(item.fields)
        if failed is not None:
            return failed
        if contact is None:
            # Who was created a moment ago may be there all the same: the search lags behind.
            young = waiting(item.envelope, answer, self.settings.wait_for_contact)
            return [Retry("unknown_contact", 30.0)] if young else DELIVERED
        if self.settings.deletion == "permanent":
            answer = yield self.ask("POST", "/user_delete_requests", {"intercom_user_id": contact})
        elif self.settings.deletion == "archive":
            answer = yield self.ask("POST", contact_path(contact, "/archive"))
        else:
            answer = yield self.ask("DELETE", contact_path(contact))
        return DELIVERED if answer.status == 404 else outcome(answer)
