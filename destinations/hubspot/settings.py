"""Which account, how to get in, and by which properties of yours contacts and companies are known."""

from __future__ import annotations

from typing import Annotated

from doorstep.engine.sdk import Authority, RefreshToken, Secret, Settings, bearer_auth, header_problem, url_problem
from msgspec import Meta


class HubspotSettings(Settings, frozen=True, kw_only=True):
    """One account: either the token of a private app, or what an OAuth app needs to get one."""

    hub_id: Annotated[
        str,
        Meta(
            pattern=r"^\d+$",
            description="The id of your account. Names of custom events begin with it.",
            examples=["12345678"],
        ),
    ]
    access_token: Annotated[
        Secret | None,
        Meta(description="The access token of a private app.", examples=["${env:HUBSPOT_TOKEN}"]),
    ] = None
    client_id: Annotated[
        str, Meta(description="Of an OAuth app, in place of `access_token`.", examples=["0e1f-..."])
    ] = ""
    client_secret: Annotated[
        Secret | None, Meta(description="Of the OAuth app.", examples=["${env:HUBSPOT_CLIENT_SECRET}"])
    ] = None
    refresh_token: Annotated[
        Secret | None,
        Meta(description="What the OAuth app got when it was let in.", examples=["${env:HUBSPOT_REFRESH_TOKEN}"]),
    ] = None
    user_id_property: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_]*$",
            description='A property of contacts that you have made for your user ids, by which deletion finds them. "": none.',
            examples=["user_id"],
        ),
    ] = ""
    company_id_property: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_]+$",
            description="A property of companies, with unique values, that you have made for the ids of your groups.",
            examples=["group_id"],
        ),
    ] = "segment_group_id"
    url: Annotated[str, Meta(description="The API's address.", examples=["https://hubspot-proxy.example.com"])] = (
        "https://api.hubapi.com"
    )
    api_version: Annotated[
        str,
        Meta(
            pattern=r"^(v3|\d{4}-\d{2})$",
            description="The version of the CRM API: `v3`, or a dated one.",
            examples=["2026-03"],
        ),
    ] = "v3"

    def __post_init__(self) -> None:
        oauth = (bool(self.client_id), self.client_secret is not None, self.refresh_token is not None)
        if any(oauth) and not all(oauth):
            raise ValueError("`client_id`, `client_secret` and `refresh_token` belong together")
        if any(oauth) == (self.access_token is not None):
            raise ValueError("write either `access_token`, or `client_id`, `client_secret` and `refresh_token`")
        if problem := url_problem(self.url):
            raise ValueError(f"`url`: {problem}")
        if problem := header_problem("Authorization", self.headers.get("Authorization", "")):
            raise ValueError(f"`access_token`: {problem}")

    @property
    def headers(self) -> dict[str, str]:
        """Without a token where the authority gets one."""
        headers = {"Content-Type": "application/json"}
        if self.access_token is not None:
            headers["Authorization"] = bearer_auth(self.access_token.reveal())
        return headers

    @property
    def authority(self) -> Authority | None:
        if self.refresh_token is None:
            return None
        return RefreshToken(
            token_url=self.at("/oauth/v1/token"),
            client_id=self.client_id,
            client_secret=self.client_secret,
            refresh_token=self.refresh_token,
            secret_in_body=True,
        )

    def at(self, path: str) -> str:
        """The URL of a path."""
        return self.url.rstrip("/") + path

    def objects(self, path: str) -> str:
        """The URL of something among the CRM's objects."""
        version = self.api_version
        return self.at(f"/crm/v3/objects/{path}" if version == "v3" else f"/crm/objects/{version}/{path}")
