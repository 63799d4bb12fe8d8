"""Any object of the CRM: deals, tickets, custom objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doorstep.engine.sdk import Envelope, Exchange, Field, Item

from .calls import HUNDRED, Call
from .values import properties


class UpsertObject(Call):
    name = "upsert_object"
    label = "Upsert object"
    description = "Creates an object of the CRM, a deal or one of your own kinds, or changes the one that has this id."
    limits = HUNDRED
    fields = {
        "object_type": Field(
            label="Kind of object",
            description="By internal name: `deals`, `tickets`, `p12345678_kettle`, `2-123456`.",
            required=True,
        ),
        "id_property": Field(
            label="Id property",
            description="The property, with unique values, by which it is known: HubSpot makes such ones for you.",
            required=True,
        ),
        "id": Field(label="Id", description="The value of that property.", required=True),
        "properties": Field(
            label="Properties",
            type="object",
            description="By internal name. They have to exist in HubSpot: objects with unknown ones are refused.",
        ),
    }
    share = ("object_type",)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return {
            "id": fields["id"],
            "idProperty": fields["id_property"],
            "objectWriteTraceId": envelope.key,
            "properties": properties(fields.get("properties", {})) | {fields["id_property"]: fields["id"]},
        }

    def exchange(self, items: Sequence[Item]) -> Exchange:
        kind = items[0].fields["object_type"]
        return self.upsert_all(kind, items, lambda item: (item.fields["id_property"], item.fields["id"].lower()))
