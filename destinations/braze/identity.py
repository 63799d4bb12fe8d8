"""Who is whom: aliases, merged users, deleted ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Envelope,
    Failure,
    Field,
    Item,
    Request,
    Response,
    ValidationError,
    Verdict,
)

from .answers import read_answer
from .base import BrazeAction
from .users import EXTERNAL_ID, USER_ALIAS, alias_of

_REQUIRED_ID = msgspec.structs.replace(EXTERNAL_ID, required=True)


class IdentifyUser(BrazeAction):
    """An alias that turns out to be a user."""

    name = "identify_user"
    label = "Identify user"
    description = "Merges what was recorded under an alias, such as an anonymousId, into a user."
    path = "/users/identify"
    array = "aliases_to_identify"
    fields = {
        "external_id": _REQUIRED_ID,
        "user_alias": USER_ALIAS,
        "merge_behavior": Field(
            label="Merge",
            choices=("merge", "none"),
            default="merge",
            description="What becomes of the alias's data; `none` drops it.",
        ),
    }
    share = ("merge_behavior",)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        alias = alias_of(fields.get("user_alias"))
        if alias is None:
            raise ValidationError("user_alias is required")
        return {"external_id": fields["external_id"], "user_alias": alias}

    def request(self, items: Sequence[Item]) -> Request:
        merge = items[0].fields.get("merge_behavior", "merge")
        return self.post(
            b'{"aliases_to_identify":[%b],"merge_behavior":"%b"}'
            % (b",".join([item.body for item in items]), merge.encode())
        )


class CreateAlias(BrazeAction):
    """One more name for a user."""

    name = "create_alias"
    label = "Create alias"
    description = "Gives a user one more name, in a list of names."
    path = "/users/alias/new"
    array = "user_aliases"
    fields = {
        "external_id": EXTERNAL_ID,
        "alias_name": Field(label="Alias", required=True, description="The name."),
        "alias_label": Field(label="Label", required=True, description="The list."),
    }


class MergeUsers(BrazeAction):
    """Two users that are one."""

    name = "merge_users"
    label = "Merge users"
    description = "Merges one user into another, by their external ids."
    trigger = 'type = "alias"'
    path = "/users/merge"
    array = "merge_updates"
    fields = {
        "previous_id": Field(
            label="Merged", required=True, description="Who is merged and then gone.", default={"@path": "$.previousId"}
        ),
        "external_id": _REQUIRED_ID,
        "previous_label": Field(
            label="Label of the alias",
            description="If who is merged is an alias and no external id: the list it is in.",
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        merged: dict[str, Any] = {"external_id": fields["previous_id"]}
        if label := fields.get("previous_label"):
            merged = {"user_alias": {"alias_name": fields["previous_id"], "alias_label": label}}
        return {"identifier_to_merge": merged, "identifier_to_keep": {"external_id": fields["external_id"]}}


class DeleteUser(BrazeAction):
    """Users that want to be forgotten."""

    name = "delete_user"
    label = "Delete user"
    description = "Deletes a user for good: the one with the external id, and if there is none the one with the alias."
    trigger = 'type = "delete"'
    path = "/users/delete"
    fields = {"external_id": EXTERNAL_ID, "user_alias": USER_ALIAS}

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if fields.get("external_id"):
            return fields["external_id"]
        alias = alias_of(fields.get("user_alias"))
        if alias is None:
            raise ValidationError("one of external_id, user_alias is required")
        return alias

    def request(self, items: Sequence[Item]) -> Request:
        ids = [item.body for item in items if item.body.startswith(b'"')]
        aliases = [item.body for item in items if not item.body.startswith(b'"')]
        arrays = {b"external_ids": ids, b"user_aliases": aliases}
        return self.post(
            b"{"
            + b",".join([b'"%b":[%b]' % (array, b",".join(bodies)) for array, bodies in arrays.items() if bodies])
            + b"}"
        )

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        """Whoever is not there is deleted."""
        if response.status == 404:
            return DELIVERED
        places: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault("external_ids" if item.body.startswith(b'"') else "user_aliases", []).append(place)
        found = read_answer(response, places)
        if isinstance(found, Failure):
            return found
        return [found.get(place, DELIVERED) for place in range(len(items))] if found else DELIVERED
