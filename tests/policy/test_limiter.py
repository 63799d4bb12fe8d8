"""The limiter: never more than burst + rate * t in any window, first come first served, nobody starved."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import aiolimiter
import msgspec
import pytest
from doorstep.engine.policy.limiter import Limiter, RateSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

EPSILON = 1e-6


class AnyUse(RuleBasedStateMachine):
    """Every call in any order at any time; checks the promise over all pairs of admissions."""

    @initialize(rate=st.floats(0.1, 1000), burst=st.floats(1, 500))
    def start(self, rate: float, burst: float) -> None:
        self.now = self.seen = 10.0
        self.limiter = Limiter(rate, burst, self.now)
        self.rate = self.most_rate = rate
        self.burst = self.most_burst = burst
        self.paused_until = 0.0
        self.admissions: list[tuple[float, float]] = []
        self.pending: list[int] = []

    def look(self, back: float = 0.0) -> float:
        """The latest moment the limiter will have seen once it is called with it."""
        self.seen = self.seen if back else self.now
        return self.seen

    @rule(cost=st.floats(0.01, 600), back=st.sampled_from([0.0, 0.0, 0.5, 1000.0]))
    def reserve(self, cost: float, back: float) -> None:
        # A clock that goes back is one that stands still: the admission counts from the latest moment the limiter saw.
        admitted = self.look(back) + self.limiter.reserve(cost, self.seen - back)
        assert admitted >= self.paused_until - EPSILON
        if self.admissions:
            assert admitted >= self.admissions[-1][0] - EPSILON, "overtook an earlier reservation"
        self.pending.append(len(self.admissions))
        self.admissions.append((admitted, min(cost, self.burst)))

    @rule(seconds=st.one_of(st.floats(0, 0.2), st.floats(0, 100)))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def refund_before_its_admission(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(self.pending))
        self.pending.remove(index)
        admitted, cost = self.admissions[index]
        if admitted >= self.now - 0.5:  # an actor that wakes late still counts
            self.limiter.refund(cost, self.look())
            self.admissions[index] = (admitted, 0.0)

    @precondition(lambda self: self.pending and self.pending[-1] == len(self.admissions) - 1)
    @rule()
    def withdraw_the_last(self) -> None:
        admitted, cost = self.admissions[self.pending.pop()]
        if admitted >= self.now - 0.5:
            self.limiter.withdraw(cost, self.look())
            self.admissions[-1] = (admitted, 0.0)

    @rule(seconds=st.floats(0, 30))
    def pause(self, seconds: float) -> None:
        self.limiter.pause_until(self.now + seconds, self.look())
        self.paused_until = max(self.paused_until, self.now + seconds)

    @rule()
    def slow(self) -> None:
        self.limiter.slow(self.look())

    @rule(rate=st.floats(0.1, 1000), burst=st.floats(1, 500))
    def set_rate(self, rate: float, burst: float) -> None:
        self.limiter.set_rate(rate, burst, self.look())
        self.rate, self.burst = rate, burst
        self.most_rate, self.most_burst = max(self.most_rate, rate), max(self.most_burst, burst)

    @invariant()
    def no_window_admits_more_than_promised(self) -> None:
        if not hasattr(self, "limiter"):
            return
        for first, (begin, _) in enumerate(self.admissions):
            total = 0.0
            for end, cost in self.admissions[first:]:
                total += cost
                assert total <= self.most_burst + self.most_rate * (end - begin) + EPSILON * (1 + total)

    @invariant()
    def the_level_stays_within_the_bucket(self) -> None:
        if hasattr(self, "limiter"):
            seen = self.limiter.statistics()
            assert -EPSILON <= seen.tokens <= self.burst
            assert seen.effective_rate is not None
            assert self.rate / 64 - EPSILON <= seen.effective_rate <= self.rate * (1 + EPSILON)


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)


def test_a_full_bucket_lets_its_burst_go_at_once_and_then_one_by_one() -> None:
    limiter = Limiter(10, 3, 0.0)
    assert [limiter.reserve(1, 0.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_a_cost_above_the_burst_counts_as_the_burst() -> None:
    limiter = Limiter(10, 5, 0.0)
    assert limiter.reserve(1000, 0.0) == 0.0
    assert limiter.reserve(1000, 0.0) == pytest.approx(0.5)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    limiter = Limiter(10, 5, 0.0)
    limiter.reserve(5, 0.0)
    assert limiter.reserve(5, 3600.0) == 0.0
    assert limiter.reserve(1, 3600.0) == pytest.approx(0.1)


@given(costs=st.lists(st.floats(0.1, 10), min_size=1, max_size=100))
def test_nobody_starves_and_nothing_is_wasted(costs: list[float]) -> None:
    """A small one never makes a big one wait; the last waits exactly for what stands before it."""
    limiter = Limiter(5, 10, 0.0)
    waits = [limiter.reserve(cost, 0.0) for cost in costs]
    owed = [sum(costs[: place + 1]) - 10 for place in range(len(costs))]
    assert waits == pytest.approx([max(0.0, tokens / 5) for tokens in owed], abs=EPSILON)


def test_whoever_cannot_wait_is_told_how_long_it_would_be_and_takes_nothing() -> None:
    limiter = Limiter(10, 5, 0.0)
    assert [limiter.reserve_nowait(3, 0.0) for _ in range(3)] == pytest.approx([0.0, 0.1, 0.1])
    assert limiter.reserve_nowait(2, 0.0) == 0.0
    assert limiter.reserve_nowait(1, 0.05) == pytest.approx(0.05)
    assert limiter.reserve_nowait(1, 0.1) == 0.0


def test_what_is_over_the_burst_is_paid_for_afterwards() -> None:
    limiter = Limiter(10, 5, 0.0)
    assert limiter.reserve_nowait(25, 0.0) == 0.0
    assert limiter.reserve_nowait(1, 1.9) == pytest.approx(0.2)
    assert limiter.reserve_nowait(1, 2.1) == 0.0


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 60)), max_size=40), st.floats(0.5, 100), st.floats(1, 50))
def test_those_who_do_not_wait_keep_the_rate_whatever_they_cost(
    steps: list[tuple[float, float]], rate: float, burst: float
) -> None:
    limiter = Limiter(rate, burst, 0.0)
    now, taken = 0.0, [(0.0, 0.0)]
    for passed, cost in steps:
        now += passed
        wait = limiter.reserve_nowait(cost, now)
        if wait == 0:
            taken.append((now, cost))
        else:
            assert limiter.reserve_nowait(cost, now) == pytest.approx(wait), "asking changes nothing"
    for first in range(len(taken)):
        # Up to the last one, whose own excess is still to be paid for.
        for last in range(first + 1, len(taken)):
            before = sum(cost for _, cost in taken[first:last])
            assert before <= burst + rate * (taken[last][0] - taken[first][0]) + EPSILON


def test_a_refund_gives_the_tokens_to_the_next() -> None:
    limiter = Limiter(10, 10, 0.0)
    assert limiter.reserve(10, 0.0) == 0.0
    limiter.refund(10, 0.0)
    assert limiter.reserve(10, 0.0) == 0.0


def test_a_refund_in_a_queue_shortens_the_wait_of_the_next() -> None:
    limiter = Limiter(10, 10, 0.0)
    assert [limiter.reserve(5, 0.0) for _ in range(4)] == pytest.approx([0, 0, 0.5, 1.0])
    limiter.refund(5, 0.0)
    assert limiter.reserve(5, 0.0) == pytest.approx(1.0)
    assert limiter.reserve(5, 0.0) == pytest.approx(1.5)


def test_a_refund_that_would_have_run_over_is_lost() -> None:
    """The second goes at 1.0 from a bucket that the first's tokens would have left full: they cannot be spent after it."""
    limiter = Limiter(10, 10, 0.0)
    assert [limiter.reserve(10, 0.0) for _ in range(2)] == pytest.approx([0, 1.0])
    limiter.refund(10, 0.0)
    assert limiter.reserve(10, 0.0) == pytest.approx(2.0)


