"""What a user tells us of a Mixpanel project: its token, how we may write to it, where it is."""

from __future__ import annotations

from typing import Annotated, Literal

from doorstep.engine.sdk import Secret, Settings, basic_auth, bearer_auth, url_problem
from msgspec import Meta

_API = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}
_APP = {"us": "https://mixpanel.com", "eu": "https://eu.mixpanel.com", "in": "https://in.mixpanel.com"}


class MixpanelSettings(Settings, frozen=True):
    """One project."""

    project_token: Annotated[
        Secret,
        Meta(description="The project's token (Project Settings, Access Keys).", examples=["${env:MIXPANEL_TOKEN}"]),
    ]
    api_secret: Annotated[
        Secret | None,
        Meta(
            description="The project's secret, for importing events. Without it the token is used, or a service account."
        ),
    ] = None
    service_account: Annotated[
        str | None,
        Meta(description="The user name of a service account, in place of `api_secret`; needs `project_id`."),
    ] = None
    service_account_secret: Annotated[Secret | None, Meta(description="Its secret.")] = None
    project_id: Annotated[str | None, Meta(description="The project's id, for a service account.")] = None
    region: Annotated[Literal["us", "eu", "in"], Meta(description="Where the project's data is kept.")] = "us"
    api_url: Annotated[
        str | None,
        Meta(description="Another address for events and profiles, such as a proxy of yours; default: by `region`."),
    ] = None
    identity: Annotated[
        Literal["original", "simplified"],
        Meta(description="How the project merges identities (Project Settings, Identity Merge)."),
    ] = "original"
    strict: Annotated[
        bool,
        Meta(description="Whether Mixpanel says which events it refuses. Without it, it says that it took them all."),
    ] = True
    source_name: Annotated[
        str | None,
        Meta(description="Sent with each event as `segment_source_name`, the property of Segment's own integration."),
    ] = None
    gdpr_token: Annotated[
        Secret | None,
        Meta(
            description="An OAuth token for data privacy: `delete` events then erase all data of a user, not only the profile."
        ),
    ] = None
    compliance: Annotated[
        Literal["GDPR", "CCPA"], Meta(description="On which ground data is erased; with `gdpr_token`.")
    ] = "GDPR"

    def __post_init__(self) -> None:
        account = (self.service_account, self.service_account_secret, self.project_id)
        if any(account) and not all(account):
            raise ValueError(
                "`service_account`, `service_account_secret` and `project_id` go together; write all three"
            )
        if self.service_account and ":" in self.service_account:
            raise ValueError(
                "`service_account`: a user name has no colon; the secret goes into `service_account_secret`"
            )
        if self.project_id and not (self.project_id.isascii() and self.project_id.isdigit()):
            raise ValueError("`project_id` is a number, such as 1234567")
        if ":" in (self.api_secret or self.project_token).reveal():
            raise ValueError("`project_token` and `api_secret` have no colon; copy them from Project Settings")
        if self.api_url is not None and (problem := url_problem(self.api_url)):
            raise ValueError(f"`api_url`: {problem}")

    @property
    def api(self) -> str:
        """Where events and profiles go."""
        return (self.api_url or _API[self.region]).rstrip("/")

    @property
    def deletions(self) -> str:
        """Where tasks of erasure go. The token is in the URL because there is no other way; it is in every web page, too."""
        return f"{_APP[self.region]}/api/app/data-deletions/v3.0/?token={self.project_token.reveal()}"

    @property
    def import_auth(self) -> str:
        """Who imports events."""
        if self.service_account and self.service_account_secret:
            return basic_auth(self.service_account, self.service_account_secret.reveal())
        return basic_auth((self.api_secret or self.project_token).reveal(), "")

    @property
    def deletion_auth(self) -> str:
        """Who has data erased; "" if nobody may."""
        return bearer_auth(self.gdpr_token.reveal()) if self.gdpr_token else ""
