"""Actions about people: their profile, merging, leaving, and their devices."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Envelope, EventNotSupported, Field, named

from .entities import Entity, Fields, given, known
from .fields import ANONYMOUS_ID, EMAIL, KNOWN, PERSON_ID, TIMESTAMP, TOKEN
from .values import person


class CreateUpdatePerson(Entity):
    name = "create_update_person"
    label = "Create or update person"
    description = "Adds a person to the workspace, or changes their attributes."
    trigger = 'type = "identify"'
    does = "identify"
    fields = {
        "person_id": PERSON_ID,
        "email": Field(
            label=EMAIL.label, description=EMAIL.description, personal="email", default={"@path": "$.traits.email"}
        ),
        "anonymous_id": ANONYMOUS_ID,
        "created_at": Field(
            label="Created at",
            type="integer",
            description="When the person joined, in Unix seconds.",
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
            description="What is known of the person; `unsubscribed` and `cio_subscription_preferences` say what they want to get.",
            default={"@path": "$.traits"},
        ),
        "timestamp": TIMESTAMP,
    }

    def entity(self, fields: Fields) -> dict[str, Any]:
        identifiers = known(fields)
        attributes = self.attributes(fields, "attributes")
        attributes.pop("createdAt", None)
        made = {"type": "person", "action": self.does, "identifiers": identifiers}
        made |= given(fields, "timestamp")
        return {**made, "attributes": attributes | given(fields, "created_at")}


class MergePeople(Entity):
    name = "merge_people"
    label = "Merge people"
    description = "Makes one person of two. It cannot be undone."
    trigger = 'type = "alias"'
    does = "merge"
    fields = {
        "primary": Field(
            label="Primary person",
            description="The person who stays, by id or email address.",
            required=True,
            default={"@path": "$.userId"},
            personal="id",
        ),
        "secondary": Field(
            label="Secondary person",
            description="The person who goes: what is known of them is added to the primary one.",
            required=True,
            default={"@path": "$.previousId"},
            personal="id",
        ),
    }

    def entity(self, fields: Fields) -> dict[str, Any]:
        primary, secondary = person(fields["primary"]), person(fields["secondary"])
        return {"type": "person", "action": self.does, "primary": primary, "secondary": secondary}


class DeletePerson(Entity):
    name = "delete_person"
    label = "Delete person"
    description = (
        "Deletes a person and what is known of them. Later events create them again: suppress them to prevent that."
    )
    trigger = 'type = "delete" or (type = "track" and event = "User Deleted")'
    does = "delete"
    fields = KNOWN


class SuppressPerson(Entity):
    name = "suppress_person"
    label = "Suppress person"
    description = "Deletes a person and refuses their identifier from now on."
    trigger = 'type = "track" and event = "User Suppressed"'
    does = "suppress"
    fields = KNOWN


class UnsuppressPerson(Entity):
    name = "unsuppress_person"
    label = "Unsuppress person"
    description = "Lets the identifier of a suppressed person in again."
    trigger = 'type = "track" and event = "User Unsuppressed"'
    does = "unsuppress"
    fields = KNOWN


class CreateUpdateDevice(Entity):
    name = "create_update_device"
    label = "Create or update device"
    description = "Adds a device to a person, so that push messages reach them, or changes its attributes."
    trigger = (
        f'type = "track" and ({named("Application Installed", "Application Opened")}'
        ' or event = "Device Created or Updated")'
    )
    does = "add_device"
    fields = {
        **KNOWN,
        "token": TOKEN,
        "platform": Field(
            label="Platform",
            description="Of the device.",
            choices=("ios", "android"),
            required=True,
            default={"@case": {"operator": "lower", "value": {"@path": "$.context.device.type"}}},
        ),
        "last_used": Field(
            label="Last used",
            type="integer",
            description="When the device was last used, in Unix seconds; when the event was received if it does not say.",
            default=TIMESTAMP.default,
        ),
        "app_version": Field(
            label="App version", description="Of your app on the device.", default={"@path": "$.context.app.version"}
        ),
        "attributes": Field(
            label="Attributes",
            type="object",
            description="What else segments can use of the device.",
            default={"@path": "$.properties"},
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return super().build({"last_used": int(envelope.receipt.received), **fields}, envelope)

    def entity(self, fields: Fields) -> dict[str, Any]:
        device = {"token": token_of(fields), "platform": fields["platform"]}
        device |= given(fields, "last_used")
        attributes = {**self.dated(fields.get("attributes", {})), **given(fields, "app_version")}
        return {**super().entity(fields), "device": {**device, "attributes": attributes}}


class DeleteDevice(Entity):
    name = "delete_device"
    label = "Delete device"
    description = "Takes a device away from a person."
    trigger = f'type = "track" and ({named("Application Uninstalled")} or event = "Device Deleted")'
    does = "delete_device"
    fields = {**KNOWN, "token": TOKEN}

    def entity(self, fields: Fields) -> dict[str, Any]:
        return {**super().entity(fields), "device": {"token": token_of(fields)}}


def token_of(fields: Fields) -> str:
    """The device's token. Raises EventNotSupported without one: an app in a browser, or one that may not notify."""
    if "token" not in fields:
        raise EventNotSupported("the device has no token for push messages")
    token: str = fields["token"]
    return token
