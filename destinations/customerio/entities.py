"""Entities: what every action makes of an event, one item of a batch, and how the answer to a batch is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from doorstep.engine.sdk import (
    DELIVERED,
    Action,
    Envelope,
    EventNotSupported,
    Failure,
    Fault,
    Item,
    Outcome,
    Rejected,
    Request,
    Response,
    ValidationError,
    Verdict,
    verdict_by_status,
)

from .settings import CustomerioSettings
from .values import person, ulid, with_seconds

Fields = Mapping[str, Any]


class _Error(msgspec.Struct):
    batch_index: int
    reason: str = ""
    field: str = ""
    message: str = ""


class _Answer(msgspec.Struct):
    errors: list[_Error]


_read = msgspec.json.Decoder(_Answer, strict=False).decode


class Entity(Action[CustomerioSettings]):
    """One item of a batch. Actions differ in what `entity` makes of the fields."""

    does: ClassVar[str]
    """Its `action`, as the API calls it."""

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        entity = self.entity(fields)
        if "timestamp" in self.fields:
            entity.setdefault("timestamp", int(envelope.receipt.received))
        return entity

    def entity(self, fields: Fields) -> dict[str, Any]:
        """By default: the action done to a person who is known."""
        return {"type": "person", "action": self.does, "identifiers": known(fields)}

    def request(self, items: Sequence[Item]) -> Request:
        headers = {"Authorization": self.settings.authorization, "Content-Type": "application/json"}
        body = b'{"batch":[' + b",".join(item.body for item in items) + b"]}"
        return Request("POST", self.settings.batch_url, headers, body)

    def verdict(self, response: Response, items: Sequence[Item]) -> Verdict:
        """The status; of a 207 what it says of each item: those that it does not name are accepted."""
        verdict = verdict_by_status(response)
        if response.status != 207:
            return verdict
        try:
            errors = _read(response.body).errors
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            errors = None
        if errors is None or any(not 0 <= error.batch_index < len(items) for error in errors):
            # Something was refused: halved until it is alone. The event ids keep the others from counting twice.
            return Failure(Fault.EVENT, "unreadable_207", status=207)
        outcomes: list[Outcome] = [DELIVERED] * len(items)
        for error in errors:
            outcomes[error.batch_index] = Rejected("invalid_entity", f"{error.field}: {error.message or error.reason}")
        return outcomes

    def dated(self, attributes: Any) -> Any:
        """Attributes with dates that segments understand, if the user wants that."""
        return with_seconds(attributes) if self.settings.dates_as_seconds else attributes

    def attributes(self, fields: Fields, of: str) -> dict[str, Any]:
        """An object field with the anonymous id that joins what an unknown visitor did to a person who is known."""
        attributes = dict(self.dated(fields.get(of, {})))
        anonymous = fields.get("anonymous_id")
        return (
            attributes
            if not anonymous or "anonymous_id" in anyone(fields)
            else {**attributes, "anonymous_id": anonymous}
        )


class Happening(Entity):
    """Something that somebody did, known or not."""

    def entity(self, fields: Fields) -> dict[str, Any]:
        made = {"type": "person", "action": self.does, "identifiers": anyone(fields), "name": fields["name"]}
        if "event_id" in fields:
            made["id"] = ulid(fields["event_id"], fields.get("timestamp", 0))
        made |= given(fields, "timestamp")
        return {**made, "attributes": self.attributes(fields, "data")}


def anyone(fields: Fields) -> dict[str, str]:
    """Who it is, known or not. Raises ValidationError if nobody."""
    found = person(fields.get("person_id"), fields.get("email"), fields.get("anonymous_id"))
    if not found:
        raise ValidationError("there is no person: neither person_id nor email nor anonymous_id has a value")
    return found


def known(fields: Fields) -> dict[str, str]:
    """Who it is. Raises EventNotSupported for a visitor without a name, of whom Customer.io keeps events only."""
    found = person(fields.get("person_id"), fields.get("email"))
    if not found:
        raise EventNotSupported("Customer.io keeps no profile of somebody without an id or an email address")
    return found


def given(fields: Fields, *names: str) -> dict[str, Any]:
    """Those of these fields that have a value."""
    return {name: fields[name] for name in names if name in fields}
