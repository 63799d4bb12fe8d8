"""Counters and histogram: the contract's identities, and how far a quantile may be off."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from doorstep.engine.telemetry import Counters, Histogram, IntakeCounters, Latency, Statistics
from hypothesis import given
from hypothesis import strategies as st


def test_an_empty_histogram_knows_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Counters().statistics(state="closed").latency_ms == Latency(None, None)


def test_a_histogram_tells_the_upper_bound_of_the_bucket() -> None:
    counters = Counters()
    histogram = counters.latency_s
    histogram.record(0.010, 98)
    histogram.record(1.0, 2)
    assert histogram.count == 100
    assert histogram.quantile(0.5) == pytest.approx(0.01025390625)
    assert histogram.quantile(0.98) == pytest.approx(0.01025390625)
    assert histogram.quantile(0.99) == 1.0625
    assert counters.statistics(state="closed").latency_ms == Latency(10.25, 1062.5)


def test_nothing_and_less_count_as_the_smallest_there_is() -> None:
    histogram = Histogram()
    histogram.record(0.0)
    histogram.record(-1.0)
    assert histogram.count == 2
    assert histogram.quantile(1.0) == pytest.approx(0.0, abs=1e-18)


@given(
    st.lists(st.tuples(st.floats(1e-9, 1e9), st.integers(1, 100)), min_size=1, max_size=50),
    st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 0.875, 1.0]),
)
def test_a_quantile_is_at_most_a_sixteenth_above_the_true_one_and_never_below(
    values: list[tuple[float, int]], share: float
) -> None:
    histogram = Histogram()
    for value, count in values:
        histogram.record(value, count)
    ranked = sorted(value for value, count in values for _ in range(count))
    true = ranked[max(0, math.ceil(share * len(ranked)) - 1)]
    quantile = histogram.quantile(share)
    assert quantile is not None
    assert true < quantile <= true * (1 + 1 / 16) * (1 + 1e-9)


STEPS = st.tuples(
    st.sampled_from(["offer", "delivered", "filtered", "dead", "dropped", "attempt", "failed"]),
    st.integers(1, 9),
    st.sampled_from(["", "identify", "order"]),
)


@given(st.lists(STEPS))
def test_every_event_offered_is_in_one_final_count_or_pending_and_actions_add_up(
    steps: list[tuple[str, int, str]],
) -> None:
    counters = Counters()
    for what, count, action in steps:
        match what:
            case "offer":
                counters.offered += count
            case "attempt":
                counters.count_attempt(action, again=count > 4)
            case "failed":
                counters.count_failed(f"reason-{count}", action)
            case "delivered":
                counters.count_delivered(count, action)
            case "filtered":
                counters.count_filtered(f"reason-{count}", count, action)
            case "dead":
                counters.classify(f"reason-{count}", "event" if count % 2 else "transient")
                counters.count_dead(f"reason-{count}", action=action)
            case "dropped":
                counters.count_dropped(count)
    s = counters.statistics(parked={"": 1, "order": 2}, state="closed")
    actions = s.actions.values()
    assert s.delivered == sum(one.delivered for one in actions)
    assert sum(s.filtered.values()) == sum(sum(one.filtered.values()) for one in actions)
    assert s.dead_lettered == sum(sum(map(sum_of, one.dead.values())) for one in actions)
    assert (s.parked, s.attempts, s.retried) == (
        3,
        sum(what == "attempt" for what, _, _ in steps),
        sum(what == "attempt" and count > 4 for what, count, _ in steps),
    )
    assert (3, s.attempts, s.retried) == tuple(
        sum(numbers) for numbers in zip(*((one.parked, one.attempts, one.retried) for one in actions), strict=True)
    )
    assert s.offered == s.delivered + sum(s.filtered.values()) + s.dead_lettered + s.parked + s.pending + s.dropped
    assert s.dead_lettered == sum(s.dead_reasons.values()) == sum(map(sum_of, s.dead_classes.values()))


def sum_of(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def test_what_was_received_is_what_was_accepted_refused_or_seen_before() -> None:
    intake = IntakeCounters()
    intake.accepted, intake.duplicates = 5, 2
    intake.rejected = {"not_json": 3, "not_utf8": 1}
    assert intake.received == 11


def test_statistics_are_a_copy() -> None:
    counters = Counters()
    counters.count_filtered("trigger", 8)
    before = counters.statistics(state="closed")
    counters.count_filtered("trigger")
    assert before.filtered == {"trigger": 8}


def test_the_summary_is_the_contracts() -> None:
    counters = Counters()
    counters.offered = 998
    counters.count_delivered(990)
    counters.count_filtered("trigger", 8)
    for _ in range(4):
        counters.count_attempt()
    counters.latency_s.record(0.0117, 990)
    statistics = Statistics(
        received=1000,
        accepted=998,
        duplicates=0,
        rejected={"not_json": 2},
        duration_s=1.23,
        destinations={"hook": counters.statistics(state="closed")},
    )
    assert statistics.summary() == {
        "received": 1000,
        "accepted": 998,
        "duplicates": 0,
        "rejected": {"not_json": 2},
        "duration_s": 1.23,
        "destinations": {
            "hook": {
                "offered": 998,
                "pending_before": 0,
                "replayed": 0,
                "delivered": 990,
                "filtered": {"trigger": 8},
                "dead_lettered": 0,
                "parked": 0,
                "pending": 0,
                "dropped": 0,
                "expired": 0,
                "attempts": 4,
                "retried": 0,
                "latency_ms": {"p50": 11.72, "p99": 11.72},
            }
        },
    }


def test_reasons_that_a_destination_makes_up_are_bounded() -> None:
    counters = Counters()
    for number in range(1000):
        counters.count_dead(f"made-up-{number}")
        counters.count_filtered(f"made-up-{number}")
    s = counters.statistics(state="closed")
    assert (len(s.dead_reasons), len(s.filtered)) == (101, 101)
    assert (s.dead_reasons["other"], s.filtered["other"]) == (900, 900)
    assert s.dead_lettered == 1000


def test_actions_are_bounded_and_their_reasons_all_together() -> None:
    counters = Counters()
    for number in range(1000):
        counters.count_filtered(f"made-up-{number}", action=f"action-{number % 200}")
    s = counters.statistics(parked={"one-more": 2}, state="closed")
    assert len(s.actions) == 102, "a hundred, what no action decided, and `other`"
    assert len(s.filtered) == 101
    assert sum(s.filtered.values()) == sum(sum(one.filtered.values()) for one in s.actions.values()) == 1000
    assert s.actions["other"].parked == 2


def test_a_destination_that_came_back_has_its_earlier_numbers_by_action_too() -> None:
    earlier, now = Counters(), Counters()
    earlier.count_delivered(3, "order")
    earlier.classify("http_400", "event")
    earlier.count_dead("http_400", action="order")
    earlier.count_done("order", "delivered", 3)
    now.count_delivered(2, "identify")
    now.count_delivered(1, "order")
    now.count_done("order", "delivered", 1)
    both = now.statistics(state="closed").plus(earlier.statistics(state="removed"))
    assert both.delivered == 6
    assert {name: one.delivered for name, one in both.actions.items()} == {"": 0, "identify": 2, "order": 4}
    assert both.dead_classes == {"event": {"http_400": 1}}
    assert both.actions["order"].done == {"delivered": 4}
