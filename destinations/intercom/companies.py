"""Companies, and who works for them."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import DELIVERED, Envelope, Exchange, Failure, Field, Item

from .answers import company_in, is_unknown, outcome, unknown
from .calls import USER_ID, Call, contact_path, email_from


class CreateUpdateCompany(Call):
    name = "create_update_company"
    label = "Create or update company"
    description = "Creates a company, or changes the one that has this id, and attaches the contact to it."
    trigger = 'type = "group"'
    fields = {
        "company_id": Field(
            label="Company id",
            description="The company's id in your system. It cannot change later.",
            required=True,
            default={"@path": "$.groupId"},
        ),
        "user_id": USER_ID,
        "email": email_from("$.context.traits.email"),
        "attach": Field(
            label="Attach contact",
            type="boolean",
            description="Whether the contact is attached to the company. Intercom shows companies with a contact only.",
            default=True,
        ),
        "name": Field(label="Name", description="The company's name.", default={"@path": "$.traits.name"}),
        "plan": Field(label="Plan", description="What the company pays for.", default={"@path": "$.traits.plan"}),
        "size": Field(
            label="Size",
            type="integer",
            description="How many people work there.",
            minimum=0,
            default={"@coalesce": [{"@path": "$.traits.employees"}, {"@path": "$.traits.size"}]},
        ),
        "website": Field(label="Website", description="The company's URL.", default={"@path": "$.traits.website"}),
        "industry": Field(label="Industry", description="What it does.", default={"@path": "$.traits.industry"}),
        "monthly_spend": Field(
            label="Monthly spend",
            type="number",
            description="How much the company is worth to you in a month.",
            default={"@coalesce": [{"@path": "$.traits.monthlySpend"}, {"@path": "$.traits.monthly_spend"}]},
        ),
        "remote_created_at": Field(
            label="Created at",
            type="integer",
            description="When you came to know the company, in Unix seconds.",
            default={
                "@timestamp": {
                    "value": {"@coalesce": [{"@path": "$.traits.createdAt"}, {"@path": "$.traits.created_at"}]},
                    "format": "seconds",
                }
            },
        ),
        "custom_attributes": Field(
            label="Custom attributes",
            type="object",
            description="Others, which have to exist in Intercom already: events with unknown ones are refused.",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return {name: value for name, value in fields.items() if name not in ("user_id", "email", "attach")}

    def steps(self, item: Item) -> Exchange:
        """The company first: it is there even if the contact is not."""
        answer = yield self.ask("POST", "/companies", item.body)
        if outcome(answer) is not DELIVERED:
            return outcome(answer)
        company = company_in(answer)
        if not item.fields.get("attach") or not item.fields.keys() & {"user_id", "email"}:
            return DELIVERED
        if isinstance(company, Failure):
            return company
        contact, failed, answer = yield from self.look_up(item.fields)
        if failed is not None:
            return failed
        if contact is not None:
            answer = yield self.ask("POST", contact_path(contact, "/companies"), {"id": company})
        if contact is None or is_unknown(answer):
            return unknown(item.envelope, answer, self.settings.wait_for_contact)
        return outcome(answer)
