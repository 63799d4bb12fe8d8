"""The fields that several actions have."""

from __future__ import annotations

from doorstep.engine.sdk import Field

TIMESTAMP = Field(
    label="Timestamp",
    type="integer",
    description="When it happened, in Unix seconds; when it was received if it does not say.",
    default={"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "seconds"}},
)
PERSON_ID = Field(
    label="Person",
    description="The person's id in your workspace. An email address is taken as one, `cio_...` as Customer.io's own id.",
    default={"@path": "$.userId"},
    personal="id",
)
EMAIL = Field(
    label="Email address",
    description="Who it is where there is no id, if your workspace takes email addresses as identifiers.",
    personal="email",
)
ANONYMOUS_ID = Field(
    label="Anonymous id",
    description="Joins what was done before somebody was known to who it was, if there is an id; else who it is.",
    default={"@path": "$.anonymousId"},
    personal="id",
)
WHO = {"person_id": PERSON_ID, "email": EMAIL, "anonymous_id": ANONYMOUS_ID}
KNOWN = {"person_id": PERSON_ID, "email": EMAIL}
EVENT_ID = Field(
    label="Event id",
    description="By which Customer.io knows an event that comes twice. A ULID is made of what is none.",
    default={"@path": "$.messageId"},
)
DATA = Field(
    label="Data",
    type="object",
    description="What messages and campaigns can use of the event. `recipient`, `from_address` and `reply_to` change where a message goes.",
    default={"@path": "$.properties"},
)
OBJECT_TYPE = Field(
    label="Object type",
    description="The id of the kind of object, as your workspace counts them: 1 is the first kind.",
    required=True,
    default={
        "@coalesce": [
            *(
                {"@path": f"$.{part}.{key}"}
                for part in ("traits", "properties")
                for key in ("objectTypeId", "object_type_id")
            ),
            "1",
        ]
    },
)
TOKEN = Field(
    label="Device token",
    description="What push messages to the device are sent by. An event without one is left out.",
    default={"@path": "$.context.device.token"},
    personal="device",
)


def event_fields(name: str, description: str, made_of: object) -> dict[str, Field]:
    """Of an event, page or screen, whose name is made of this."""
    return {
        "name": Field(label=name, description=description, required=True, default=made_of),
        **WHO,
        "data": DATA,
        "timestamp": TIMESTAMP,
        "event_id": EVENT_ID,
    }


def object_id(*made_of: str) -> Field:
    return Field(
        label="Object id",
        description="The id of the object: a company, a course, an account.",
        required=True,
        default={"@coalesce": [{"@path": path} for path in made_of]},
    )
