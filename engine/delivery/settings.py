"""What a user may set about a destination's mailbox."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ..settings import Settings, Size

Overflow = Literal["block", "drop_newest"]


class MailboxSettings(Settings, frozen=True):
    """`mailbox = { ... }`: how much of the log a destination holds ready in memory."""

    max_bytes: Annotated[Size, Meta(description="Bytes of events held ready; one chunk is always admitted.")] = Size(
        "4MiB"
    )
    max_events: Annotated[int, Meta(ge=1, description="Events held ready.", examples=[100_000])] = 100_000
