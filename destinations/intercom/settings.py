"""Which workspace, how to get in, and how long to wait for a contact."""

from __future__ import annotations

from typing import Annotated, Literal

from doorstep.engine.sdk import Duration, Secret, Settings, header_problem, url_problem
from msgspec import Meta

_HOSTS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}


class IntercomSettings(Settings, frozen=True, kw_only=True):
    """One workspace."""

    access_token: Annotated[
        Secret,
        Meta(
            description="An access token of an app of your workspace. It may read and write contacts, companies and events.",
            examples=["${env:INTERCOM_TOKEN}"],
        ),
    ]
    region: Annotated[
        Literal["us", "eu", "au"], Meta(description="Where your workspace is hosted.", examples=["eu"])
    ] = "us"
    url: Annotated[
        str,
        Meta(
            description="Another server in place of the region's: a proxy, a test. \"\": the region's.",
            examples=["https://intercom-proxy.example.com"],
        ),
    ] = ""
    api_version: Annotated[
        str, Meta(pattern=r"^\d+\.\d+$", description="The version of the API that is spoken.", examples=["2.14"])
    ] = "2.10"
    wait_for_contact: Annotated[
        Duration,
        Meta(
            description="How long after its arrival an event goes on waiting for a contact that Intercom does not know yet.",
            examples=["1h"],
            extra={"ge": Duration("0s")},
        ),
    ] = Duration("10m")
    deletion: Annotated[
        Literal["delete", "archive", "permanent"],
        Meta(
            description="What a `delete` event does: deletes the contact, hides it, or has all data of the user deleted.",
            examples=["permanent"],
        ),
    ] = "delete"

    def __post_init__(self) -> None:
        if problem := header_problem("Authorization", self.headers["Authorization"]):
            raise ValueError(f"`access_token`: {problem}")
        if self.url and (problem := url_problem(self.url)):
            raise ValueError(f"`url`: {problem}")

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.access_token.reveal()}",
            "Intercom-Version": self.api_version,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def at(self, path: str) -> str:
        """The URL of a path."""
        return (self.url or _HOSTS[self.region]).rstrip("/") + path
