"""The event tester: what would become of one event at each destination, and why, before anything is sent.

    event -> checks (sources, enabled, consent, integrations, trigger, sampling) -> fields taken out, insert functions
          -> for each action: its trigger, its mapped fields, the exact requests -> [ sent, if asked for ] -> outcome

`EventTester(config).test(event)` is what `doorstep test` prints, and what users' own tests call. It goes the way of the engine: the same
plans, the same routing, mapping and functions; only the log, the batch window and the policies are not there. Secrets never
show in what it returns.

Functions run, with the event at hand; what they send with `ctx.fetch` goes nowhere and is answered with an empty object.

`report` what comes out · `checks` why an event would (not) be offered · `trying` one destination, from event to outcome ·
`sending` its requests · `calling` functions · `masking` secrets made unreadable · `workbench`, `drying`, `showing` the same, and edited
mappings, for the admin API of a running engine.
"""

from __future__ import annotations

from .report import ActionReport, Check, DestinationReport, FieldReport, FunctionReport, RequestReport, ResponseReport
from .trying import EventTester

__all__ = [
    "ActionReport",
    "Check",
    "DestinationReport",
    "EventTester",
    "FieldReport",
    "FunctionReport",
    "RequestReport",
    "ResponseReport",
]
