"""What a user says about the stream of GA4 that events go to."""

from __future__ import annotations

from typing import Annotated

from doorstep.engine.sdk import Hashing, Secret, Settings, url_problem
from msgspec import Meta

_DELETION_URL = "https://www.googleapis.com/analytics/v3/userDeletion/userDeletionRequests:upsert"


class DeletionSettings(Settings, frozen=True):
    """Who may delete users: an OAuth client that somebody let into the property, with the scope `analytics.user.deletion`."""

    property_id: Annotated[str, Meta(description="The property's number.", examples=["123456789"])]
    client_id: Annotated[str, Meta(description="The OAuth client.")]
    client_secret: Annotated[Secret, Meta(description="Its secret.")]
    refresh_token: Annotated[Secret, Meta(description="What it was given when it was let in.")]
    token_url: Annotated[str, Meta(description="Where it gets tokens.")] = "https://oauth2.googleapis.com/token"
    url: Annotated[str, Meta(description="Where deletions are asked for.")] = _DELETION_URL


class Ga4Settings(Settings, frozen=True):
    """Which stream, and with which secret."""

    api_secret: Annotated[
        Secret,
        Meta(
            description="Made in Admin > Data streams > Measurement Protocol API secrets.",
            examples=["${env:GA4_API_SECRET}"],
        ),
    ]
    measurement_id: Annotated[str, Meta(description="Of a web stream.", examples=["G-ABC1234567"])] = ""
    firebase_app_id: Annotated[
        str, Meta(description="Of an app stream, in its place.", examples=["1:1234567890:ios:321abc456def7890"])
    ] = ""
    host: Annotated[
        str,
        Meta(
            description="Google's; `https://region1.google-analytics.com` keeps data in the EU.",
            examples=["https://region1.google-analytics.com"],
        ),
    ] = "https://www.google-analytics.com"
    validate_only: Annotated[
        bool, Meta(description="Ask Google's validation server instead: nothing is recorded, and faults are told.")
    ] = False
    debug_mode: Annotated[bool, Meta(description="Mark events for DebugView.")] = False
    max_params: Annotated[int, Meta(ge=1, description="Parameters an event at most: 25, or 100 for Analytics 360.")] = (
        25
    )
    max_value_length: Annotated[
        int, Meta(ge=1, description="Longer texts are cut: 100 characters, or 500 for Analytics 360.")
    ] = 100
    hashing: Annotated[
        Hashing,
        Meta(
            description="Of what names a person. `auto`: a value that is a digest already goes out as it is. `always`: it is hashed, too. "
            "`never`: your events carry digests only, and a value that is none is left out."
        ),
    ] = "auto"
    deletion: Annotated[
        DeletionSettings | None, Meta(description="For `delete` events: without it they are filtered.")
    ] = None

    def __post_init__(self) -> None:
        if bool(self.measurement_id) == bool(self.firebase_app_id):
            raise ValueError("`measurement_id` (a web stream) or `firebase_app_id` (an app stream): write one of them")
        if problem := url_problem(self.host):
            raise ValueError(f"`host`: {problem}")
