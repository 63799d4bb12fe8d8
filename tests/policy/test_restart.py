"""The restart budget: doubling backoff, a mark above the intensity, never the end."""

from __future__ import annotations

import pytest
from doorstep.engine.policy.restart import RestartBudget
from hypothesis import given
from hypothesis import strategies as st


def longest() -> float:
    return 1.0


def test_the_backoff_doubles_up_to_thirty_seconds_and_stays_there() -> None:
    budget, now, waits = RestartBudget(longest), 100.0, []
    for _ in range(12):
        waits.append(budget.crashed(now))
        now += waits[-1]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30])


def test_jitter_takes_half_of_the_backoff_at_most() -> None:
    assert RestartBudget(lambda: 0.0).crashed(0.0) == pytest.approx(0.05)


def test_thirty_calm_seconds_reset_the_backoff() -> None:
    budget = RestartBudget(longest)
    for _ in range(4):
        budget.crashed(0.0)
    assert budget.crashed(30.0) == pytest.approx(1.6), "it ran from 0.8 on: not calm for thirty seconds yet"
    assert budget.crashed(30.0 + 1.6 + 30.0) == pytest.approx(0.1)


def test_more_than_five_restarts_in_thirty_seconds_mark_it_as_crashed() -> None:
    budget = RestartBudget(longest)
    for second in range(5):
        budget.crashed(float(second))
    assert not budget.is_crashed(5.0)
    budget.crashed(5.0)
    assert budget.is_crashed(5.0)


def test_the_same_number_spread_over_more_time_does_not() -> None:
    budget = RestartBudget(longest)
    for place in range(20):
        budget.crashed(place * 7.0)
        assert not budget.is_crashed(place * 7.0)


def test_it_recovers_after_thirty_seconds_without_a_crash() -> None:
    budget = RestartBudget(longest)
    for _ in range(6):
        backoff_s = budget.crashed(0.0)
    assert backoff_s == pytest.approx(3.2)
    assert budget.is_crashed(33.1)
    assert not budget.is_crashed(33.2)


def test_waiting_out_a_long_backoff_is_not_calm() -> None:
    """An actor that dies at each start stays marked, although at the cap half a minute passes between its crashes."""
    budget, now = RestartBudget(longest), 0.0
    for _ in range(50):
        now += budget.crashed(now)
    assert budget.is_crashed(now)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1, exclude_max=True)), max_size=100))
def test_it_never_gives_up_nor_waits_longer_than_its_cap(crashes: list[tuple[float, float]]) -> None:
    now, jitter = 0.0, 0.0
    budget = RestartBudget(lambda: jitter)
    for ran_s, jitter in crashes:  # noqa: B007 - read by the lambda
        now += ran_s
        backoff_s = budget.crashed(now)
        assert 0.05 <= backoff_s <= 30.0
        now += backoff_s
        assert not budget.is_crashed(now + 30.0)
    assert budget.statistics().crashes == len(crashes)


def test_it_tells_what_it_does() -> None:
    budget = RestartBudget(longest)
    for _ in range(6):
        budget.crashed(0.0)
    assert repr(budget) == "<RestartBudget crashed, 6 in a row, 6 ever>"
    assert budget.statistics().crashed
