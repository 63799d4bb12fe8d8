"""Profiles of users and groups, and who is the same person as whom: /engage, /groups, /track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Delivered,
    Envelope,
    EventNotSupported,
    Exchange,
    Failure,
    Fault,
    Field,
    Item,
    Limits,
    Outcome,
    Request,
    Response,
    ValidationError,
    Verdict,
    normalise,
    verdict_by_status,
)

from .answers import read
from .settings import MixpanelSettings

_LIMITS = Limits(max_events=2000, max_bytes=10_000_000, max_item_bytes=1_000_000)
_DELETIONS = Limits(max_events=1000, max_bytes=10_000_000, in_flight=1)

_RESERVED = {
    "avatar": "$avatar",
    "city": "$city",
    "country_code": "$country_code",
    "createdAt": "$created",
    "created_at": "$created",
    "email": "$email",
    "firstName": "$first_name",
    "first_name": "$first_name",
    "lastName": "$last_name",
    "last_name": "$last_name",
    "name": "$name",
    "phone": "$phone",
    "region": "$region",
    "timezone": "$timezone",
    "unsubscribed": "$unsubscribed",
    "username": "$username",
}
"""Traits that Mixpanel has a name of its own for, in both ways in which the spec writes them."""
_RESERVED_OF_GROUPS = {"name": "$name", "createdAt": "$created", "created_at": "$created"}

_USER_ID = Field(
    label="User id",
    description="The user, once known.",
    default={"@path": "$.userId"},
    personal="mixpanel.id",
)
_ANONYMOUS_ID = Field(
    label="Anonymous id",
    description="The device, or the user who is not known yet.",
    default={"@path": "$.anonymousId"},
    personal="mixpanel.id",
)
_IP = Field(
    label="IP address",
    description="Makes city, region and country of the profile; Mixpanel does not keep it.",
    default={"@path": "$.context.ip"},
)


class _Update(Action[MixpanelSettings]):
    """Updates as a JSON array. Every one can be repeated, but for additions."""

    limits = _LIMITS
    path = "/engage"

    def request(self, items: Sequence[Item]) -> Request:
        return _array(self.settings, self.path, [item.body for item in items])

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        return read(response, items)

    def distinct_id(self, fields: dict[str, Any]) -> str:
        """Whose profile it is. Raises ValidationError for nobody's."""
        user = normalise("mixpanel.id", fields.get("user_id"))
        device = normalise("mixpanel.id", fields.get("anonymous_id"))
        if not (user or device):
            raise ValidationError("there is neither a user id nor an anonymous id that Mixpanel takes")
        return user or (f"$device:{device}" if self.settings.identity == "simplified" else device or "")

    def update(self, fields: dict[str, Any], operation: str, what: Any) -> dict[str, Any]:
        """An update of a user's profile."""
        place = {"$ip": fields["ip"]} if fields.get("ip") else {}
        token = self.settings.project_token.reveal()
        return {"$token": token, "$distinct_id": self.distinct_id(fields), **place, operation: what}


