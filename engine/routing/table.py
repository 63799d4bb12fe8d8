"""Who gets an event: for each destination a list of checks, asked in this order, the first refusal counted with its reason.

    sources -> enabled -> consent -> integrations -> trigger -> actions -> sampling

Asked of a whole chunk at once. A check looks at a *column*: one value per event, made once per chunk for all destinations. Most
columns hold few different values (the `integrations` objects, the pairs of type and event), so a check asks those, and a chunk
that nobody objects to costs a destination nothing per event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from ..model.envelope import Chunk, Envelope
from ..privacy.consent import allows
from .columns import Column, Columns, H, Kind, Remembered
from .integrations import Choices, choices, entry_for
from .predicate import Predicate
from .reader import UNDECODABLE, Reader

MAX_CHUNKS = 8
"""How many chunks' columns are kept: as many as the destinations are apart when all keep up."""

_KIND_PATHS = frozenset({("type",), ("event",)})

Reasons: TypeAlias = list[str | None]
"""Why not, per event in order; None for one that goes through."""
Check: TypeAlias = Callable[[Columns], Reasons | None]
"""One reason to refuse events; None means that it refuses none of the chunk."""


class Route(msgspec.Struct, frozen=True):
    """What decides which events a destination gets."""

    name: str
    """The user's name for it."""
    integration: str
    """Its name in the event's `integrations` object: set by the user, else its type's public label."""
    enabled: bool = True
    sources: frozenset[str] | None = None
    """Names of ingresses; None for all."""
    consent: frozenset[str] = frozenset()
    """Categories that must all be granted (`privacy.consent`); none: consent is no matter here."""
    trigger: Predicate | None = None
    actions: tuple[Predicate, ...] | None = None
    """The triggers of its actions: it gets what at least one of them wants. None for a destination that has none."""
    sample: float = 1.0
    """The share of events that it gets, 0 to 1. Destinations with the same share get the same events."""