def test_two_refunds_together_give_no_more_than_the_bucket_would_have_kept() -> None:
    limiter = Limiter(10, 10, 0.0)
    assert [limiter.reserve(4, 0.0) for _ in range(3)] == pytest.approx([0, 0, 0.2])
    limiter.refund(4, 0.0)
    limiter.refund(4, 0.0)
    assert limiter.reserve(8, 0.0) == pytest.approx(0.6), "at 0.2 another 6 at most may go"


def test_the_last_one_can_withdraw_the_whole_of_what_it_reserved_however_often() -> None:
    limiter = Limiter(10, 10, 0.0)
    assert limiter.reserve(10, 0.0) == 0.0
    for _ in range(3):
        assert limiter.reserve(10, 0.5) == pytest.approx(0.5)
        limiter.withdraw(10, 0.5)
    assert limiter.reserve(10, 0.6) == pytest.approx(0.4)
    assert limiter.reserve(10, 0.6) == pytest.approx(1.4)


def test_what_was_reserved_while_unlimited_is_not_given_back() -> None:
    limiter = Limiter(None, 1, 0.0)
    limiter.reserve(2, 0.0)
    limiter.set_rate(10, 2, 0.0)
    assert limiter.reserve(2, 0.0) == 0.0
    limiter.refund(2, 0.0)
    assert limiter.reserve(2, 0.0) == pytest.approx(0.2)


