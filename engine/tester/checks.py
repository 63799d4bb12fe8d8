"""Why an event would be offered to a destination or not, asked in the order in which routing asks, each with what decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..errors import FqlError
from ..model.envelope import Envelope
from ..model.event import ABSENT
from ..privacy.consent import allows, granted
from ..routing import Route, RoutingTable, compile_fql
from .report import Check

_LONGEST = 60


def checks_of(route: Route, envelope: Envelope, event: dict[str, Any]) -> list[Check]:
    """Those that apply to the destination. The first that did not pass is the reason why the event is filtered."""
    return [check for check in _all(route, envelope, event) if check is not None]


def _all(route: Route, envelope: Envelope, event: dict[str, Any]) -> Iterator[Check | None]:
    yield _sources(route, envelope)
    if not route.enabled:
        yield Check(name="enabled", passed=False, detail="enabled = false")
    yield _consent(route, envelope)
    yield _integrations(route, envelope, event)
    if route.trigger is not None:
        found = route.trigger.explain(event)
        detail = found.clause if found.matched else failed_clause(found.clause, event)
        yield Check(name="trigger", passed=found.matched, detail=detail)
    if route.sample < 1:
        alone = RoutingTable([Route(name=route.name, integration=route.integration, sample=route.sample)])
        outside = alone.judge(route.name, _without_integrations(envelope)) == "sampling"
        yield Check(name="sampling", passed=not outside, detail=f"sample = {route.sample:g}, by the event's messageId")


def failed_clause(clause: str, event: Mapping[str, Any]) -> str:
    """The clause that decided, and what the event has there: `type = "track"; here type is "page"`."""
    try:
        paths = compile_fql(clause).paths
    except FqlError:  # a part that does not stand alone
        return clause
    found = [f"{'.'.join(path)} is {_shown(_at(event, path))}" for path in sorted(paths)]
    return f"{clause}; here {', '.join(found)}" if found else clause


def _at(event: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if isinstance(event, dict):
            event = event.get(key)
        elif isinstance(event, list) and key.isdigit() and int(key) < len(event):
            event = event[int(key)]
        else:
            return None
    return event


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return "missing" if value is None else text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _sources(route: Route, envelope: Envelope) -> Check | None:
    if route.sources is None:
        return None
    source, names = envelope.receipt.source, ", ".join(sorted(route.sources))
    return Check(name="sources", passed=source in route.sources, detail=f"from {source}; it takes {names}")


def _consent(route: Route, envelope: Envelope) -> Check | None:
    if not route.consent:
        return None
    said = granted(envelope.event)
    if said is None:
        return Check(name="consent", passed=True, detail="the event says nothing of consent")
    missing = ", ".join(sorted(route.consent - said))
    detail = f"not granted: {missing}" if missing else f"granted: {', '.join(sorted(route.consent))}"
    return Check(name="consent", passed=allows(said, route.consent), detail=detail)


def _integrations(route: Route, envelope: Envelope, event: Mapping[str, Any]) -> Check:
    said = event.get("integrations")
    if not isinstance(said, dict):
        return Check(name="integrations", passed=True, detail="the event says nothing")
    for name in (route.name, route.integration, "All"):
        if said.get(name) is not None:
            shown = msgspec.json.encode(said[name]).decode()
            return Check(name="integrations", passed=said[name] is not False, detail=f'"{name}": {shown[:80]}')
    return Check(name="integrations", passed=True, detail=f"neither {route.integration} nor All is in it")


def _without_integrations(envelope: Envelope) -> Envelope:
    return msgspec.structs.replace(envelope, event=msgspec.structs.replace(envelope.event, integrations=ABSENT))
