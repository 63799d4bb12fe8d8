"""Properties of users and groups, users of several projects, and forgetting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

import msgspec
from doorstep.engine.sdk import (
    Action,
    Envelope,
    Exchange,
    Failure,
    Field,
    Item,
    Limits,
    Request,
    Response,
    ValidationError,
    Verdict,
    basic_auth,
    normalise,
)

from .answers import read
from .settings import AmplitudeSettings
from .shared import CONTEXT, DEVICE_ID, USER_ID, context_of, ids_of, user_properties_of

_FORMS = Limits(max_events=1000, max_bytes=300_000)
"""1024 items and 1 MB, of which percent-encoding takes up to two thirds."""
_DELETIONS = Limits(max_events=100, max_bytes=1_000_000, per_second=100.0, in_flight=1)


class _Form(Action[AmplitudeSettings]):
    """Items as a JSON array in a field of a form."""

    limits = _FORMS
    form = "identification"

    def url(self) -> str:
        return f"{self.settings.api}/identify"

    def request(self, items: Sequence[Item]) -> Request:
        return self.post(self.url(), [item.body for item in items])

    def post(self, url: str, items: Sequence[bytes]) -> Request:
        fields = {
            "api_key": self.settings.api_key.reveal(),
            self.form: (b"[" + b",".join(items) + b"]").decode(),
        }
        if self.settings.min_id_length and self.form == "identification":
            fields["options"] = f'{{"min_id_length":{self.settings.min_id_length}}}'
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items())
        return Request("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body.encode())

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        return read(response)


class IdentifyUser(_Form):
    """Who somebody is."""

    name = "identify_user"
    label = "Identify user"
    description = "Sets properties of a user, without an event."
    trigger = 'type = "identify"'
    fields = {
        "user_id": USER_ID,
        "device_id": DEVICE_ID,
        "user_properties": Field(
            label="User properties",
            type="object",
            description="Plain names, or operations such as `$setOnce`, `$add`, `$unset`.",
            default={"@path": "$.traits"},
        ),
        "groups": Field(label="Groups", type="object", description="Group values by group types, at most 5 types."),
        "paying": Field(label="Paying", type="boolean", description="Whether the user is paying."),
        **CONTEXT,
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        told = {name: fields[name] for name in ("groups", "paying") if name in fields}
        context = {name: value for name, value in context_of(fields).items() if name != "library"}
        return {**ids_of(fields), "user_properties": user_properties_of(fields), **told, **context}


class GroupIdentifyUser(_Form):
    """What a group is, and who is in it."""

    name = "group_identify_user"
    label = "Group identify"
    description = "Puts a user into a group, then sets the group's properties. Needs Amplitude's Accounts add-on."
    trigger = 'type = "group"'
    fields = {
        "user_id": USER_ID,
        "device_id": DEVICE_ID,
        "group_type": Field(
            label="Group type",
            required=True,
            description="What kind of group; default: what Segment's integration uses when it is told none.",
            default="[Segment] Group",
        ),
        "group_value": Field(label="Group", required=True, description="Which group.", default={"@path": "$.groupId"}),
        "group_properties": Field(
            label="Group properties",
            type="object",
            description="What is known of the group.",
            default={"@path": "$.traits"},
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        kind, value = fields["group_type"], fields["group_value"]
        return {**ids_of(fields), "groups": {kind: value}, "user_properties": {kind: value}}

    def exchange(self, items: Sequence[Item]) -> Exchange:
        joined = self.verdict((yield self.request(items)), items)
        if isinstance(joined, Failure):
            return joined
        groups = [
            {
                "group_type": item.fields["group_type"],
                "group_value": item.fields["group_value"],
                "group_properties": item.fields.get("group_properties", {}),
            }
            for item in items
        ]
        url = f"{self.settings.api}/groupidentify"
        return self.verdict((yield self.post(url, [msgspec.json.encode(group) for group in groups])), items)


class MapUser(_Form):
    """The same user in several projects."""

    name = "map_user"
    label = "Map user"
    description = "Tells Amplitude that two user ids are one user. Only projects with the Portfolio add-on have that."
    form = "mapping"
    fields = {
        "user_id": Field(
            label="User id", required=True, description="The id in this project.", default={"@path": "$.previousId"}
        ),
        "global_user_id": Field(
            label="Global user id", required=True, description="The id in all of them.", default={"@path": "$.userId"}
        ),
    }

    def url(self) -> str:
        return self.settings.user_map


class DeleteUser(Action[AmplitudeSettings]):
    """Forgets a user."""

    name = "delete_user"
    label = "Delete user"
    description = "Asks for the deletion of a user and all events. Needs `secret_key`."
    trigger = 'type = "delete"'
    limits = _DELETIONS
    fields = {
        "user_id": Field(
            label="User id",
            required=True,
            description="Who is to be forgotten.",
            default={"@path": "$.userId"},
            personal="amplitude.id",
        )
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if not self.settings.secret_key:
            raise ValidationError("a deletion needs the setting `secret_key`; add it, and replay")
        user = normalise("amplitude.id", fields["user_id"])
        if not user:
            raise ValidationError("the user id is none that Amplitude takes")
        return user

    def request(self, items: Sequence[Item]) -> Request:
        secret = self.settings.secret_key.reveal() if self.settings.secret_key else ""
        asked = {
            "user_ids": [msgspec.Raw(body) for body in dict.fromkeys(item.body for item in items)],
            **({"requester": self.settings.requester} if self.settings.requester else {}),
            "ignore_invalid_id": "true",
            "delete_from_org": "False",
        }
        headers = {
            "Authorization": basic_auth(self.settings.api_key.reveal(), secret),
            "Content-Type": "application/json",
        }
        return Request("POST", self.settings.deletions, headers, msgspec.json.encode(asked))
