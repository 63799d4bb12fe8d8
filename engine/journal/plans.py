"""What decided who got an event, kept under the version of the plan, to be asked again long after the configuration has changed."""

from __future__ import annotations

import msgspec

from ..model.envelope import Envelope
from ..routing import Route, RoutingTable, compile_fql


class ActionRecord(msgspec.Struct, frozen=True):
    """An action in use."""

    trigger: str
    mapping: str
    """The version of its mapping."""


class PlanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The routing part of a plan. Holds nothing secret."""

    integration: str
    enabled: bool = True
    sources: tuple[str, ...] | None = None
    consent: tuple[str, ...] = ()
    trigger: str | None = None
    """FQL, as it was written."""
    sample: float = 1.0
    actions: dict[str, ActionRecord] | None = None
    """By name; None for a destination that has none."""
    sorts_late: bool = False
    """Whether functions change the events first: what the triggers of actions say of an event as it came in is then nothing."""

    def route(self, name: str) -> Route:
        """As routing wants it."""
        return Route(
            name=name,
            integration=self.integration,
            enabled=self.enabled,
            sources=None if self.sources is None else frozenset(self.sources),
            consent=frozenset(self.consent),
            trigger=compile_fql(self.trigger) if self.trigger else None,
            actions=None
            if self.actions is None or self.sorts_late
            else tuple(compile_fql(one.trigger) for one in self.actions.values()),
            sample=self.sample,
        )

    def why_not(self, name: str, envelope: Envelope) -> str | None:
        """Why the destination `name` did not get the event under this plan; None if it did."""
        return RoutingTable([self.route(name)]).judge(name, envelope)
