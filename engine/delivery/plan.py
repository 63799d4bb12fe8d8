"""What decides how one destination is served, as one value: made from configuration elsewhere, compared by its version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import msgspec

from ..functions import InsertFunction
from ..journal.plans import PlanRecord
from ..net.settings import NetSettings
from ..net.transport import Transport
from ..policy.breaker import BreakerSettings
from ..policy.limiter import RateSettings
from ..policy.retry import RetrySettings
from ..policy.window import BatchSettings
from ..routing.table import Route
from ..sdk.destination import Destination
from .settings import BacklogSettings, MailboxSettings, Overflow


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One destination under one version of its settings."""

    version: str
    """A hash of what decides how batches are formed: a batch of another version is formed anew."""
    route: Route
    record: PlanRecord
    """What is kept of the route, for explain."""
    destination: Destination[Any]
    """Made for this version of the settings."""
    inserts: tuple[InsertFunction, ...] = ()
    """What events pass when a batch is formed, in this order."""
    net: NetSettings = NetSettings()
    batch: BatchSettings = BatchSettings()
    rate: RateSettings | None = None
    in_flight: int = 4
    timeout_s: float = 15.0
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    mailbox: MailboxSettings = MailboxSettings()
    backlog: BacklogSettings = BacklogSettings()
    overflow: Overflow = "block"
    start: Literal["now", "oldest"] = "now"

    @property
    def name(self) -> str:
        """The user's name for the destination."""
        return self.route.name

    def is_same(self, other: Plan) -> bool:
        """Whether going from one to the other changes nothing. The destinations are equal if the versions are."""
        return self == msgspec.structs.replace(other, destination=self.destination)


OpenTransport: TypeAlias = Callable[[Plan], Awaitable[Transport]]
"""Makes a destination's own connections: called once in an actor's life, for a request destination."""
