"""One attempt: form the request, send it, read the verdict. Never raises for a delivery failure; any other error is the actor's crash."""

from __future__ import annotations

import logging
from functools import partial
from math import inf
from typing import Any, Protocol

import anyio
import msgspec

from ..clock import Clock
from ..errors import DestinationError, EventNotSupported, Fault, RetryError, TransportError
from ..model.batch import Batch
from ..model.exchange import Request
from ..model.outcome import Failure, Verdict
from ..net.transport import Transport
from ..sdk.destination import Destination, RequestDestination, Sink
from .plan import OpenTransport, Plan

_log = logging.getLogger("doorstep.delivery")


class Split(msgspec.Struct, frozen=True):
    """Nothing was sent: the batch needs several requests. Each part is to be sent on its own, what is left out is not for here."""

    parts: list[Batch]
    left_out: list[int]
    """Positions in the batch."""


class Sender(Protocol):
    """What an actor sends through."""

    async def open(self) -> None: ...
    async def attempt(self, batch: Batch) -> Verdict | Split: ...
    async def close(self) -> None: ...


def sender_for(plan: Plan, open_transport: OpenTransport, clock: Clock) -> Sender:
    """The sender for the plan's kind of destination."""
    destination: Destination[Any] = plan.destination
    if isinstance(destination, RequestDestination):
        return RequestSender(destination, plan, open_transport, clock)
    if isinstance(destination, Sink):
        return SinkSender(destination, plan.timeout_s)
    raise TypeError(f"{type(destination).__name__} is neither a RequestDestination nor a Sink")


class RequestSender:
    """Sends the requests that a destination builds."""

    _transport: Transport

    def __init__(
        self, destination: RequestDestination[Any], plan: Plan, open_transport: OpenTransport, clock: Clock
    ) -> None:
        self._destination = destination
        self._open_transport = partial(open_transport, plan)
        self._timeout_s = plan.timeout_s
        self._clock = clock

    async def open(self) -> None:
        """Reads certificates and the like; connections are made when they are needed."""
        self._transport = await self._open_transport()

    async def attempt(self, batch: Batch) -> Verdict | Split:
        """One request, or the reason why there was none."""
        formed = self._form(batch)
        if not isinstance(formed, Request):
            return formed
        try:
            request = self._destination.sign(formed, batch, self._clock.utc())
            response = await self._transport.send(request, self._timeout_s)
        except TransportError as error:
            return Failure(error.fault, error.code, detail=str(error))
        verdict = self._destination.verdict(response, batch)
        if request.guarded and isinstance(verdict, Failure) and verdict.fault is Fault.CONFIGURATION:
            # The event named this host: what it answers must hold up nobody else's.
            return msgspec.structs.replace(verdict, fault=Fault.EVENT)
        return verdict

    async def close(self) -> None:
        """Closes the connections."""
        if hasattr(self, "_transport"):
            await self._transport.aclose()

    def _form(self, batch: Batch) -> Request | Split | Verdict:
        try:
            formed = list(self._destination.requests(batch))
        except EventNotSupported:
            return _not_supported(batch)
        except DestinationError as error:
            return _failure_of(error, sent=False)
        except Exception as error:
            _log.exception("a destination could not encode a batch", extra={"facts": {"events": len(batch)}})
            return Failure(Fault.EVENT, "encoding_error", sent=False, detail=type(error).__name__)
        if len(formed) == 1 and formed[0][1] is batch:
            return formed[0][0]
        parts = [part for _, part in formed]
        taken = {envelope.number for part in parts for envelope in part.envelopes}
        left_out = [position for position, envelope in enumerate(batch.envelopes) if envelope.number not in taken]
        if len(parts) == 1 and not left_out:
            return formed[0][0]
        return Split(parts, left_out)


class SinkSender:
    """Writes to a destination that does its own I/O."""

    def __init__(self, sink: Sink[Any], timeout_s: float) -> None:
        self._sink = sink
        self._timeout_s = inf if sink.keeps_time else timeout_s

    async def open(self) -> None:
        """May raise: the supervisor tries again."""
        await self._sink.open()

    async def attempt(self, batch: Batch) -> Verdict | Split:
        """One write."""
        try:
            with anyio.fail_after(self._timeout_s):
                return await self._sink.write(batch)
        except EventNotSupported:
            return _not_supported(batch)
        except DestinationError as error:
            return _failure_of(error, sent=True)
        except TimeoutError:
            return Failure(Fault.TRANSIENT, "timeout")
        except OSError as error:
            return Failure(Fault.TRANSIENT, "io_error", detail=str(error))

    async def close(self) -> None:
        """Closes the sink."""
        await self._sink.close()


def _not_supported(batch: Batch) -> Verdict | Split:
    if len(batch) == 1:
        return Split([], [0])
    return Failure(Fault.EVENT, "not_supported", sent=False)


def _failure_of(error: DestinationError, *, sent: bool) -> Failure:
    after = error.after if isinstance(error, RetryError) else None
    return Failure(error.fault, error.code, after=after, sent=sent, detail=str(error))