def test_refunds_never_overfill() -> None:
    limiter = Limiter(10, 5, 0.0)
    for _ in range(3):
        limiter.refund(5, 0.0)
    assert limiter.reserve(5, 0.0) == 0.0
    assert limiter.reserve(1, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [None, 10.0])
def test_nothing_is_admitted_before_the_end_of_a_pause(rate: float | None) -> None:
    limiter = Limiter(rate, 5, 0.0)
    limiter.pause_until(30.0, 0.0)
    assert limiter.reserve(1, 10.0) == pytest.approx(20.0)
    assert limiter.reserve(1, 30.0) == 0.0


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    limiter = Limiter(None, 1, 0.0)
    limiter.pause_until(30.0, 0.0)
    limiter.pause_until(5.0, 0.0)
    assert limiter.reserve(1, 0.0) == pytest.approx(30.0)


def test_after_a_pause_no_more_than_the_burst_goes_at_once() -> None:
    limiter = Limiter(10, 2, 0.0)
    limiter.pause_until(60.0, 0.0)
    assert [limiter.reserve(1, 0.0) for _ in range(4)] == pytest.approx([60, 60, 60.1, 60.2])


def test_slowing_halves_the_rate_which_recovers_by_a_twentieth_each_second() -> None:
    limiter = Limiter(100, 100, 0.0)
    assert limiter.reserve(100, 0.0) == 0.0
    limiter.slow(0.0)
    assert limiter.reserve(52.5, 0.0) == pytest.approx(1.0)  # 50/s rising to 55/s
    assert limiter.statistics().effective_rate == pytest.approx(55.0)
    assert limiter.reserve(57.5, 1.0) == pytest.approx(1.0)


def test_ten_seconds_after_one_slowing_the_rate_is_the_configured_one() -> None:
    limiter = Limiter(100, 1, 0.0)
    limiter.slow(0.0)
    limiter.reserve(1, 10.0)
    assert limiter.reserve(1, 10.0) == pytest.approx(0.01)


def test_slowing_ends_at_a_sixty_fourth() -> None:
    limiter = Limiter(64, 1, 0.0)
    for _ in range(50):
        limiter.slow(0.0)
    assert limiter.statistics().effective_rate == 1.0


def test_a_pause_lets_no_slowing_recover() -> None:
    limiter = Limiter(100, 1, 0.0)
    limiter.slow(0.0)
    limiter.pause_until(60.0, 0.0)
    limiter.reserve(1, 60.0)
    assert limiter.statistics().effective_rate == 50.0


@given(seconds=st.floats(0.001, 60), slowings=st.integers(0, 8), parts=st.integers(1, 20))
def test_earning_does_not_depend_on_how_often_it_is_looked_at(seconds: float, slowings: int, parts: int) -> None:
    once, often = Limiter(10, 1e6, 0.0), Limiter(10, 1e6, 0.0)
    for limiter in (once, often):
        limiter.reserve(1e6, 0.0)
        for _ in range(slowings):
            limiter.slow(0.0)
    for part in range(1, parts):
        often.refund(0.0, seconds * part / parts)
    once.refund(0.0, seconds)
    often.refund(0.0, seconds)
    assert often.statistics().tokens == pytest.approx(once.statistics().tokens, rel=1e-6)


