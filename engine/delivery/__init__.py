"""Delivery: one supervised actor per destination, between the log and the network.

    fleet.offer(chunk) -> mailbox -> cursor, routing -> window -> [ limiter -> breaker -> form -> send ] x in_flight -> settle

The fleet owns everything that must outlive a crash of an actor (`DestinationState`: mailbox, cursor, window, shelf, parked events, limiter,
breaker, blame). An actor holds nothing between batches, so restarting it loses nothing. Policies decide, the actor waits, the
state changes in single synchronous steps: `taking` brings events in, `choosing` says which go next, `settling` judges what became of
them, `ending` moves them on, all on what `state` keeps. Knows logs, transports and destinations only through their contracts.
"""

from .fleet import Fleet
from .plan import Plan
from .settings import BacklogSettings, MailboxSettings, Overflow

__all__ = ["BacklogSettings", "Fleet", "MailboxSettings", "Overflow", "Plan"]
