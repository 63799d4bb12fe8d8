"""Why an event would be offered to a destination or not, asked in the order in which routing asks, each with what decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..model.envelope import Envelope
from ..model.event import ABSENT
from ..privacy.consent import allows, granted
from ..routing import Route, RoutingTable
from .report import Check


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
        yield Check(name="trigger", passed=found.matched, detail=found.clause)
    if route.sample < 1:
        alone = RoutingTable([Route(name=route.name, integration=route.integration, sample=route.sample)])
        outside = alone.judge(route.name, _without_integrations(envelope)) == "sampling"
        yield Check(name="sampling", passed=not outside, detail=f"sample = {route.sample:g}, by the event's messageId")


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
