"""What a user may set about a destination's mailbox."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ..settings import Duration, Settings, Size

Overflow = Literal["block", "drop_newest"]


class BacklogSettings(Settings, frozen=True, kw_only=True):
    """`backlog = { ... }`: what a destination that is behind may cost in the journal."""

    max_bytes: Annotated[
        Size | None,
        Meta(
            description="Bytes of events that wait for it; absent: as far as max_journal_bytes goes.",
            examples=["8GiB"],
            extra={"ge": Size("1MiB")},
        ),
    ] = None
    max_age: Annotated[
        Duration | None,
        Meta(
            description="How long the oldest of them may have waited; absent: any time.",
            examples=["72h"],
            extra={"gt": Duration("0s")},
        ),
    ] = None
    when_full: Annotated[
        Literal["block", "expire"],
        Meta(
            description="At the limit: accept nothing more until it has caught up, or give up its oldest events, counted.",
            examples=["block"],
        ),
    ] = "block"

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self.max_bytes is not None or self.max_age is not None


class MailboxSettings(Settings, frozen=True):
    """`mailbox = { ... }`: how much of the log a destination holds ready in memory."""

    max_bytes: Annotated[Size, Meta(description="Bytes of events held ready; one chunk is always admitted.")] = Size(
        "4MiB"
    )
    max_events: Annotated[int, Meta(ge=1, description="Events held ready.", examples=[100_000])] = 100_000
