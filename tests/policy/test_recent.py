"""A count over a sliding window, beside a list of everything that was counted."""

from __future__ import annotations

from doorstep.engine.policy.recent import RecentCount
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 5)), max_size=60),
    st.sampled_from([(10.0, 10), (60.0, 60), (1.0, 4)]),
)
def test_it_counts_all_of_the_window_less_a_step_and_nothing_older(
    steps: list[tuple[float, int]], shape: tuple[float, int]
) -> None:
    window_s, buckets = shape
    recent, now, counted = RecentCount(window_s, buckets), 0.0, []
    for pause_s, number in steps:
        now += pause_s
        recent.add(number, now)
        counted.append((now, number))
        least = sum(number for when, number in counted if when > now - window_s + window_s / buckets + 1e-6)
        most = sum(number for when, number in counted if when >= now - window_s - 1e-6)
        assert least <= recent.total(now) <= most


def test_time_alone_empties_it() -> None:
    recent = RecentCount(10.0, 10)
    recent.add(7, 0.0)
    assert (recent.total(9.9), recent.total(10.0)) == (7, 0)


def test_a_clock_that_goes_back_counts_into_the_latest_step() -> None:
    recent = RecentCount(10.0, 10)
    recent.add(1, 100.0)
    recent.add(1, 50.0)
    assert recent.total(109.0) == 2
