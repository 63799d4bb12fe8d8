"""Deleting a user: another API of Google's, which wants a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from doorstep.engine.sdk import (
    Action,
    Envelope,
    EventNotSupported,
    Exchange,
    Failure,
    Field,
    Item,
    Limits,
    RefreshToken,
    Request,
)

from .fields import path
from .settings import DeletionSettings, Ga4Settings


class DeleteUser(Action[Ga4Settings]):
    """One user a request. The token is got anew each time: deletions are few, and one that is refused then holds up nothing else."""

    name = "delete_user"
    label = "Delete user"
    description = "Asks Google to delete what it has on a user; needs the setting `deletion`."
    trigger = 'type = "delete"'
    fields: ClassVar = {
        "user_id": Field(
            label="User ID", required=True, description="The one that events were sent with.", default=path("userId")
        ),
        "id_type": Field(
            label="Kind of ID",
            description="What it is.",
            choices=("USER_ID", "CLIENT_ID", "APP_INSTANCE_ID"),
            default="USER_ID",
        ),
    }
    limits = Limits(max_events=1, max_wait_s=0.0, in_flight=1)

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        if self.settings.deletion is None:
            raise EventNotSupported("deleting needs the setting `deletion`")
        return {
            "kind": "analytics#userDeletionRequest",
            "id": {"type": fields.get("id_type", "USER_ID"), "userId": fields["user_id"]},
            "propertyId": self.settings.deletion.property_id,
        }

    def request(self, items: Sequence[Item]) -> Request:
        [item] = items
        return Request("POST", self._allowed.url, {"Content-Type": "application/json"}, item.body)

    def exchange(self, items: Sequence[Item]) -> Exchange:
        allowed = self._allowed
        authority = RefreshToken(
            token_url=allowed.token_url,
            client_id=allowed.client_id,
            client_secret=allowed.client_secret,
            refresh_token=allowed.refresh_token,
            secret_in_body=True,
        )
        token = authority.token_from((yield authority.token_request(None)))
        if isinstance(token, Failure):
            return token
        response = yield authority.authorize(self.request(items), token)
        return self.verdict(response, items)

    @property
    def _allowed(self) -> DeletionSettings:
        assert self.settings.deletion is not None, "`build` lets nothing through without it"
        return self.settings.deletion
