"""One attempt: form the request, send it, read the verdict. Never raises for a delivery failure; any other error is the actor's crash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from math import inf
from typing import Any, Protocol, TypeAlias, cast

import anyio
import msgspec

from ..clock import Clock
from ..errors import DestinationError, EventNotSupported, Fault, RetryError, TransportError
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.exchange import Request, Response
from ..model.outcome import Failure, Filtered, Judgement, Outcome, Reported, Verdict
from ..net.transport import Transport
from ..sdk.actions import ActionDestination, Item
from ..sdk.destination import Destination, RequestDestination, Sink
from ..telemetry import Attempts
from ..text import storable
from .authority import Tokens
from .plan import OpenTransport, Plan

_log = logging.getLogger("doorstep.delivery")

NOT_SUPPORTED = Filtered("not_supported")


class Split(msgspec.Struct, frozen=True):
    """Nothing was sent: the batch needs several requests. Each part is to be sent on its own."""

    parts: list[Batch]


class Sorted(msgspec.Struct, frozen=True):
    """Nothing was sent: now that the events are what functions made of them, it is known which actions want them."""

    ways: dict[int, tuple[str, ...]]
    """Names of actions, at least one, by number of the event."""
    prepared: dict[int, Envelope]
    """The events as functions made them, by number."""


class Partial(msgspec.Struct, frozen=True):
    """Some events came to an end before anything was sent; `rest` is what became of the others, in their order, if there were any."""

    outcomes: dict[int, Outcome]
    """By position in the batch."""
    rest: Verdict | Split | Sorted | None


Attempted: TypeAlias = Verdict | Split | Sorted | Partial


class Sender(Protocol):
    """What an actor sends through."""

    async def open(self) -> None: ...
    async def attempt(self, batch: Batch) -> Attempted: ...
    async def close(self) -> None: ...


def sender_for(
    plan: Plan, open_transport: OpenTransport, clock: Clock, attempts: Attempts, tokens: Tokens | None = None
) -> Sender:
    """The sender for the plan's kind of destination. `attempts` sees what it sends."""
    destination: Destination[Any] = plan.destination
    if isinstance(destination, ActionDestination):
        return ActionSender(destination, plan, open_transport, clock, attempts, tokens)
    if isinstance(destination, RequestDestination):
        return RequestSender(destination, plan, open_transport, clock, attempts, tokens)
    if isinstance(destination, Sink):
        return SinkSender(destination, plan.timeout_s)
    raise TypeError(f"{type(destination).__name__} is neither a RequestDestination nor a Sink")


class _HttpSender:
    """What both kinds of destinations behind HTTP have in common: connections of their own, and how one request goes out."""

    _transport: Transport

    def __init__(
        self,
        destination: RequestDestination[Any] | ActionDestination[Any],
        plan: Plan,
        open_transport: OpenTransport,
        clock: Clock,
        attempts: Attempts,
        tokens: Tokens | None,
    ) -> None:
        self._sign = destination.sign
        self._open_transport = partial(open_transport, plan)
        self._timeout_s = plan.timeout_s
        self._clock = clock
        self._attempts = attempts
        self._tokens = tokens

    async def open(self) -> None:
        """Reads certificates and the like; connections are made when they are needed."""
        self._transport = await self._open_transport()

    async def close(self) -> None:
        """Closes the connections."""
        if hasattr(self, "_transport"):
            await self._transport.aclose()

    async def _answer(self, request: Request, batch: Batch) -> Response | Failure:
        """To a request (a second one if it was its token that was refused), or why there is none."""
        try:
            if self._tokens is None:
                return await self._send(request, batch)
            authority = self._tokens.authority
            return await self._tokens.exchange(
                send=lambda token: self._send(authority.authorize(request, token), batch),
                fetch=lambda asked: self._transport.send(asked, self._timeout_s),
            )
        except TransportError as error:
            return Failure(error.fault, error.code, detail=str(error))

    async def _send(self, request: Request, batch: Batch) -> Response:
        signed = self._sign(request, batch, self._clock.utc())
        exchange = self._attempts.sent(batch, signed)
        response = await self._transport.send(signed, self._timeout_s)
        exchange.answered(response)
        return response

    def _judged(self, batch: Batch, guarded: bool, judgement: Judgement) -> Verdict:
        """Where the event named the host, what that answers must hold up nobody else's."""
        verdict = judgement
        if isinstance(verdict, Reported):
            self._attempts.reported(batch, verdict)
            verdict = verdict.verdict
        if guarded and isinstance(verdict, Failure) and verdict.fault is Fault.CONFIGURATION:
            return msgspec.structs.replace(verdict, fault=Fault.EVENT)
        return verdict