def test_an_unlimited_one_never_waits_and_is_not_slowed() -> None:
    limiter = Limiter(None, 1, 0.0)
    limiter.slow(0.0)
    limiter.refund(5, 0.0)
    assert [limiter.reserve(1_000_000, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.statistics().slowdowns == 0


def test_a_new_rate_applies_behind_the_promises_that_were_made() -> None:
    limiter = Limiter(1, 1, 0.0)
    assert [limiter.reserve(1, 0.0) for _ in range(3)] == pytest.approx([0, 1, 2])
    limiter.set_rate(100, 10, 0.0)
    assert [limiter.reserve(1, 0.0) for _ in range(2)] == pytest.approx([2.01, 2.02])


def test_a_rate_can_come_and_go() -> None:
    limiter = Limiter(None, 1, 0.0)
    limiter.set_rate(10, 2, 5.0)
    assert [limiter.reserve(1, 5.0) for _ in range(3)] == pytest.approx([0, 0, 0.1])
    limiter.set_rate(None, 1, 6.0)
    assert limiter.reserve(1000, 6.0) == 0.0


def test_a_slowing_survives_a_new_rate_in_proportion() -> None:
    limiter = Limiter(100, 10, 0.0)
    limiter.slow(0.0)
    limiter.set_rate(10, 10, 0.0)
    assert limiter.statistics().effective_rate == 5.0


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (None, 0)])
def test_a_rate_or_burst_of_nothing_is_refused(rate: float | None, burst: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Limiter(rate, burst, 0.0)


def test_it_tells_what_it_does() -> None:
    limiter = Limiter(10, 5, 0.0)
    limiter.reserve(6, 0.0)
    limiter.slow(0.0)
    assert repr(limiter) == "<Limiter 5 of 10/s, 0 of 5 tokens at 0.000>"
    limiter.pause_until(2.5, 0.0)
    limiter.set_rate(None, 1, 0.0)
    assert repr(limiter) == "<Limiter unlimited, free at 2.500>"


def test_the_settings_default_to_a_burst_of_one_second(toml: Any) -> None:
    assert toml("per_second = 2000", RateSettings) == RateSettings(per_second=2000, unit="events")
    assert RateSettings(per_second=2000).bucket == 2000
    assert RateSettings(per_second=0.1).bucket == 1
    assert toml('per_second = 5\nburst = 20\nunit = "requests"', RateSettings).bucket == 20


@pytest.mark.parametrize(
    "text", ["per_second = 0", "per_second = 1\nburst = 0.5", "per_second = 1\nunit = 'bytes'", ""]
)
def test_wrong_settings_are_refused(toml: Any, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        toml(text, RateSettings)


class _JumpingSelector(selectors.DefaultSelector):
    """Waits no real time: what should have been waited is added to `now`, and a little for having looked.

    Without that little, aiolimiter goes round for ever on a remainder of 1e-16 s.
    """

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += (timeout or 0.0) + 1e-6
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 8)), min_size=1, max_size=30),
    rate=st.sampled_from([2.0, 8.0, 50.0]),
)
def test_it_admits_when_aiolimiter_does(steps: list[tuple[float, float]], rate: float) -> None:
    """One caller after another, costs within the burst of 8: where both apply, both admit at the same moments."""
    theirs: list[float] = []

    async def use_theirs() -> None:
        loop = asyncio.get_running_loop()
        reference = aiolimiter.AsyncLimiter(8, 8 / rate)
        for pause_s, cost in steps:
            await asyncio.sleep(pause_s)
            await reference.acquire(cost)
            theirs.append(loop.time())

    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        runner.run(use_theirs())
    limiter, now, ours = Limiter(rate, 8, 0.0), 0.0, []
    for pause_s, cost in steps:
        now += pause_s
        now += limiter.reserve(cost, now)
        ours.append(now)
    assert ours == pytest.approx(theirs, abs=0.001)
