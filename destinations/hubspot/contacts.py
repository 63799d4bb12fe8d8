"""Actions about contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Envelope,
    EventNotSupported,
    Exchange,
    Failure,
    Fault,
    Field,
    Item,
    Limits,
    Response,
    ValidationError,
    Verdict,
)

from .answers import judged
from .calls import HUNDRED, Call, by, email_from
from .values import address, properties


def trait(label: str, description: str, *names: str, personal: str | None = None) -> Field:
    default = {"@coalesce": [by(f"$.traits.{name}") for name in names]}
    return Field(label=label, description=description, default=default, personal=personal)


class UpsertContact(Call):
    name = "upsert_contact"
    label = "Upsert contact"
    description = "Creates a contact, or changes the one that has this email address."
    trigger = 'type = "identify"'
    limits = HUNDRED
    fields = {
        "email": email_from("$.traits.email", description="Who it is. An event without one is left out."),
        "user_id": Field(
            label="User id",
            personal="id",
            description="Goes into the property of the setting `user_id_property`.",
            default=by("$.userId"),
        ),
        "firstname": trait("First name", "The contact's first name.", "first_name", "firstName", personal="name"),
        "lastname": trait("Last name", "The contact's last name.", "last_name", "lastName", personal="name"),
        "phone": trait("Phone", "The contact's number.", "phone", personal="phone"),
        "company": trait("Company", "The name of the contact's company.", "company.name", "company_name", "company"),
        "address": trait("Street", "Street and number.", "address.street", personal="street"),
        "city": trait("City", "Where the contact lives.", "address.city", "city", personal="city"),
        "state": trait("State", "The state or region.", "address.state", "state", personal="state"),
        "country": trait("Country", "The country.", "address.country", "country", personal="country"),
        "zip": trait(
            "Postal code",
            "The postal code.",
            "address.postalCode",
            "address.postal_code",
            "address.zip",
            personal="zip",
        ),
        "website": trait("Website", "The contact's website.", "website"),
        "lifecyclestage": Field(
            label="Lifecycle stage",
            description="How far the contact has come, by internal name. HubSpot ignores a step back.",
        ),
        "properties": Field(
            label="Other properties",
            type="object",
            description="By internal name. They have to exist in HubSpot: contacts with unknown ones are refused.",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if "email" not in fields:
            raise EventNotSupported("HubSpot knows contacts by email address, and there is none")
        own = {name: value for name, value in fields.items() if name not in ("email", "user_id", "properties")}
        if "lifecyclestage" in own:
            own["lifecyclestage"] = own["lifecyclestage"].lower()
        if self.settings.user_id_property and "user_id" in fields:
            own[self.settings.user_id_property] = fields["user_id"]
        return {
            "id": address(fields["email"]),
            "idProperty": "email",
            "objectWriteTraceId": envelope.key,
            "properties": own | properties(fields.get("properties", {})),
        }

    def exchange(self, items: Sequence[Item]) -> Exchange:
        return self.upsert_all("contacts", items, lambda item: address(item.fields["email"]))


def deleted(response: Response) -> Verdict:
    """Who is not there is deleted already."""
    verdict = judged(response)
    return DELIVERED if isinstance(verdict, Failure) and verdict.reason == "object_not_found" else verdict


class _Contact(msgspec.Struct):
    id: str


class _Found(msgspec.Struct):
    results: list[_Contact]


class DeleteContact(Call):
    name = "delete_contact"
    label = "Delete contact"
    description = "Deletes a contact and everything about them for good, as the GDPR has it, and blocks the address."
    trigger = 'type = "delete"'
    limits = Limits(max_events=1, max_wait_s=0.0, per_second=4.0, in_flight=1)
    fields = {
        "email": email_from("$.context.traits.email", "$.traits.email", description="Who it is."),
        "user_id": Field(
            label="User id",
            personal="id",
            description="Who it is where there is no address, if the setting `user_id_property` says where to look.",
            default=by("$.userId"),
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        """Raises ValidationError if there is no way to tell who is meant: that must not be overlooked."""
        if "email" in fields:
            return {"objectId": address(fields["email"]), "idProperty": "email"}
        if "user_id" in fields and self.settings.user_id_property:
            equal = {"propertyName": self.settings.user_id_property, "operator": "EQ", "value": fields["user_id"]}
            return {"filterGroups": [{"filters": [equal]}], "properties": ["email"], "limit": 100}
        raise ValidationError("there is no email address, and no setting user_id_property to look for a user id in")

    def exchange(self, items: Sequence[Item]) -> Exchange:
        [item] = items
        delete = self.settings.objects("contacts/gdpr-delete")
        if "email" in item.fields:
            return deleted((yield self.ask(delete, item.body)))
        answer = yield self.ask(self.settings.objects("contacts/search"), item.body)
        verdict = judged(answer)
        if verdict is not DELIVERED:
            return verdict
        try:
            found = msgspec.json.decode(answer.body, type=_Found).results
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Failure(Fault.TRANSIENT, "unreadable_answer", status=answer.status)
        for contact in found:
            verdict = deleted((yield self.ask(delete, {"objectId": contact.id})))
            if verdict is not DELIVERED:
                return verdict
        return DELIVERED
