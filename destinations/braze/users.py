"""Who an object is about: the fields that every action of Braze has for it, and the one identifier that goes out."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Field, ValidationError

ALIAS_LABEL = "anonymous_id"
"""Under which the anonymousId of people without a userId is kept."""

EXTERNAL_ID = Field(
    label="External id", description="The user, as your own systems call them.", default={"@path": "$.userId"}
)
USER_ALIAS = Field(
    label="User alias",
    type="object",
    description="In place of it, a name in a list of names: by default the anonymousId.",
    default={"alias_name": {"@path": "$.anonymousId"}, "alias_label": ALIAS_LABEL},
    properties={
        "alias_name": Field(label="Alias", description="The name."),
        "alias_label": Field(label="Label", description="The list."),
    },
)
BRAZE_ID = Field(label="Braze id", description="In place of both, the user as Braze calls them.")
EMAIL = Field(
    label="E-mail",
    personal="email",
    description="Who it is if there is nothing else.",
    default={"@coalesce": [{"@path": "$.context.traits.email"}, {"@path": "$.properties.email"}]},
)
PHONE = Field(label="Telephone", personal="phone", description="Who it is if there is not even that.")
UPDATE_ONLY = Field(
    label="Update existing users only",
    type="boolean",
    description="Whether users that Braze does not know yet are passed over.",
    default=False,
)
CONTROLS = frozenset({"external_id", "braze_id", "user_alias", "_update_existing_only", "push_token_import"})
"""What says in an object of attributes whose they are, and whether Braze makes users of them: no names for attributes of one's own."""
WHO = {"external_id": EXTERNAL_ID, "user_alias": USER_ALIAS, "braze_id": BRAZE_ID, "email": EMAIL, "phone": PHONE}


def identifier(fields: dict[str, Any]) -> dict[str, Any]:
    """The best that there is. Braze wants one, and refuses an object without; ValidationError if there is none."""
    for name in ("external_id", "braze_id"):
        if fields.get(name):
            return {name: fields[name]}
    if alias := alias_of(fields.get("user_alias")):
        return {"user_alias": alias}
    for name in ("email", "phone"):
        if fields.get(name):
            return {name: fields[name]}
    raise ValidationError("one of external_id, user_alias, braze_id, email, phone is required")


def alias_of(value: Any) -> dict[str, str] | None:
    """A whole alias, or None."""
    if not value or not value.get("alias_name"):
        return None
    return {"alias_name": value["alias_name"], "alias_label": value.get("alias_label") or ALIAS_LABEL}