class RequestSender(_HttpSender):
    """Sends the requests that a destination builds."""

    def __init__(
        self,
        destination: RequestDestination[Any],
        plan: Plan,
        open_transport: OpenTransport,
        clock: Clock,
        attempts: Attempts,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(destination, plan, open_transport, clock, attempts, tokens)
        self._destination = destination

    async def attempt(self, batch: Batch) -> Attempted:
        """One request, or the reason why there was none."""
        formed = self._form(batch)
        if not isinstance(formed, Request):
            return formed
        response = await self._answer(formed, batch)
        if isinstance(response, Failure):
            return response
        return self._judged(batch, formed.guarded, self._destination.verdict(response, batch))

    def _form(self, batch: Batch) -> Request | Attempted:
        try:
            formed = list(self._destination.requests(batch))
        except EventNotSupported:
            return _not_supported(batch)
        except DestinationError as error:
            return failure_of(error, sent=False)
        except Exception as error:
            return _unencodable(error, len(batch))
        if len(formed) == 1 and formed[0][1] is batch:
            return formed[0][0]
        parts = [part for _, part in formed]
        taken = {envelope.number for part in parts for envelope in part.envelopes}
        left_out = [position for position, envelope in enumerate(batch.envelopes) if envelope.number not in taken]
        if len(parts) == 1 and not left_out:
            return formed[0][0]
        if not left_out:
            return Split(parts)
        return Partial(dict.fromkeys(left_out, NOT_SUPPORTED), Split(parts) if parts else None)


class ActionSender(_HttpSender):
    """Sends what the actions of a destination make of events: mapped at each attempt, by the mapping of that moment."""

    def __init__(
        self,
        destination: ActionDestination[Any],
        plan: Plan,
        open_transport: OpenTransport,
        clock: Clock,
        attempts: Attempts,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(destination, plan, open_transport, clock, attempts, tokens)
        self._destination = destination

    async def attempt(self, batch: Batch) -> Attempted:
        """One exchange, most often one request; events that cannot be mapped come to their end before it."""
        formed = self._destination.form(batch)
        parts = formed.parts()
        rest: Verdict | Split | None = None
        if len(parts) == 1:
            rest = await self._exchange(batch, parts[0])
        elif parts:
            rest = Split([batch.take([item.position for item in part]) for part in parts])
        return Partial(formed.outcomes, rest) if formed.outcomes else rest or Split([])

    async def _exchange(self, batch: Batch, items: Sequence[Item]) -> Verdict:
        exchange = self._destination.exchange(batch, items)
        response: Response | None = None
        guarded = False
        while True:
            try:
                request = next(exchange) if response is None else exchange.send(response)
            except StopIteration as end:
                return self._judged(batch, guarded, cast(Judgement, end.value))
            except DestinationError as error:
                return failure_of(error, sent=response is not None)
            except Exception as error:
                if response is not None:
                    raise
                return _unencodable(error, len(items))
            guarded |= request.guarded
            answer = await self._answer(request, batch)
            if isinstance(answer, Failure):
                return answer
            response = answer


class SinkSender:
    """Writes to a destination that does its own I/O."""

    def __init__(self, sink: Sink[Any], timeout_s: float) -> None:
        self._sink = sink
        self._timeout_s = inf if sink.keeps_time else timeout_s

    async def open(self) -> None:
        """May raise: the supervisor tries again."""
        await self._sink.open()

    async def attempt(self, batch: Batch) -> Attempted:
        """One write."""
        try:
            with anyio.fail_after(self._timeout_s):
                return await self._sink.write(batch)
        except EventNotSupported:
            return _not_supported(batch)
        except DestinationError as error:
            return failure_of(error, sent=True)
        except TimeoutError:
            return Failure(Fault.TRANSIENT, "timeout")
        except OSError as error:
            return Failure(Fault.TRANSIENT, "io_error", detail=str(error))

    async def close(self) -> None:
        """Closes the sink."""
        await self._sink.close()


def _not_supported(batch: Batch) -> Attempted:
    if len(batch) == 1:
        return Partial({0: NOT_SUPPORTED}, None)
    return Failure(Fault.EVENT, "not_supported", sent=False)


def _unencodable(error: Exception, events: int) -> Failure:
    _log.error("a destination could not encode a batch", extra={"facts": {"events": events}}, exc_info=error)
    return Failure(Fault.EVENT, "encoding_error", sent=False, detail=type(error).__name__)


def failure_of(error: DestinationError, *, sent: bool) -> Failure:
    """What an error of a destination's or function's code means for the batch in its hands."""
    after = error.after if isinstance(error, RetryError) else None
    return Failure(error.fault, storable(error.code), after=after, sent=sent, detail=storable(str(error)))
