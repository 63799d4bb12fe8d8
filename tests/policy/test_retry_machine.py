"""An event on its retry schedule, beside a plain reading of the timetable: whatever is asked and answered, it keeps its bounds."""

from __future__ import annotations

from math import inf

from doorstep.engine.policy.retry import RETRY_AFTER_CAP_S, RetrySchedule, RetrySettings, RetryStatistics, plan_of
from doorstep.engine.settings import Duration
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

retries = st.one_of(
    st.builds(RetrySettings, preset=st.sampled_from(["segment", "customerio", "webhook", "forever"])),
    st.builds(
        RetrySettings,
        preset=st.none(),
        attempts=st.none() | st.integers(1, 6),
        base=st.builds(Duration, st.floats(0.1, 100)),
        cap=st.builds(Duration, st.floats(100, 1000)),
        give_up_after=st.none() | st.builds(Duration, st.floats(1, 2000)),
    ),
)
asked = st.none() | st.floats(0, 10_000)


class OneEvent(RuleBasedStateMachine):
    """Fails again and again, until the schedule gives it up."""

    jitter = 0.0
    attempts = 0
    waited_s = 0.0
    given_up = False

    @initialize(chosen=retries)
    def start(self, chosen: RetrySettings) -> None:
        self.plan = plan_of(chosen)
        self.schedule = RetrySchedule(chosen, lambda: self.jitter)
        self.delays = self.ends = 0

    @precondition(lambda self: not self.given_up)
    @rule(jitter=st.floats(0, 1, exclude_max=True), retry_after=asked)
    def fail(self, jitter: float, retry_after: float | None) -> None:
        self.jitter = jitter
        self.attempts += 1
        out_of_tries = self.plan.attempts is not None and self.attempts >= self.plan.attempts
        delay = self.schedule.delay(self.attempts, retry_after, waited_s=self.waited_s)
        if delay is None:
            longest_s = max(self.plan.step(self.attempts) * self.plan.high, min(retry_after or 0.0, RETRY_AFTER_CAP_S))
            give_up_after = inf if self.plan.give_up_after is None else self.plan.give_up_after
            assert out_of_tries or self.waited_s + longest_s > give_up_after
            self.ends += 1
        else:
            self.delays += 1
            self.check(delay, retry_after)
            self.waited_s += delay
            assert not out_of_tries
            assert self.plan.give_up_after is None or self.waited_s <= self.plan.give_up_after
        self.given_up = delay is None

    def check(self, delay: float, retry_after: float | None) -> None:
        step = self.plan.steps[min(self.attempts, len(self.plan.steps)) - 1] if self.plan.steps else None
        step = min(self.plan.cap, step or self.plan.base * 2.0 ** min(self.attempts - 1, 64))
        wanted = min(retry_after or 0.0, RETRY_AFTER_CAP_S)
        assert max(step * self.plan.low, wanted) <= delay <= max(step * self.plan.high, wanted) + 1e-9

    @rule(tries=st.integers(1, 200), jitter=st.floats(0, 1, exclude_max=True), retry_after=asked)
    def try_quickly(self, tries: int, jitter: float, retry_after: float | None) -> None:
        self.jitter = jitter
        wanted = min(retry_after or 0.0, RETRY_AFTER_CAP_S)
        longest = min(60.0, 0.2 * 2.0 ** min(tries - 1, 64))
        assert wanted <= self.schedule.inline_delay(tries, retry_after) <= max(longest, wanted)

    @invariant()
    def the_numbers_agree(self) -> None:
        if hasattr(self, "schedule"):
            assert self.schedule.statistics() == RetryStatistics(self.delays, self.ends)


TestOneEvent = OneEvent.TestCase
TestOneEvent.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
