"""What a user may set about a destination's mailbox and backlog."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ..settings import Duration, Settings, Size

Overflow = Literal["block", "drop_newest"]


class MailboxSettings(Settings, frozen=True):
    """`mailbox = { ... }`: how much of the log a destination holds ready in memory."""

    max_bytes: Annotated[Size, Meta(description="Bytes of events held ready; one chunk is always admitted.")] = Size(
        "4MiB"
    )
    max_events: Annotated[int, Meta(ge=1, description="Events held ready.", examples=[100_000])] = 100_000


class BacklogSettings(Settings, frozen=True):
    """`backlog = { ... }`: what a destination that is behind may cost."""

    max_bytes: Annotated[Size, Meta(description="Bytes of undelivered events kept for this destination.")] = Size(
        "8GiB"
    )
    max_age: Annotated[Duration, Meta(description="How old an undelivered event may get.")] = Duration("72h")
    when_full: Annotated[
        Literal["block", "expire"], Meta(description="At the limit: stop the ingress, or let the oldest go, counted.")
    ] = "block"
