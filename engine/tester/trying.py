"""One event at one destination, from the checks to the outcome: each part of what the engine does, one after the other, written down."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from ..catalogue import Catalogue
from ..config.settings import Config, DestinationSettings
from ..delivery import Plan
from ..functions import FunctionSettings
from ..functions.settings import inserts_before
from ..model.decode import LineDecoder
from ..model.envelope import Envelope, Receipt
from ..model.outcome import UNREADABLE
from ..net import open_transport
from ..planning import Planner
from ..routing import RoutingTable
from ..telemetry.masking import secrets_of
from .calling import WOULD_BE_DELIVERED, Calling
from .checks import checks_of
from .masking import Masking
from .report import ActionReport, Check, DestinationReport
from .sending import WOULD_BE_SENT, OpenTransport, Sending

_GOOD = (WOULD_BE_SENT, WOULD_BE_DELIVERED, "delivered", "filtered")
INVALID = "invalid_after_function"


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
        envelope = self._envelope(event, source or _source(self._config.destinations[plan.name]))
        trial = _Trial(plan, self._config, self._open_transport if send else None)
        try:
            if RoutingTable([plan.route]).judge(plan.name, envelope) == UNREADABLE.reason:
                return trial.undecodable()
            # What nobody reads may be `1e999`, which the standard library takes.
            return await trial.run(envelope, checks_of(plan.route, envelope, json.loads(envelope.line)), action)
        except msgspec.DecodeError as error:
            raise ValueError(f"what {plan.name} makes of the event cannot be shown: {error}") from None
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

    def __init__(self, plan: Plan, config: Config, open_transport: OpenTransport | None) -> None:
        self._plan = plan
        self._settings = config.destinations[plan.name]
        self._inserts = {name: config.functions[name] for name in inserts_before(config.functions, plan.name)}
        settings = [self._settings.settings, plan.net.proxy, *(one.settings for one in self._inserts.values())]
        self._masking = Masking(secrets_of(settings))
        self._calling = Calling(plan.net, self._masking, send=open_transport is not None)
        self._sending = Sending(plan, self._masking, open_transport)

    async def close(self) -> None:
        await self._sending.close()

    def undecodable(self) -> DestinationReport:
        """Of an event in which what routing reads cannot be decoded."""
        dead = ActionReport(
            name="", label="", wanted=True, outcome="rejected", reason=UNREADABLE.reason, detail=UNREADABLE.detail
        )
        return DestinationReport(destination=self._plan.name, type=self._settings.type, passed=False, actions=[dead])

    async def run(self, envelope: Envelope, checks: list[Check], action: str | None) -> DestinationReport:
        """All of it; what keeps the event away ends it, unless an action was asked for by name."""
        report = DestinationReport(destination=self._plan.name, type=self._settings.type, passed=False, checks=checks)
        against = next((check.name for check in checks if not check.passed), "")
        if against and action is None:
            return msgspec.structs.replace(report, filtered_by=against)
        report, prepared = await self._prepared(report, envelope)
        if prepared is None:
            return report
        if prepared.line != envelope.line and (seen := json.loads(prepared.line)) != json.loads(envelope.line):
            report = msgspec.structs.replace(report, event=seen)
        report = await self._delivered(report, prepared, action)
        wanted = [one for one in report.actions if one.wanted]
        if not wanted:
            none = Check(name="actions", passed=False, detail="no action wants it")
            return msgspec.structs.replace(report, filtered_by="actions", checks=[*checks, none])
        if all(one.outcome == "filtered" for one in wanted):
            return msgspec.structs.replace(report, filtered_by=wanted[0].reason)
        return msgspec.structs.replace(report, passed=all(one.outcome in _GOOD for one in wanted))

    async def _prepared(
        self, report: DestinationReport, envelope: Envelope
    ) -> tuple[DestinationReport, Envelope | None]:
        """After what is done to it before the destination sees it; None if nothing is left of it."""
        does = self._plan.preparation
        if does.without_fields is not None:
            envelope = msgspec.structs.replace(envelope, line=does.without_fields(envelope.line))
        for name, settings in self._inserts.items():
            told, line = await self._calling.insert(name, settings, envelope)
            found = does.decoder.judge(line) if line is not None else None
            if isinstance(found, tuple):
                detail = f"what it returned is no event: {found[0]} {found[1]}".rstrip()
                told = msgspec.structs.replace(told, outcome="rejected", reason=INVALID, detail=detail)
            report = msgspec.structs.replace(report, functions=[*report.functions, told])
            if line is None or found is None or isinstance(found, tuple):
                by = f"the function {name}" if told.outcome == "filtered" else ""
                return msgspec.structs.replace(report, filtered_by=by), None
            envelope = msgspec.structs.replace(envelope, line=line, event=found)
        return report, envelope

    async def _delivered(self, report: DestinationReport, envelope: Envelope, action: str | None) -> DestinationReport:
        settings = self._settings.settings
        if not isinstance(settings, FunctionSettings):
            return msgspec.structs.replace(report, actions=await self._sending.actions(envelope, action))
        if action is not None:
            raise LookupError(f"{self._plan.name} is a function, which has no actions")
        told, result = await self._calling.destination(self._plan.name, settings, self._settings.timeout, envelope)
        returned = json.loads(self._masking.text(json.dumps(result.returned, default=repr, ensure_ascii=False)))
        return msgspec.structs.replace(report, actions=[told], returned=returned, logs=self._calling.logs(result))
