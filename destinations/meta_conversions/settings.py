"""What a user says about the dataset of Meta that conversions go to."""

from __future__ import annotations

from typing import Annotated, Literal

from doorstep.engine.sdk import Hashing, Secret, Settings, url_problem
from msgspec import Meta

Source = Literal[
    "website", "app", "email", "phone_call", "chat", "physical_store", "system_generated", "business_messaging", "other"
]


class MetaSettings(Settings, frozen=True):
    """Which dataset, and with which token."""

    dataset_id: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]+$",
            description="The number of the dataset, or of the pixel, in Events Manager.",
            examples=["123456789012345"],
        ),
    ]
    access_token: Annotated[
        Secret, Meta(description="A system user's, with access to the dataset.", examples=["${env:META_TOKEN}"])
    ]
    test_event_code: Annotated[
        str, Meta(description="Shows events under Test Events, too. They count all the same.", examples=["TEST12345"])
    ] = ""
    action_source: Annotated[
        Source, Meta(description="Where conversions took place that are neither a website's nor an app's.")
    ] = "other"
    limited_data_use: Annotated[
        bool, Meta(description="Limited Data Use for every event; an action's mapping can do so for some.")
    ] = False
    hashing: Annotated[
        Hashing,
        Meta(
            description="Of what names a person. `auto`: a value that is a digest already goes out as it is. `always`: it is hashed, too. "
            "`never`: your events carry digests only, and a value that is none is left out."
        ),
    ] = "auto"
    api_version: Annotated[str, Meta(pattern=r"^v[0-9]+\.[0-9]+$", description="Of the Graph API.")] = "v25.0"
    host: Annotated[str, Meta(description="The Graph API's.")] = "https://graph.facebook.com"

    def __post_init__(self) -> None:
        if problem := url_problem(self.host):
            raise ValueError(f"`host`: {problem}")
