"""Companies, and the contacts who work there."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from doorstep.engine.sdk import (
    DELIVERED,
    Envelope,
    Exchange,
    Failure,
    Fault,
    Field,
    Item,
    Outcome,
    Request,
    Response,
    Verdict,
    reported,
    rounds,
)

from .answers import Done, batch_done, judged
from .calls import HUNDRED, Call, by, email_from, together, whole
from .contacts import trait
from .values import address, domain, properties

_NO_PROPERTIES = ("group_id", "email", "associate_contact", "properties")


class UpsertCompany(Call):
    name = "upsert_company"
    label = "Upsert company"
    description = "Creates a company, or changes the one that has this id, and associates the contact with it."
    trigger = 'type = "group"'
    limits = HUNDRED
    fields = {
        "group_id": Field(
            label="Group id",
            description="The company's id in your system, kept in the property of the setting `company_id_property`.",
            required=True,
            default=by("$.groupId"),
        ),
        "email": email_from(
            "$.context.traits.email", description="The contact's address. A contact who is not there yet is created."
        ),
        "associate_contact": Field(
            label="Associate contact",
            type="boolean",
            description="Whether the contact is associated with the company.",
            default=True,
        ),
        "name": trait("Name", "The company's name.", "name"),
        "description": trait("Description", "What there is to say about it.", "description"),
        "domain": trait("Domain", "Its domain; a URL is cut down to it.", "domain", "website"),
        "address": trait("Street", "Street and number.", "address.street"),
        "city": trait("City", "Where it is.", "address.city"),
        "state": trait("State", "The state or region.", "address.state"),
        "country": trait("Country", "The country.", "address.country"),
        "zip": trait("Postal code", "The postal code.", "address.postalCode", "address.postal_code"),
        "phone": trait("Phone", "Its number.", "phone"),
        "numberofemployees": Field(
            label="Employees",
            type="integer",
            description="How many people work there.",
            default=by("$.traits.employees"),
        ),
        "industry": trait("Industry", "What it does, as HubSpot's list of industries has it.", "industry"),
        "lifecyclestage": Field(label="Lifecycle stage", description="How far the company has come, by internal name."),
        "properties": Field(
            label="Other properties",
            type="object",
            description="By internal name. They have to exist in HubSpot: companies with unknown ones are refused.",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        own = {name: value for name, value in fields.items() if name not in _NO_PROPERTIES}
        if "domain" in own:
            own["domain"] = domain(own["domain"])
        if "lifecyclestage" in own:
            own["lifecyclestage"] = own["lifecyclestage"].lower()
        if "email" in fields:
            address(fields["email"])
        return {
            "id": fields["group_id"],
            "idProperty": self.settings.company_id_property,
            "objectWriteTraceId": envelope.key,
            "properties": own | properties(fields.get("properties", {})),
        }

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """The companies, the contacts, and then who belongs where; each round has each company and each contact once."""
        outcomes: dict[int, Outcome] = {}
        taken = 0
        for part in rounds(items, keys):
            done = batch_done((yield self.ask_for_all(self.settings.objects("companies/batch/upsert"), part)), part)
            if not isinstance(done, Done):
                return whole(done, items)
            outcomes |= {item.position: one for item, one in zip(part, done.outcomes, strict=True)}
            taken += done.taken
            members = [item for item in part if outcomes[item.position] is DELIVERED and is_member(item)]
            if members:
                verdict = yield from self.associate(members, done.ids, outcomes)
                if verdict is not DELIVERED:
                    return whole(verdict, items)
        return reported(together(items, outcomes), len(items), taken)

    def associate(
        self, members: Sequence[Item], companies: Mapping[str, str], outcomes: dict[int, Outcome]
    ) -> Generator[Request, Response, Verdict]:
        """Associates contacts with companies whose ids are known; notes in `outcomes` which contacts HubSpot refuses."""
        inputs = [
            {
                "id": address(i.fields["email"]),
                "idProperty": "email",
                "objectWriteTraceId": i.envelope.key,
                "properties": {},
            }
            for i in members
        ]
        answer = yield self.ask(self.settings.objects("contacts/batch/upsert"), {"inputs": inputs})
        done = batch_done(answer, members)
        if not isinstance(done, Done):
            return done
        outcomes |= {item.position: one for item, one in zip(members, done.outcomes, strict=True)}
        traces = [item.envelope.key for item in members if outcomes[item.position] is DELIVERED]
        if not all(trace in companies and trace in done.ids for trace in traces):
            return Failure(Fault.TRANSIENT, "unreadable_answer", status=answer.status)
        pairs = [{"from": {"id": companies[trace]}, "to": {"id": done.ids[trace]}} for trace in traces]
        if not pairs:
            return DELIVERED
        body = {"inputs": [{**pair, "type": "company_to_contact"} for pair in pairs]}
        return judged(
            (yield self.ask(self.settings.at("/crm/v3/associations/companies/contacts/batch/create"), body)), len(pairs)
        )


def is_member(item: Item) -> bool:
    return bool(item.fields.get("associate_contact")) and "email" in item.fields


def keys(item: Item) -> list[Any]:
    """What may not be twice in one batch of companies or of contacts."""
    made = [("company", item.fields["group_id"]), ("trace", item.envelope.key)]
    return [*made, ("contact", address(item.fields["email"]))] if is_member(item) else made