class IdentifyUser(_Update):
    """Who somebody is."""

    name = "identify_user"
    label = "Identify user"
    description = (
        "Sets properties of a user's profile; with original identity merge, ties the anonymous id to the user first."
    )
    trigger = 'type = "identify"'
    fields = {
        "user_id": _USER_ID,
        "anonymous_id": _ANONYMOUS_ID,
        "ip": _IP,
        "traits": Field(
            label="Traits",
            type="object",
            description="Properties of the profile. Those that Mixpanel has a name for get it (`email`: `$email`).",
            default={"@path": "$.traits"},
        ),
        "set_once": Field(
            label="Set once", type="object", description="Properties that are set if they are not set yet."
        ),
        "unset": Field(label="Unset", multiple=True, description="Names of properties that are taken away."),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        update = self.update(fields, "$set", _renamed(fields.get("traits", {}), _RESERVED))
        if once := fields.get("set_once"):
            update["$set_once"] = _renamed(once, _RESERVED)
        if names := fields.get("unset"):
            update["$unset"] = [_RESERVED.get(name, name) for name in names]
        return update

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """Identities first: the profile's properties then land on the merged user."""
        ties = {position: tie for position, item in enumerate(items) if (tie := self.tie(item.fields))}
        outcomes: list[Outcome] = [DELIVERED] * len(items)
        if ties:
            tied = self.verdict(
                (yield _array(self.settings, "/track", list(ties.values()))), [items[at] for at in ties]
            )
            if isinstance(tied, Failure):
                return tied
            for at, outcome in zip(ties, tied if isinstance(tied, list) else (), strict=False):
                outcomes[at] = outcome
        told = self.verdict((yield self.request(items)), items)
        if isinstance(told, Delivered):
            return outcomes
        return (
            told
            if isinstance(told, Failure)
            else [b if a == DELIVERED else a for a, b in zip(outcomes, told, strict=True)]
        )

    def tie(self, fields: dict[str, Any]) -> bytes | None:
        """`$identify`, where an event names both; simplified merge reads both off each event, and needs none."""
        user = normalise("mixpanel.id", fields.get("user_id"))
        device = normalise("mixpanel.id", fields.get("anonymous_id"))
        if not (user and device) or self.settings.identity == "simplified":
            return None
        return _event(self.settings, "$identify", {"$identified_id": user, "$anon_id": device})


class IncrementProperties(_Update):
    """Numbers that grow."""

    name = "increment_properties"
    label = "Increment properties"
    description = "Adds to numeric properties of a user's profile. Mixpanel recognises no repeat: what is retried may count twice."
    fields = {
        "user_id": _USER_ID,
        "anonymous_id": _ANONYMOUS_ID,
        "ip": _IP,
        "increment": Field(
            label="Increments",
            type="object",
            required=True,
            description="Numbers by the names of properties; negative ones take away.",
            default={"@path": "$.properties.increment"},
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        wrong = [name for name, value in fields["increment"].items() if type(value) not in (int, float)]
        if wrong:
            raise ValidationError(f"Increments must be numbers: {', '.join(wrong)[:100]}")
        return self.update(fields, "$add", fields["increment"])


class GroupIdentifyUser(_Update):
    """What a group is."""

    name = "group_identify_user"
    label = "Group identify"
    description = "Sets properties of a group's profile."
    trigger = 'type = "group"'
    path = "/groups"
    fields = {
        "group_key": Field(
            label="Group key",
            required=True,
            description="The property by which events belong to a group, as in the project's settings.",
            default="$group_id",
        ),
        "group_id": Field(label="Group id", required=True, description="Which group.", default={"@path": "$.groupId"}),
        "traits": Field(
            label="Traits",
            type="object",
            description="Properties of the group's profile.",
            default={"@path": "$.traits"},
        ),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        return {
            "$token": self.settings.project_token.reveal(),
            "$group_key": fields["group_key"],
            "$group_id": fields["group_id"],
            "$set": _renamed(fields.get("traits", {}), _RESERVED_OF_GROUPS),
        }


class Alias(_Update):
    """Two names of one user."""

    name = "alias"
    label = "Alias"
    description = "Gives a user another id. With simplified identity merge there are none: such events are filtered."
    trigger = 'type = "alias"'
    path = "/track"
    fields = {
        "distinct_id": Field(
            label="Known id", required=True, description="The id so far.", default={"@path": "$.previousId"}
        ),
        "alias": Field(label="Alias", required=True, description="The other id.", default={"@path": "$.userId"}),
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if self.settings.identity == "simplified":
            raise EventNotSupported("simplified identity merge has no aliases")
        for field in ("distinct_id", "alias"):
            if not normalise("mixpanel.id", fields[field]):
                raise ValidationError(f"{self.fields[field].label} is none that Mixpanel takes")
        return msgspec.Raw(_event(self.settings, "$create_alias", fields))


class DeleteUser(_Update):
    """Forgets a user."""

    name = "delete_user"
    label = "Delete user"
    description = "Has all data of a user erased, if there is a `gdpr_token`; else deletes the profile."
    trigger = 'type = "delete"'
    limits = _DELETIONS
    fields = {"user_id": _USER_ID, "anonymous_id": _ANONYMOUS_ID}

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if self.settings.gdpr_token:
            return self.distinct_id(fields)
        return self.update(fields, "$delete", "") | {"$ignore_alias": True}

    def request(self, items: Sequence[Item]) -> Request:
        if not self.settings.gdpr_token:
            return super().request(items)
        ids = b",".join(dict.fromkeys(item.body for item in items))
        ground = msgspec.json.encode(self.settings.compliance)
        return Request(
            "POST",
            self.settings.deletions,
            {"Authorization": self.settings.deletion_auth, "Content-Type": "application/json"},
            b'{"distinct_ids":[' + ids + b'],"compliance_type":' + ground + b"}",
        )

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        if not self.settings.gdpr_token:
            return read(response, items)
        verdict = verdict_by_status(response)
        if isinstance(verdict, Delivered) and b'"error"' in response.body[:1000]:
            return Failure(Fault.EVENT, "deletion_refused", status=response.status)
        return verdict


def _array(settings: MixpanelSettings, path: str, records: Sequence[bytes]) -> Request:
    """`ip=0`: no profile gets the place of this server."""
    return Request(
        "POST",
        f"{settings.api}{path}?ip=0&verbose=1" + ("&strict=1" if settings.strict else ""),
        {"Content-Type": "application/json"},
        b"[" + b",".join(records) + b"]",
    )


def _event(settings: MixpanelSettings, event: str, properties: dict[str, Any]) -> bytes:
    token = {"token": settings.project_token.reveal()}
    source = {"segment_source_name": settings.source_name} if settings.source_name else {}
    return msgspec.json.encode({"event": event, "properties": {**properties, **token, **source}})


def _renamed(traits: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in traits.items()}
