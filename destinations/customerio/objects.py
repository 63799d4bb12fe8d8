"""Actions about objects: what is no person and people belong to, such as companies."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Field

from .entities import Entity, Fields, anyone, known
from .fields import KNOWN, OBJECT_TYPE, WHO, object_id

_DELETED = object_id("$.properties.objectId", "$.properties.object_id")
_NO_ATTRIBUTES = ("createdAt", "objectTypeId", "object_type_id")
"""Traits of a group that go elsewhere."""


class CreateUpdateObject(Entity):
    name = "create_update_object"
    label = "Create or update object"
    description = "Adds an object to the workspace, or changes its attributes, and relates the person to it."
    trigger = 'type = "group"'
    does = "identify"
    fields = {
        "object_id": object_id("$.groupId"),
        "object_type_id": OBJECT_TYPE,
        **WHO,
        "created_at": Field(
            label="Created at",
            type="integer",
            description="When the object came to be, in Unix seconds.",
            default={
                "@timestamp": {
                    "value": {"@coalesce": [{"@path": "$.traits.created_at"}, {"@path": "$.traits.createdAt"}]},
                    "format": "seconds",
                }
            },
        ),
        "attributes": Field(
            label="Attributes",
            type="object",
            description="What is known of the object.",
            default={"@path": "$.traits"},
        ),
        "relationship_attributes": Field(
            label="Relationship attributes",
            type="object",
            description="What is known of the person's part in it, such as a role.",
        ),
    }

    def entity(self, fields: Fields) -> dict[str, Any]:
        attributes = {**self.dated(fields.get("attributes", {}))}
        for name in _NO_ATTRIBUTES:
            attributes.pop(name, None)
        if "created_at" in fields:
            attributes["created_at"] = fields["created_at"]
        relationship: dict[str, Any] = {"identifiers": anyone(fields)}
        if "relationship_attributes" in fields:
            relationship["relationship_attributes"] = self.dated(fields["relationship_attributes"])
        # A visitor without a name is related under another action, which carries over once they have one.
        does = "identify_anonymous" if "anonymous_id" in relationship["identifiers"] else self.does
        made = {"type": "object", "action": does, "identifiers": identifiers(fields), "attributes": attributes}
        return made | {"cio_relationships": [relationship]}


class DeleteObject(Entity):
    name = "delete_object"
    label = "Delete object"
    description = "Deletes an object and everybody's relationship to it."
    trigger = 'type = "track" and event = "Object Deleted"'
    does = "delete"
    fields = {"object_id": _DELETED, "object_type_id": OBJECT_TYPE}

    def entity(self, fields: Fields) -> dict[str, Any]:
        return {"type": "object", "action": self.does, "identifiers": identifiers(fields)}


class DeleteRelationship(Entity):
    name = "delete_relationship"
    label = "Delete relationship"
    description = "Takes a person out of an object."
    trigger = 'type = "track" and event = "Relationship Deleted"'
    does = "delete_relationships"
    fields = {"object_id": _DELETED, "object_type_id": OBJECT_TYPE, **KNOWN}

    def entity(self, fields: Fields) -> dict[str, Any]:
        made = {"type": "object", "action": self.does, "identifiers": identifiers(fields)}
        return made | {"cio_relationships": [{"identifiers": known(fields)}]}


def identifiers(fields: Fields) -> dict[str, Any]:
    """Of an object."""
    return {"object_id": fields["object_id"], "object_type_id": fields["object_type_id"]}
