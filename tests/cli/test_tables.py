"""The tables can be read on a terminal of 80 columns."""

from __future__ import annotations

from io import StringIO

from doorstep.engine.cli.tables import destinations_table
from doorstep.engine.telemetry import DestinationStatistics, Latency, Statistics
from rich.console import Console


def _shown(name: str, delivered: int, others: int) -> list[str]:
    one = DestinationStatistics(
        state="closed",
        offered=delivered,
        delivered=delivered,
        filtered={"trigger": others},
        dead_lettered=others,
        parked=0,
        pending=others,
        dropped=others,
        attempts=delivered,
        retried=others,
        latency_ms=Latency(p50=1234.0, p99=13000.0),
    )
    statistics = Statistics(received=1, accepted=1, duplicates=0, rejected={}, duration_s=1.0, destinations={name: one})
    screen = StringIO()
    Console(file=screen, width=80).print(destinations_table(statistics))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_a_row_of_many_events_fits_80_columns():
    assert _shown("crm", 99_999_999, 999_999) == [
        "destination state    delivered filtered given-up dropped pending retried p99 ms",
        "crm         working 99,999,999  999,999  999,999 999,999 999,999 999,999 13,000",
    ]


def test_a_long_name_goes_on_in_the_next_line_and_no_number_is_cut():
    assert _shown("salesforce-marketing-cloud-eu", 1_234_567, 12) == [
        "destination   state   delivered filtered given-up dropped pending retried p99 ms",
        "salesforce-ma working 1,234,567       12       12      12      12      12 13,000",
        "rketing-cloud",
        "-eu",
    ]
