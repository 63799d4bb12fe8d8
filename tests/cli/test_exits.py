"""The exit code says what is to be done next."""

from __future__ import annotations

from typing import Any

import pytest
from doorstep.engine.cli.exits import exit_code
from doorstep.engine.telemetry import DestinationStatistics, Latency, Statistics


def _statistics(rejected: dict[str, int] | None = None, **counts: Any) -> Statistics:
    numbers: dict[str, Any] = dict.fromkeys(
        ("offered", "delivered", "dead_lettered", "parked", "pending", "dropped", "attempts", "retried"), 0
    )
    one = DestinationStatistics(**{"state": "closed", "filtered": {}, "latency_ms": Latency(), **numbers, **counts})
    destinations = {
        "other": DestinationStatistics(**{"state": "closed", "filtered": {}, "latency_ms": Latency(), **numbers}),
        "one": one,
    }
    return Statistics(
        received=9, accepted=9, duplicates=0, rejected=rejected or {}, duration_s=1.0, destinations=destinations
    )


@pytest.mark.parametrize(
    ("statistics", "code"),
    [
        (_statistics(delivered=9), 0),
        (_statistics(filtered={"trigger": 9}), 0),
        (_statistics(rejected={"not_json": 1}), 3),
        (_statistics(dead_lettered=1), 3),
        (_statistics(dropped=1), 3),
        (_statistics(expired=1), 3),
        (_statistics(pending=1), 75),
        (_statistics(parked=1), 75),
        (_statistics(rejected={"not_json": 1}, pending=1, dropped=1), 75),
    ],
)
def test_an_exit_code_follows_from_the_numbers(statistics, code):
    assert exit_code(statistics) == code
