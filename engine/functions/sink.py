"""A function as a destination: `type = "function"`. To the engine it is a sink like any other."""

from __future__ import annotations

from functools import partial

import msgspec

from ..errors import Fault
from ..model.batch import Batch
from ..model.outcome import (
    DELIVERED,
    UNTRIED,
    Delivered,
    Failure,
    Filtered,
    Outcome,
    Raised,
    Rejected,
    Retry,
    Verdict,
)
from ..net import NetSettings, open_transport
from ..sdk.destination import Limits, Sink
from .calling import Answer, Caller
from .fetching import MAX_RESPONSE_BYTES, OpenTransport
from .finishing import DestinationFinish
from .function import FunctionSettings
from .runtime import CALLS, LIMIT_S, Bounds, Runtime


class FunctionSink(Sink[FunctionSettings]):
    """Handles events by calling a user's code, `calls` at a time.

    With one call at a time events are handled strictly in order. A write that comes to nothing because what the function talks to is
    down fails as a whole, as a request would: the destination's breaker then counts it, and no event is blamed.
    """

    label = "Function"
    description = "Runs a Python file of yours for each event, or for each batch."
    Settings = FunctionSettings
    limits = Limits(
        max_events=100, max_bytes=512 * 1024, max_wait_s=0.1, in_flight=CALLS, timeout_s=LIMIT_S, are_fixed=False
    )
    keeps_time = True

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        name: str = "function",
        bounds: Bounds | None = None,
        open_transport: OpenTransport | None = None,
    ) -> None:
        super().__init__(settings)
        caller = Caller(name, settings, DestinationFinish())
        self._runtime = Runtime(caller, bounds or Bounds(), open_transport or way_out(NetSettings()))

    @classmethod
    def tuned(cls, settings: FunctionSettings) -> Limits:
        """`on_batch` gets what Segment's does: 20 events, or what has come in 10 s."""
        if settings.function.on_batch is None:
            return cls.limits
        return Limits(max_events=20, max_wait_s=10.0, in_flight=CALLS, timeout_s=LIMIT_S, are_fixed=False)

    async def open(self) -> None:
        """The thread starts with the first batch."""
        self._runtime.open()

    async def write(self, batch: Batch) -> Verdict:
        """Calls the handlers."""
        return _verdict(await self._runtime.run(batch.envelopes))

    async def close(self) -> None:
        """Ends the thread."""
        await self._runtime.close()

    def __repr__(self) -> str:
        return f"<FunctionSink {self._runtime!r}>"


def way_out(net: NetSettings) -> OpenTransport:
    """How `ctx.fetch` reaches the network."""
    return partial(open_transport, msgspec.structs.replace(net, max_response_bytes=MAX_RESPONSE_BYTES))


def _verdict(answer: Answer) -> Verdict:
    if isinstance(answer, Failure):
        return answer
    if answer.count(DELIVERED) == len(answer):
        return DELIVERED
    outcomes: list[Outcome] = [outcome for outcome in answer if not isinstance(outcome, bytes)]
    again = [outcome for outcome in outcomes if isinstance(outcome, Retry)]
    if not again or any(isinstance(outcome, Delivered | Raised) for outcome in outcomes):
        return outcomes
    if any(isinstance(outcome, Filtered | Rejected) for outcome in outcomes):
        # These are done with; the others come again as a batch of their own, which then fails as a whole.
        return [UNTRIED if isinstance(outcome, Retry) else outcome for outcome in outcomes]
    after = max((one.after for one in again if one.after is not None), default=None)
    return Failure(Fault.TRANSIENT, again[0].reason, after=after, detail=again[0].detail)