class RoutingTable:
    """The routes of one plan. Not changed after it was made; what it remembers are answers that cannot change either."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._reader = Reader([path for route in routes for one in _triggers(route) for path in _paths_read(one)])
        self._choices: Remembered[bytes, Choices | None] = Remembered(choices)
        self._checks = {route.name: self._checks_of(route) for route in routes}
        self._recent: dict[int, Columns] = {}

    def scan(self, name: str, chunk: Chunk) -> Reasons | None:
        """For each event of `chunk` in order why the destination `name` does not get it; plain None if it gets them all.

        Reasons: "source", "disabled", "consent", "integrations", "trigger", "no_action", "sampling"; "undecodable" if what has to be
        read for the answer cannot be decoded, which is the event's fault. KeyError for a name that is not in the table.
        """
        return self._ask(name, self._columns(chunk))

    def judge(self, name: str, envelope: Envelope) -> str | None:
        """The same for one event: the reason, or None if it goes through."""
        chunk = Chunk(envelope.number, [envelope], len(envelope.line))
        reasons = self._ask(name, Columns(chunk, self._reader))
        return reasons[0] if reasons else None

    def _ask(self, name: str, columns: Columns) -> Reasons | None:
        reasons: Reasons | None = None
        for check in self._checks[name]:
            found = check(columns)
            if found is not None:
                reasons = (
                    found if reasons is None else [first or other for first, other in zip(reasons, found, strict=True)]
                )
                if None not in reasons:
                    break
        return reasons if reasons and any(reasons) else None

    def _columns(self, chunk: Chunk) -> Columns:
        """Those of this very chunk: another one may have the same number, after a piece was taken out of it.

        Kept for the other destinations, if there are any: old events that are kept for nobody cost a pass-through 5 %.
        """
        if len(self._checks) < 2:
            return Columns(chunk, self._reader)
        columns = self._recent.get(chunk.first)
        if columns is None or columns.chunk is not chunk:
            self._recent.pop(chunk.first, None)
            if len(self._recent) >= MAX_CHUNKS:
                del self._recent[next(iter(self._recent))]
            self._recent[chunk.first] = columns = Columns(chunk, self._reader)
        return columns

    def _checks_of(self, route: Route) -> list[Check]:
        """In the order in which they are asked; those that can refuse nothing are left out."""
        checks: list[Check] = []
        if route.sources is not None:
            checks.append(_source_check(route.sources))
        if not route.enabled:
            checks.append(lambda columns: ["disabled"] * len(columns.chunk.envelopes))
        if route.consent:
            checks.append(_consent_check(route.consent))
        checks.append(_integrations_check(route, self._choices))
        if route.trigger is not None:
            checks.append(_trigger_check(route.trigger, self._reader))
        if route.actions is not None:
            checks.append(_actions_check([_trigger_check(trigger, self._reader) for trigger in route.actions]))
        if route.sample < 1:
            checks.append(_sampling_check(route.sample))
        return checks


def _refuse(column: Column[H], refusals: Mapping[H, str]) -> Reasons | None:
    """`refusals` of the different values, spread over the events."""
    return [refusals.get(value) for value in column.values] if refusals else None


def _source_check(sources: frozenset[str]) -> Check:
    def check(columns: Columns) -> Reasons | None:
        return _refuse(columns.sources, dict.fromkeys(columns.sources.distinct - sources, "source"))

    return check


def _consent_check(categories: frozenset[str]) -> Check:
    def check(columns: Columns) -> Reasons | None:
        column = columns.granted
        return _refuse(column, {one: "consent" for one in column.distinct if not allows(one, categories)})

    return check


# The `integrations` object ------------------------------------------------------------------------------------------


def _integrations_check(route: Route, choices_of: Mapping[bytes, Choices | None]) -> Check:
    """Silence means yes."""

    def refusal(raw: bytes) -> str | None:
        said = choices_of[raw]
        if said is None:
            return "undecodable"
        return "integrations" if entry_for(said, route.name, route.integration) is False else None

    def check(columns: Columns) -> Reasons | None:
        refusals = {raw: reason for raw in columns.integrations_said if (reason := refusal(raw))}
        return [refusals.get(raw) for raw in columns.integrations] if refusals else None

    return check


# Triggers -----------------------------------------------------------------------------------------------------------


def _triggers(route: Route) -> list[Predicate]:
    return [*([route.trigger] if route.trigger else []), *(route.actions or ())]


def _paths_read(trigger: Predicate | None) -> frozenset[tuple[str, ...]]:
    """The paths for which lines must be decoded: none, if type and event decide."""
    return frozenset() if trigger is None or trigger.paths <= _KIND_PATHS else trigger.paths


def _trigger_check(trigger: Predicate, reader: Reader) -> Check:
    return _kind_check(trigger) if trigger.paths <= _KIND_PATHS else _view_check(trigger, reader)


def _kind_check(trigger: Predicate) -> Check:
    matches: Remembered[Kind | None, bool] = Remembered(
        lambda kind: kind is None or trigger(dict(zip(("type", "event"), kind, strict=True)))
    )
    alone = _Alone(trigger)

    def check(columns: Columns) -> Reasons | None:
        column = columns.kinds
        reasons = _refuse(column, {kind: "trigger" for kind in column.distinct if not matches[kind]})
        if None not in column.distinct:
            return reasons
        lines = [envelope.line for envelope in columns.chunk.envelopes]
        reasons = reasons or [None] * len(lines)
        return [
            alone.judge(line) if kind is None else reason
            for kind, reason, line in zip(column.values, reasons, lines, strict=True)
        ]

    return check


def _view_check(trigger: Predicate, reader: Reader) -> Check:
    matches, quickly = trigger.bind(reader.getter), trigger.bind(reader.quick_getter)
    alone = _Alone(trigger)

    def judged(views: list[Any]) -> Reasons:
        try:
            return [None if quickly(view) else "trigger" for view in views]
        except AttributeError:
            return [None if matches(view) else "trigger" for view in views]

    def check(columns: Columns) -> Reasons | None:
        views = columns.views
        if views.complete:
            reasons = judged(views.values)
        else:
            lines = [envelope.line for envelope in columns.chunk.envelopes]
            reasons = [
                alone.judge(line) if view is None else None if matches(view) else "trigger"
                for view, line in zip(views.values, lines, strict=True)
            ]
        return reasons if any(reasons) else None

    return check


class _Alone:
    """A trigger with a reader of its own, for an event that the table's reader cannot decode.

    What another destination's trigger reads must not decide about this one.
    """

    def __init__(self, trigger: Predicate) -> None:
        self._trigger = trigger
        self._reader: Reader | None = None

    def judge(self, line: bytes) -> str | None:
        if self._reader is None:
            self._reader = Reader(self._trigger.paths)
            self._matches = self._trigger.bind(self._reader.getter)
        try:
            return None if self._matches(self._reader.read(line)) else "trigger"
        except UNDECODABLE:
            return "undecodable"


def _actions_check(checks: Sequence[Check]) -> Check:
    """An event goes through if one action wants it. Undecodable is only what all of those stumble over that do not refuse it."""

    def check(columns: Columns) -> Reasons | None:
        reasons: Reasons = ["no_action"] * len(columns.chunk.envelopes)
        for one in checks:
            found = one(columns)
            if found is None:
                return None
            reasons = [_either(*pair) for pair in zip(reasons, found, strict=True)]
        return reasons if any(reasons) else None

    return check


def _either(before: str | None, reason: str | None) -> str | None:
    if before is None or reason is None:
        return None
    return "undecodable" if "undecodable" in (before, reason) else "no_action"


def _sampling_check(sample: float) -> Check:
    def check(columns: Columns) -> Reasons | None:
        return [None if share < sample else "sampling" for share in columns.shares]

    return check
