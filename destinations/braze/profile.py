"""What is known about people: the attributes of Braze, and whatever else, with the consents."""

from __future__ import annotations

from typing import Any

from doorstep.engine.sdk import Envelope, Field

from .base import Made, TrackAction
from .users import CONTROLS, UPDATE_ONLY, WHO, identifier

_STATES = ("opted_in", "subscribed", "unsubscribed")
_WORDS = {
    "M": ("m", "male", "man"),
    "F": ("f", "female", "woman", "w"),
    "O": ("o", "other"),
    "N": ("n", "not applicable"),
    "P": ("p", "prefer not to say"),
}
_GENDERS = {word: letter for letter, words in _WORDS.items() for word in words}
_TAKEN = CONTROLS | {
    *("_merge_objects", "email", "phone"),
    *("firstName", "lastName", "first_name", "last_name", "avatar", "gender"),
}
"""Traits that are attributes of Braze's own, or say who it is: they are not custom attributes, too."""


def _trait(*names: str) -> Any:
    paths = [{"@path": f"$.traits.{name}"} for name in names]
    return paths[0] if len(paths) == 1 else {"@coalesce": paths}


def _moment(label: str, what: str) -> Field:
    return Field(label=label, type="datetime", description=what)


class UpdateUserProfile(TrackAction):
    """Attributes."""

    name = "update_user_profile"
    label = "Update user profile"
    description = "Sets attributes of a user, and their subscriptions."
    trigger = 'type = "identify"'
    fields = {
        **WHO,
        "email": Field(label="E-mail", personal="email", description="Their address.", default=_trait("email")),
        "phone": Field(label="Telephone", personal="phone", description="As E.164.", default=_trait("phone")),
        "first_name": Field(
            label="First name",
            personal="name",
            description="What they are called.",
            default=_trait("firstName", "first_name"),
        ),
        "last_name": Field(
            label="Last name", personal="name", description="Of their family.", default=_trait("lastName", "last_name")
        ),
        "gender": Field(
            label="Gender",
            description="M, F, O(ther), N(ot applicable), P(refers not to say), or the words; anything else is left out.",
            default=_trait("gender"),
        ),
        "dob": Field(
            label="Date of birth",
            description="As YYYY-MM-DD.",
            default={"@timestamp": {"value": {"@path": "$.traits.birthday"}, "format": "%Y-%m-%d"}},
        ),
        "home_city": Field(
            label="City", personal="city", description="Where they live.", default=_trait("address.city")
        ),
        "country": Field(
            label="Country",
            description="As ISO 3166, two letters; others are left out.",
            default=_trait("address.country"),
        ),
        "language": Field(label="Language", description="As ISO 639, two letters."),
        "time_zone": Field(
            label="Time zone", description="Such as Europe/Paris.", default={"@path": "$.context.timezone"}
        ),
        "image_url": Field(label="Picture", description="Of them.", default=_trait("avatar")),
        "current_location": Field(
            label="Location",
            type="object",
            description="Where they are.",
            properties={
                "latitude": Field(label="Latitude", type="number", required=True, description="In degrees."),
                "longitude": Field(label="Longitude", type="number", required=True, description="In degrees."),
            },
        ),
        "date_of_first_session": _moment("First session", "When they first used the app."),
        "date_of_last_session": _moment("Last session", "When they last used the app."),
        "email_subscribe": Field(label="E-mail consent", choices=_STATES, description="Whether they want e-mail."),
        "push_subscribe": Field(label="Push consent", choices=_STATES, description="Whether they want push messages."),
        "email_open_tracking_disabled": Field(
            label="Opens are not tracked", type="boolean", description="Whether their e-mails have no tracking pixel."
        ),
        "email_click_tracking_disabled": Field(
            label="Clicks are not tracked",
            type="boolean",
            description="Whether links in their e-mails are not tracked.",
        ),
        "marked_email_as_spam_at": _moment("Marked as spam", "When they did that to an e-mail."),
        "subscription_groups": Field(
            label="Subscription groups",
            type="object",
            multiple=True,
            description="Consents group by group.",
            properties={
                "subscription_group_id": Field(label="Group", required=True, description="Its id in Braze."),
                "subscription_state": Field(
                    label="State", required=True, choices=("subscribed", "unsubscribed"), description="What they want."
                ),
            },
        ),
        "google_ad_user_data": Field(
            label="Google: user data", type="boolean", description="Consent to send their data to Google."
        ),
        "google_ad_personalization": Field(
            label="Google: personalization", type="boolean", description="Consent to personalized ads."
        ),
        "push_tokens": Field(
            label="Push tokens",
            type="object",
            multiple=True,
            description="Of their devices.",
            properties={
                "app_id": Field(label="App", required=True, description="Which of yours."),
                "token": Field(label="Token", required=True, description="The device's."),
                "device_id": Field(label="Device", description="Its id."),
            },
        ),
        "custom_attributes": Field(
            label="Custom attributes",
            type="object",
            description="All the rest. null removes one; `{ add = [...] }`, `{ remove = [...] }`, `{ inc = 1 }` change one.",
            default={"@path": "$.traits"},
        ),
        "_merge_objects": Field(
            label="Merge objects",
            type="boolean",
            description="Whether objects are merged with what is there, in place of replacing it.",
        ),
        "_update_existing_only": UPDATE_ONLY,
    }

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        who = identifier(fields)
        custom = {key: value for key, value in fields.get("custom_attributes", {}).items() if key not in _TAKEN}
        own = {name: value for name, value in fields.items() if name not in _NOT_ATTRIBUTES}
        if gender := _GENDERS.get(own.pop("gender", "").strip().lower()):
            own["gender"] = gender
        if len(own.get("country", "xx")) != 2:
            del own["country"]
        own |= {
            f"${name}": own.pop(name) for name in ("google_ad_user_data", "google_ad_personalization") if name in own
        }
        only = {"_update_existing_only": fields.get("_update_existing_only", False)}
        return Made(attributes=[{**custom, **own, **who, **only}])


_NOT_ATTRIBUTES = {"external_id", "user_alias", "braze_id", "custom_attributes", "_update_existing_only"}
