"""The retry schedule: presets hit the documented number of tries and window, waits stay within their bounds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from doorstep.engine.policy.retry import RetrySchedule, RetrySettings, timetable
from doorstep.engine.settings import Duration
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600.0
PRESETS = ["segment", "customerio", "webhook", "forever"]


def schedule(random: float = 0.0, **changes: Any) -> RetrySchedule:
    return RetrySchedule(RetrySettings(**changes), lambda: random)


def offsets(schedule: RetrySchedule, most: int = 1000) -> list[float]:
    """The moments of all tries, if each fails at once."""
    times = [0.0]
    while len(times) < most:
        wait_s = schedule.delay(len(times))
        if wait_s is None:
            break
        times.append(times[-1] + wait_s)
    return times


@pytest.mark.parametrize(
    ("preset", "tries", "earliest", "latest"),
    [("segment", 9, 0.0, 4 * HOUR), ("customerio", 14, 0.0, 3 * HOUR), ("webhook", 10, 217684.0, 326526.0)],
)
def test_a_preset_hits_its_number_of_tries_and_its_window(
    preset: Any, tries: int, earliest: float, latest: float
) -> None:
    table = timetable(RetrySettings(preset=preset))
    assert len(table) == tries
    assert table[0] == (0.0, 0.0)
    assert table[-1] == pytest.approx((earliest, latest))
    assert len(offsets(schedule(0.5, preset=preset))) == tries


def test_the_webhook_preset_waits_as_documented() -> None:
    waits = [schedule(0.5, preset="webhook").delay(attempt) for attempt in range(1, 11)]
    documented = [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
    assert waits[:9] == pytest.approx(documented)
    assert waits[9] is None


@pytest.mark.parametrize(("random", "wait_s"), [(0.0, 4.0), (1.0, 6.0)])
def test_the_webhook_preset_jitters_by_a_fifth(random: float, wait_s: float) -> None:
    assert schedule(random, preset="webhook").delay(1) == pytest.approx(wait_s)


def test_segment_doubles_from_under_a_minute_to_two_hours() -> None:
    upper = schedule(1.0, preset="segment")
    assert [round(upper.delay(attempt) or 0) for attempt in range(1, 9)] == [56, 113, 226, 452, 904, 1807, 3614, 7228]


def test_forever_never_ends_and_waits_ten_minutes_at_most() -> None:
    upper = schedule(1.0, preset="forever")
    assert [upper.delay(attempt) for attempt in (1, 2, 3, 10, 11, 1_000_000)] == [1, 2, 4, 512, 600, 600]
    assert upper.delay(1_000_000, waited_s=1e9) == 600
    assert len(timetable(RetrySettings(preset="forever"))) == 20


@given(preset=st.sampled_from(PRESETS), randoms=st.lists(st.floats(0, 1, exclude_max=True), min_size=20, max_size=20))
def test_every_try_falls_into_its_timetable(preset: Any, randoms: list[float]) -> None:
    settings = RetrySettings(preset=preset)
    drawn = iter(randoms)
    times = offsets(RetrySchedule(settings, lambda: next(drawn)), most=20)
    table = timetable(settings)
    assert len(times) == len(table)
    for moment, (earliest, latest) in zip(times, table, strict=True):
        assert earliest - 1e-6 <= moment <= latest + 1e-6


@given(
    base=st.floats(0.001, 100),
    cap=st.floats(0.001, 10_000),
    random=st.floats(0, 1, exclude_max=True),
    attempt=st.integers(1, 5000),
)
def test_waits_never_exceed_the_cap_and_their_bounds_never_fall(
    base: float, cap: float, random: float, attempt: int
) -> None:
    spelled = {"preset": None, "base": Duration(base), "cap": Duration(cap)}
    wait_s = schedule(random, **spelled).delay(attempt) or 0.0
    upper = [schedule(1.0, **spelled).delay(number) or 0.0 for number in (attempt, attempt + 1)]
    assert 0 <= wait_s <= upper[0] <= upper[1] <= cap
    assert upper[0] == pytest.approx(min(cap, base * 2.0 ** min(attempt - 1, 64)))


def test_values_spelled_out_take_the_place_of_the_presets() -> None:
    spelled = {"attempts": 5, "base": Duration("1s"), "cap": Duration("3s"), "give_up_after": Duration("4h")}
    upper = schedule(1.0, **spelled)
    assert [upper.delay(attempt) for attempt in range(1, 6)] == [1, 2, 3, 3, None]
    late = [upper.delay(4, waited_s=4 * HOUR - left_s) for left_s in (3, 2.9, 0)]
    assert late == [3, None, None], "the last try may come when it is given up, not later"
    assert upper.delay(1, 3600, waited_s=3 * HOUR + 1) is None, "nor because the receiver asks for it"


def test_a_preset_can_be_changed_in_one_value() -> None:
    assert len(timetable(RetrySettings(preset="webhook", attempts=3))) == 3
    assert timetable(RetrySettings(preset="webhook", cap=Duration("1m")))[-1][1] == pytest.approx(6 + 8 * 72)
    assert timetable(RetrySettings(preset="webhook", base=Duration("1s"), attempts=3))[-1][1] == pytest.approx(3.6)


def test_more_attempts_than_a_preset_lists_go_on_with_its_last_wait() -> None:
    assert schedule(0.5, preset="webhook", attempts=50).delay(40) == pytest.approx(24 * HOUR)


def test_a_timetable_ends_where_it_is_given_up() -> None:
    table = timetable(RetrySettings(preset="webhook", give_up_after=Duration("30m")))
    assert len(table) == 4, "the fourth try comes 28 minutes after the first at the earliest: no fifth may follow"
    assert table[-1] == pytest.approx((1684, 1800))


@pytest.mark.parametrize(("asked", "wait_s"), [(None, 56.47), (10.0, 56.47), (120.0, 120.0), (1e9, 3600.0)])
def test_retry_after_is_honoured_up_to_an_hour(asked: float | None, wait_s: float) -> None:
    assert schedule(1.0).delay(1, asked) == pytest.approx(wait_s, abs=0.01)
    assert schedule(1.0).delay(9, asked) is None


def test_in_line_tries_are_quick_and_then_slow_down_to_a_minute() -> None:
    upper = schedule(1.0)
    assert [upper.inline_delay(n) for n in (1, 2, 3, 4, 9, 10, 10_000)] == pytest.approx(
        [0.2, 0.4, 0.8, 1.6, 51.2, 60, 60]
    )
    assert schedule(0.0).inline_delay(3) == 0.0
    assert schedule(0.0).inline_delay(1, 7.0) == 7.0


def test_it_tells_what_it_does() -> None:
    it = schedule(1.0, attempts=2)
    it.delay(1)
    it.delay(2)
    assert (it.statistics().delays, it.statistics().given_up) == (1, 1)
    assert repr(it) == "<RetrySchedule 2 tries, waits of 56.4706 to at most 14400 s>"
    assert repr(schedule(preset="forever")) == "<RetrySchedule no end of tries, waits of 1 to at most 600 s>"


def test_the_settings_read_as_in_the_contract(toml: Any) -> None:
    assert toml('preset = "segment"', RetrySettings) == RetrySettings()
    read = toml('attempts = 5\nbase = "1s"\ncap = "10m"\ngive_up_after = "4h"', RetrySettings)
    assert (read.attempts, read.base, read.cap, read.give_up_after) == (5, 1.0, 600.0, 14400.0)


@pytest.mark.parametrize("text", ['preset = "sometimes"', "attempts = 0", "base = 1", 'cap = "soon"', "tries = 3"])
def test_wrong_settings_are_refused(toml: Any, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        toml(text, RetrySettings)
