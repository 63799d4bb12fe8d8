"""One event, prepared, at a destination: its fields, its requests, and, if they are really sent, the answers and what they mean."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from ..clock import Clock
from ..delivery import Plan
from ..delivery.authority import Tokens
from ..errors import DestinationError, Fault, TransportError, ValidationError
from ..mapping import Field
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.exchange import Request, Response
from ..model.outcome import Delivered, Failure, Filtered, Outcome, Rejected, Retry, Untried, Verdict
from ..net import NetSettings, Transport
from ..sdk.actions import ActionDestination, Use
from ..sdk.destination import RequestDestination
from ..sdk.oauth import Token
from ..sdk.verdict import judged
from .checks import failed_clause
from .masking import Masking
from .report import ActionReport, FieldReport

OpenTransport: TypeAlias = Callable[[NetSettings], Awaitable[Transport]]
Sign: TypeAlias = Callable[[Request], Request]

_OUTCOMES: dict[type, str] = {
    Delivered: "delivered",
    Filtered: "filtered",
    Rejected: "rejected",
    Retry: "tried again",
}
_FAULTS = {
    Fault.EVENT: "rejected",
    Fault.CONFIGURATION: "held",
    Fault.TRANSIENT: "tried again",
    Fault.FUNCTION: "failed",
}
WOULD_BE_SENT = "would be sent"
_BY_ITSELF = (
    "a sink writes by itself; --send leaves it alone, since it may name what it writes by the journal's numbers"
)


def word_for(outcome: Outcome | Failure) -> str:
    """What became of an event, in a word or two."""
    return _FAULTS[outcome.fault] if isinstance(outcome, Failure) else _OUTCOMES.get(type(outcome), "failed")


class Sending:
    """At one destination. Without `open_transport` nothing is sent."""

    def __init__(self, plan: Plan, masking: Masking, open_transport: OpenTransport | None) -> None:
        self._plan = plan
        self._masking = masking
        self._open_transport = open_transport
        self._transport: Transport | None = None
        authority = getattr(plan.destination, "authority", None)
        self._tokens = Tokens(authority, Clock()) if authority is not None else None

    async def close(self) -> None:
        """Closes the connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def actions(self, envelope: Envelope, only: str | None) -> list[ActionReport]:
        """What each action does with it, or the destination itself where it has none. Raises LookupError for an unknown action."""
        destination = self._plan.destination
        if isinstance(destination, ActionDestination):
            if only is not None and only not in destination.uses:
                raise LookupError(f"{self._plan.name} has no action {only!r}; it has: {', '.join(destination.uses)}")
            uses = [use for use in destination.uses.values() if only in (None, use.name)]
            return [await self._action(destination, use, envelope, asked=only is not None) for use in uses]
        if only is not None:
            raise LookupError(f"{self._plan.name} is of a type without actions")
        if isinstance(destination, RequestDestination):
            return [await self._request(destination, envelope)]
        return [ActionReport(name="", label="", wanted=True, outcome=WOULD_BE_SENT, detail=_BY_ITSELF)]

    async def _action(
        self, destination: ActionDestination[Any], use: Use, envelope: Envelope, *, asked: bool
    ) -> ActionReport:
        event = msgspec.json.decode(envelope.line)
        found = use.matches.explain(event)
        report = ActionReport(
            name=use.name,
            label=use.action.label,
            wanted=found.matched or asked,
            matches=found.matched,
            clause=found.clause if found.matched else failed_clause(found.clause, event),
        )
        if not report.wanted:
            return report
        report = msgspec.structs.replace(report, fields=_fields(use, event))
        batch = Batch([envelope], use.name)
        formed = destination.form(batch)
        if formed.outcomes:
            return self.with_outcome(report, formed.outcomes[0])
        exchange = destination.exchange(batch, formed.items)
        return await self._driven(report, exchange, self._sign(destination, batch))

    async def _driven(self, report: ActionReport, exchange: Any, sign: Sign) -> ActionReport:
        """Has the exchange make its requests: the first one, or all of them if they are really sent."""
        requests, responses = [], []
        try:
            request = next(exchange)
            while True:
                requests.append(self._masking.request(sign(request)))
                if self._open_transport is None:
                    more = _asks_for_more(exchange)
                    return msgspec.structs.replace(report, requests=requests, more=more, outcome=WOULD_BE_SENT)
                response = await self._sent(request, sign)
                if isinstance(response, Failure):
                    verdict: Verdict = response
                    break
                responses.append(self._masking.response(response))
                request = exchange.send(response)
        except StopIteration as end:
            verdict, _ = judged(end.value)
        except DestinationError as error:
            verdict = Failure(error.fault, error.code, detail=str(error))
        report = msgspec.structs.replace(report, requests=requests, responses=responses)
        return self.with_outcome(report, verdict[0] if isinstance(verdict, list) else verdict)

    async def _request(self, destination: RequestDestination[Any], envelope: Envelope) -> ActionReport:
        report = ActionReport(name="", label="", wanted=True)
        batch = Batch([envelope])
        try:
            made = [(request, self._sign(destination, part)) for request, part in destination.requests(batch)]
            shown = [self._masking.request(sign(request)) for request, sign in made]
        except Exception as error:  # whatever an author's code does is told as the event's trouble with it
            code = error.code if isinstance(error, DestinationError) else type(error).__name__
            return self.with_outcome(report, Rejected(code, str(error)))
        if not made:
            return self.with_outcome(report, Filtered("not_supported"))
        report = msgspec.structs.replace(report, requests=shown)
        if self._open_transport is None:
            return msgspec.structs.replace(report, outcome=WOULD_BE_SENT)
        response = await self._sent(*made[0])
        if isinstance(response, Failure):
            return self.with_outcome(report, response)
        report = msgspec.structs.replace(report, responses=[self._masking.response(response)])
        verdict, _ = judged(destination.verdict(response, batch))
        return self.with_outcome(report, verdict[0] if isinstance(verdict, list) else verdict)

    @staticmethod
    def _sign(destination: ActionDestination[Any] | RequestDestination[Any], batch: Batch) -> Sign:
        return lambda request: destination.sign(request, batch, time.time())

    async def _sent(self, request: Request, sign: Sign) -> Response | Failure:
        """The answer, after a token was got where one is needed; or why there is none."""
        assert self._open_transport is not None
        try:
            if self._transport is None:
                self._transport = await self._open_transport(self._plan.net)
            transport, timeout_s = self._transport, self._plan.timeout_s

            async def send(token: Token) -> Response:
                assert self._tokens is not None
                authorized = self._tokens.authority.authorize(request, token)
                self._masking.learn(request, authorized)
                return await transport.send(sign(authorized), timeout_s)

            if self._tokens is None:
                return await transport.send(sign(request), timeout_s)
            return await self._tokens.exchange(send, lambda asked: transport.send(asked, timeout_s))
        except TransportError as error:
            return Failure(error.fault, error.code, detail=str(error))

    def with_outcome(self, report: ActionReport, outcome: Outcome | Failure) -> ActionReport:
        """The report with what it came to."""
        if isinstance(outcome, Delivered):
            return msgspec.structs.replace(report, outcome="delivered")
        if isinstance(outcome, Untried):
            return msgspec.structs.replace(report, outcome="failed", detail="its turn did not come")
        word = word_for(outcome)
        detail = self._masking.text(getattr(outcome, "detail", ""))
        return msgspec.structs.replace(report, outcome=word, reason=getattr(outcome, "reason", ""), detail=detail)


