"""Where a workspace is, and how it is spoken to."""

from __future__ import annotations

from typing import Annotated, Literal

from doorstep.engine.sdk import Secret, Settings, basic_auth, url_problem
from msgspec import Meta

_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}


class CustomerioSettings(Settings, frozen=True, kw_only=True):
    """One workspace."""

    site_id: Annotated[
        str, Meta(min_length=1, description="The site id of your workspace.", examples=["0123456789abcdef0123"])
    ]
    api_key: Annotated[
        Secret,
        Meta(description="The Track API key that belongs to the site id.", examples=["${env:CUSTOMERIO_API_KEY}"]),
    ]
    region: Annotated[Literal["us", "eu"], Meta(description="Where your workspace is hosted.", examples=["eu"])] = "us"
    url: Annotated[
        str,
        Meta(
            description="Another server in place of the region's: a proxy, a test. \"\": the region's.",
            examples=["https://customerio-proxy.example.com"],
        ),
    ] = ""
    dates_as_seconds: Annotated[
        bool,
        Meta(
            description="Whether ISO 8601 dates in attributes become Unix seconds, the only dates that segments understand.",
            examples=[False],
        ),
    ] = True

    def __post_init__(self) -> None:
        if ":" in self.site_id:
            raise ValueError("`site_id` has no colon; the part after it may be the API key: write that as `api_key`")
        if self.url and (problem := url_problem(self.url)):
            raise ValueError(f"`url`: {problem}")

    @property
    def authorization(self) -> str:
        return basic_auth(self.site_id, self.api_key.reveal())

    @property
    def batch_url(self) -> str:
        return self._at("/api/v2/batch")

    @property
    def auth_url(self) -> str:
        """Where it says whether site id and key are right."""
        return self._at("/auth")

    def _at(self, path: str) -> str:
        return (self.url or _HOSTS[self.region]).rstrip("/") + path
