"""Two versions of one action, each run on the same events: where they differ. Pure but for the clock of the receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ..admin.bench import DryRunReport, EventChange, FieldChange
from ..catalogue import Catalogue
from ..config.settings import Config
from ..errors import DestinationError
from ..journal.desk import StoredEvent
from ..model.decode import LineDecoder
from ..model.envelope import Envelope, Receipt
from ..planning import Planner
from ..routing import RoutingTable
from ..sdk.actions import Event, Use

EXAMPLES = 20


class Made(msgspec.Struct, frozen=True):
    """What an action makes of an event."""

    wanted: bool = False
    fields: dict[str, Any] = {}
    problem: str = ""


def compared(
    config: Config, catalogue: Catalogue, before: Use | None, after: Use, events: Sequence[StoredEvent]
) -> DryRunReport:
    """`config` has one destination; only events that it gets are looked at. `before`: None for an action that is not in use yet."""
    looked_at, pairs = 0, []
    for envelope, event in _offered(config, catalogue, events):
        looked_at += 1
        pairs.append((envelope, _made(before, event), _made(after, event)))
    changes = [change for one in pairs if (change := _change(*one)) is not None]
    return DryRunReport(
        looked_at=looked_at,
        wanted_before=sum(one.wanted for _, one, _ in pairs),
        wanted_after=sum(one.wanted for _, _, one in pairs),
        refused_before=sum(bool(one.problem) for _, one, _ in pairs),
        refused_after=sum(bool(one.problem) for _, _, one in pairs),
        changed=len(changes),
        fields=dict(Counter(field.name for change in changes for field in change.fields).most_common()),
        examples=changes[:EXAMPLES],
    )


def _offered(config: Config, catalogue: Catalogue, events: Sequence[StoredEvent]) -> Iterator[tuple[Envelope, Event]]:
    """Events as the destination sees them, its actions' triggers not asked yet."""
    [plan] = Planner(catalogue).plans(config)
    table = RoutingTable([msgspec.structs.replace(plan.record, actions=None).route(plan.name)])
    decoder = LineDecoder(config.engine.spec, 2**31)
    clean = plan.preparation.without_fields or (lambda line: line)
    for stored in events:
        judged = decoder.judge(stored.line)
        if isinstance(judged, tuple):
            continue
        receipt = Receipt(stored.source, stored.received, 0.0, "dry run")
        envelope = Envelope(stored.number, stored.line, judged, receipt)
        if table.judge(plan.name, envelope) is None:
            yield envelope, msgspec.json.decode(clean(stored.line))


def _made(use: Use | None, event: Event) -> Made:
    if use is None or not use.matches(event):
        return Made()
    try:
        return Made(True, use.fields(event))
    except DestinationError as error:
        return Made(True, {}, str(error))


def _change(envelope: Envelope, before: Made, after: Made) -> EventChange | None:
    if before == after:
        return None
    names = dict.fromkeys([*before.fields, *after.fields])
    fields = [(name, before.fields.get(name), after.fields.get(name)) for name in names]
    return EventChange(
        number=envelope.number,
        message_id=envelope.event.messageId,
        wanted="as before" if before.wanted == after.wanted else "now" if after.wanted else "no more",
        fields=[FieldChange(name, old, new) for name, old, new in fields if old != new],
        problem_before=before.problem,
        problem_after=after.problem,
    )
