"""What a user tells us of an Amplitude project: its keys, where it is, which endpoint takes its events."""

from __future__ import annotations

from typing import Annotated, Literal

from doorstep.engine.sdk import Secret, Settings, url_problem
from msgspec import Meta

_API = {"us": "https://api2.amplitude.com", "eu": "https://api.eu.amplitude.com"}
_MAP = {"us": "https://api.amplitude.com", "eu": "https://api.eu.amplitude.com"}
_APP = {"us": "https://amplitude.com", "eu": "https://analytics.eu.amplitude.com"}


class AmplitudeSettings(Settings, frozen=True):
    """One project."""

    api_key: Annotated[
        Secret, Meta(description="The project's API key (Settings, Projects).", examples=["${env:AMPLITUDE_KEY}"])
    ]
    secret_key: Annotated[Secret | None, Meta(description="The project's secret key; only deletions need it.")] = None
    region: Annotated[Literal["us", "eu"], Meta(description="Where the project's data is kept.")] = "us"
    api_url: Annotated[
        str | None,
        Meta(description="Another address for events and properties, such as a proxy of yours; default: by `region`."),
    ] = None
    endpoint: Annotated[
        Literal["realtime", "batch"],
        Meta(
            description="`realtime` shows events at once and takes 1 MB a request, 30 events a second of a user; `batch` takes "
            "20 MB and 1000 events a second of a user, for backfills."
        ),
    ] = "realtime"
    min_id_length: Annotated[
        int | None, Meta(description="How short user and device ids may be; default: Amplitude's own, 5 characters.")
    ] = None
    requester: Annotated[
        str | None, Meta(description="Who asks for deletions: an email address of a user of Amplitude.")
    ] = None

    def __post_init__(self) -> None:
        if ":" in self.api_key.reveal():
            raise ValueError("`api_key` has no colon; the secret goes into `secret_key`")
        if self.min_id_length is not None and self.min_id_length < 1:
            raise ValueError("`min_id_length` is 1 or more")
        if self.api_url is not None and (problem := url_problem(self.api_url)):
            raise ValueError(f"`api_url`: {problem}")

    @property
    def api(self) -> str:
        """Where events and properties go."""
        return (self.api_url or _API[self.region]).rstrip("/")

    @property
    def events(self) -> str:
        """Where events go."""
        return f"{self.api}/batch" if self.endpoint == "batch" else f"{self.api}/2/httpapi"

    @property
    def user_map(self) -> str:
        """Where users are mapped: in the US another host than for events."""
        return f"{(self.api_url or _MAP[self.region]).rstrip('/')}/usermap"

    @property
    def deletions(self) -> str:
        """Where deletions are asked for."""
        return f"{_APP[self.region]}/api/2/deletions/users"
