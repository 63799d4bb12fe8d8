"""One event at one destination, from the checks to the outcome: each part of what the engine does, one after the other, written down."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from ..catalogue import Catalogue
from ..config.settings import Config, DestinationSettings
from ..delivery import Plan
from ..errors import DestinationError, Fault, TransportError, ValidationError
from ..model.batch import Batch
from ..model.decode import LineDecoder
from ..model.envelope import Envelope, Receipt
from ..model.exchange import Request, Response
from ..model.outcome import Delivered, Failure, Filtered, Outcome, Rejected, Retry, Untried, Verdict
from ..net import NetSettings, Transport, open_transport
from ..planning import Planner
from ..sdk.actions import ActionDestination, Use
from ..sdk.destination import RequestDestination
from ..telemetry.masking import secrets_of
from .checks import checks_of
from .masking import Masking
from .report import ActionReport, Check, DestinationReport, FieldReport

OpenTransport: TypeAlias = Callable[[NetSettings], Awaitable[Transport]]
Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

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
_GOOD = (WOULD_BE_SENT, "delivered")


class EventTester:
    """Tests events against a configuration. Nothing is sent unless `send` says so; no journal is opened."""

    def __init__(
        self, config: Config, *, catalogue: Catalogue | None = None, open_transport: OpenTransport = open_transport
    ) -> None:
        self._config = config
        self._open_transport = open_transport
        planner = Planner(catalogue or Catalogue.discover())
        self._plans = {plan.name: plan for plan in planner.plans(config)}
        self._decoder = LineDecoder(config.engine.spec, config.engine.max_event_bytes)

    async def test(
        self,
        event: Mapping[str, Any] | bytes | str,
        *,
        destination: str | None = None,
        action: str | None = None,
        source: str | None = None,
        send: bool = False,
    ) -> list[DestinationReport]:
        """What would become of `event` at `destination` (default: at each, in the order of the configuration).

        `action`: only this one, whatever its trigger says. `source`: the ingress that it came in by (default: one that the
        destination takes). Raises ValueError for what is no event, LookupError for an unknown destination or action.
        """
        names = [destination] if destination is not None else list(self._plans)
        for name in names:
            if name not in self._plans:
                raise LookupError(f"there is no destination {name!r}; there are: {', '.join(self._plans)}")
        return [await self._test(self._plans[name], event, action, source, send) for name in names]

    async def _test(
        self, plan: Plan, event: Mapping[str, Any] | bytes | str, action: str | None, source: str | None, send: bool
    ) -> DestinationReport:
        settings = self._config.destinations[plan.name]
        envelope = self._envelope(event, source or _source(settings))
        checks = checks_of(plan.route, envelope, msgspec.json.decode(envelope.line))
        trial = _Trial(plan, settings, self._open_transport if send else None)
        try:
            return await trial.run(envelope, checks, action)
        finally:
            await trial.close()

    def _envelope(self, event: Mapping[str, Any] | bytes | str, source: str) -> Envelope:
        line = event.encode() if isinstance(event, str) else event
        line = line if isinstance(line, bytes) else msgspec.json.encode(line)
        found = self._decoder.judge(line)
        if isinstance(found, tuple):
            reason, detail = found
            raise ValueError(f"the event would be rejected on arrival: {reason} {detail}".rstrip())
        return Envelope(1, line, found, Receipt(source, time.time(), 0.0, "tester"))

    def __repr__(self) -> str:
        return f"<EventTester of {', '.join(self._plans)}>"


def _source(settings: DestinationSettings) -> str:
    return settings.sources[0] if settings.sources else "program"


class _Trial:
    """Of one event at one destination."""

    def __init__(self, plan: Plan, settings: DestinationSettings, open_transport: OpenTransport | None) -> None:
        self._plan = plan
        self._settings = settings
        self._open_transport = open_transport
        self._transport: Transport | None = None
        self._masking = Masking(secrets_of(settings.settings))

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    async def run(self, envelope: Envelope, checks: list[Check], action: str | None) -> DestinationReport:
        """All of it; what keeps the event away ends it, unless an action was asked for by name."""
        report = DestinationReport(destination=self._plan.name, type=self._settings.type, passed=False, checks=checks)
        against = next((check.name for check in checks if not check.passed), "")
        if against and action is None:
            return msgspec.structs.replace(report, filtered_by=against)
        prepared = await self._prepared(envelope)
        if not isinstance(prepared, Envelope):
            ended = self._ended("", "", prepared)
            return msgspec.structs.replace(
                report, filtered_by=ended.reason if ended.outcome == "filtered" else "", actions=[ended]
            )
        if prepared.line is not envelope.line:
            report = msgspec.structs.replace(report, event=msgspec.json.decode(prepared.line))
        actions = await self._actions(prepared, action)
        wanted = [one for one in actions if one.wanted]
        if not wanted:
            none = Check(name="actions", passed=False, detail="no action wants it")
            return msgspec.structs.replace(report, filtered_by="actions", checks=[*checks, none], actions=actions)
        return msgspec.structs.replace(
            report, actions=actions, passed=all(one.outcome in _GOOD or one.outcome == "filtered" for one in wanted)
        )

    async def _prepared(self, envelope: Envelope) -> Envelope | Outcome:
        """After what is done to it before the destination sees it."""
        does = self._plan.preparation
        if does.without_fields is not None:
            envelope = msgspec.structs.replace(envelope, line=does.without_fields(envelope.line))
        for inserter in does.inserters:
            await inserter.open()
            try:
                [made] = await inserter.transform(Batch([envelope]))
            finally:
                await inserter.close()
            if not isinstance(made, bytes):
                return made
            found = does.decoder.judge(made)
            if isinstance(found, tuple):
                return Rejected("invalid_after_function", f"{found[0]} {found[1]}".rstrip())
            envelope = msgspec.structs.replace(envelope, line=made, event=found)
        return envelope

    # What is sent ----------------------------------------------------------------------------------------------------

    async def _actions(self, envelope: Envelope, only: str | None) -> list[ActionReport]:
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
        return [
            ActionReport(name="", label="", wanted=True, outcome=WOULD_BE_SENT, detail="a sink: the event as it is")
        ]

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
            clause=found.clause,
        )
        if not report.wanted:
            return report
        report = msgspec.structs.replace(report, fields=_fields(use, event))
        batch = Batch([envelope], use.name)
        formed = destination.form(batch)
        if formed.outcomes:
            return self._with_outcome(report, formed.outcomes[0])
        exchange = destination.exchange(batch, formed.items)
        return await self._driven(report, exchange, lambda request: destination.sign(request, batch, time.time()))

    async def _driven(self, report: ActionReport, exchange: Any, sign: Callable[[Request], Request]) -> ActionReport:
        """Has the exchange make its requests: the first one, or all of them if they are really sent."""
        requests, responses = [], []
        try:
            request = sign(next(exchange))
            while True:
                requests.append(self._masking.request(request))
                if self._open_transport is None:
                    more = _asks_for_more(exchange)
                    return msgspec.structs.replace(report, requests=requests, more=more, outcome=WOULD_BE_SENT)
                response = await self._sent(request)
                responses.append(self._masking.response(response))
                request = sign(exchange.send(response))
        except StopIteration as end:
            verdict: Verdict = end.value
        except TransportError as error:
            verdict = Failure(error.fault, error.code, detail=str(error))
        except DestinationError as error:
            verdict = Failure(error.fault, error.code, detail=str(error))
        report = msgspec.structs.replace(report, requests=requests, responses=responses)
        return self._with_outcome(report, verdict[0] if isinstance(verdict, list) else verdict)

    async def _request(self, destination: RequestDestination[Any], envelope: Envelope) -> ActionReport:
        report = ActionReport(name="", label="", wanted=True)
        batch = Batch([envelope])
        try:
            made = [destination.sign(request, part, time.time()) for request, part in destination.requests(batch)]
        except Exception as error:  # whatever an author's code does is told as the event's trouble with it
            code = error.code if isinstance(error, DestinationError) else type(error).__name__
            return self._with_outcome(report, Rejected(code, str(error)))
        if not made:
            return self._with_outcome(report, Filtered("not_supported"))
        report = msgspec.structs.replace(report, requests=[self._masking.request(request) for request in made])
        if self._open_transport is None:
            return msgspec.structs.replace(report, outcome=WOULD_BE_SENT)
        try:
            response = await self._sent(made[0])
        except TransportError as error:
            return self._with_outcome(report, Failure(error.fault, error.code, detail=str(error)))
        report = msgspec.structs.replace(report, responses=[self._masking.response(response)])
        verdict = destination.verdict(response, batch)
        return self._with_outcome(report, verdict[0] if isinstance(verdict, list) else verdict)

    async def _sent(self, request: Request) -> Response:
        assert self._open_transport is not None
        if self._transport is None:
            self._transport = await self._open_transport(self._plan.net)
        return await self._transport.send(request, self._plan.timeout_s)

    # What it came to -------------------------------------------------------------------------------------------------

    def _ended(self, name: str, label: str, outcome: Outcome) -> ActionReport:
        return self._with_outcome(ActionReport(name=name, label=label, wanted=True), outcome)

    def _with_outcome(self, report: ActionReport, outcome: Outcome | Failure) -> ActionReport:
        if isinstance(outcome, Delivered):
            return msgspec.structs.replace(report, outcome="delivered")
        if isinstance(outcome, Untried):
            return msgspec.structs.replace(report, outcome="failed", detail="its turn did not come")
        word = _FAULTS[outcome.fault] if isinstance(outcome, Failure) else _OUTCOMES.get(type(outcome), "failed")
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
            problem=problems.get(name, "is required" if problems and field.required and name not in values else ""),
        )
        for name, field in use.action.fields.items()
        if name in use.mapping or name in problems or field.required
    ]


def _asks_for_more(exchange: Iterable[Request]) -> bool:
    """Whether an exchange goes on after a first answer; which answer that is, nobody knows."""
    try:
        exchange.send(Response(200, {}, b"{}"))  # type: ignore[attr-defined]
    except StopIteration:
        return False
    except DestinationError:
        return True
    return True