def _fields(use: Use, event: dict[str, Any]) -> list[FieldReport]:
    """Each field of the action beside its mapping; what is wrong with one is at it."""
    problems: dict[str, str] = {}
    values: Mapping[str, Any] = {}
    try:
        values = mapped if isinstance(mapped := use.compiled(event), dict) else {}
        values = use.complete(values)
    except ValidationError as error:
        for problem in error.problems:
            problems.setdefault(problem.path.strip("/").split("/")[0], problem.message)
    except DestinationError:
        pass  # told as the outcome
    return [
        FieldReport(
            name=name,
            label=field.label,
            value=values.get(name),
            made_of=use.mapping.get(name),
            problem=problems.get(name, _lacking(field, name in use.mapping) if problems and name not in values else ""),
        )
        for name, field in use.action.fields.items()
        if name in use.mapping or name in problems or field.required
    ]


def _lacking(field: Field, is_mapped: bool) -> str:
    if field.required is not True:
        return ""
    return "is required, and its mapping gives nothing" if is_mapped else "is required, and has no mapping"


def _asks_for_more(exchange: Iterable[Request]) -> bool:
    """Whether an exchange goes on after a first answer; which answer that is, nobody knows."""
    try:
        exchange.send(Response(200, {}, b"{}"))  # type: ignore[attr-defined]
    except StopIteration:
        return False
    except DestinationError:
        return True
    return True
