"""The breaker: legal transitions only, one probe at a time, never wedged, every permit settled once."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from doorstep.engine.errors import IllegalTransition
from doorstep.engine.policy.breaker import Breaker, BreakerSettings, Event, Permit, State, transition
from doorstep.engine.settings import Duration
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

LEGAL_STEPS = {
    (State.CLOSED, State.OPEN),
    (State.OPEN, State.HALF_OPEN),
    (State.HALF_OPEN, State.OPEN),
    (State.HALF_OPEN, State.CLOSED),
}


def never_random() -> float:
    """The longest open times that jitter allows, nearly."""
    return 1.0


def breaker(**changes: Any) -> Breaker:
    return Breaker(BreakerSettings(**changes), never_random)


def fail(breaker: Breaker, now: float, times: int = 1, *, repeat: bool = False) -> None:
    for _ in range(times):
        breaker.record(permit(breaker, now), False, now, repeat=repeat)


def succeed(breaker: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.record(permit(breaker, now), True, now)


def permit(breaker: Breaker, now: float) -> Permit:
    given = breaker.admit(now)
    assert given is not None
    return given


def state_of(breaker: Breaker) -> State:
    return breaker.state


class AnyUse(RuleBasedStateMachine):
    """Permits given, settled late, twice or never, at any time; a model of who is outstanding beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.jitter = 0.5
        self.breaker = Breaker(BreakerSettings(consecutive=3, min_attempts=4), lambda: self.jitter, lease_s=20.0)
        self.current: list[Permit] = []
        self.stale: list[Permit] = []
        self.settled: list[Permit] = []
        self.opened_for = 0.0

    def _watch(self, before: State) -> None:
        after = self.breaker.state
        if after is before:
            return
        assert (before, after) in LEGAL_STEPS
        self.stale += self.current
        self.current = []
        if after is State.OPEN:
            step = 5.0 if before is State.CLOSED else min(60.0, self.opened_for * 2)
            wait_s = self.breaker.wait_s(self.now)
            assert 0.8 * step - 1e-6 <= wait_s <= step + 1e-6, "but for what `now + step - now` is rounded by"
            self.opened_for = step

    @rule()
    def admit(self) -> None:
        before, wait_s, limit = self.breaker.state, self.breaker.wait_s(self.now), self.breaker.concurrency(self.now)
        given = self.breaker.admit(self.now)
        self._watch(before)
        assert (given is None) == (wait_s > 0), "wait_s says whether admit is worth asking"
        if given is None:
            return
        if self.breaker.state is State.HALF_OPEN:
            self.stale += self.current  # at most the one whose lease ran out
            self.current = []
        elif limit is not None:
            assert len(self.current) < limit
        self.current.append(given)

    @precondition(lambda self: self.current)
    @rule(data=st.data(), ok=st.booleans(), repeat=st.booleans())
    def record(self, data: st.DataObject, ok: bool, repeat: bool) -> None:
        given = data.draw(st.sampled_from(self.current))
        self.current.remove(given)
        self.settled.append(given)
        before = self.breaker.state
        self.breaker.record(given, ok, self.now, repeat=repeat)
        if before is State.HALF_OPEN and not ok:
            assert self.breaker.state is State.OPEN
        self._watch(before)

    @rule()
    def outage(self) -> None:
        """Enough new failures in a row to trip it, if it lets them through."""
        for _ in range(3):
            self.admit()
            if self.current:
                self.settled.append(self.current[-1])
                before = self.breaker.state
                self.breaker.record(self.current.pop(), False, self.now)
                self._watch(before)

    @precondition(lambda self: self.current)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        given = data.draw(st.sampled_from(self.current))
        self.current.remove(given)
        self.settled.append(given)
        before = self.breaker.state
        self.breaker.release(given)
        assert self.breaker.state is before

    @precondition(lambda self: self.stale)
    @rule(ok=st.booleans(), released=st.booleans())
    def settle_a_stale_one(self, ok: bool, released: bool) -> None:
        given = self.stale.pop()
        self.settled.append(given)
        before = self.breaker.statistics()
        if released:
            self.breaker.release(given)
        else:
            self.breaker.record(given, ok, self.now)
        assert self.breaker.statistics() == before

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), ok=st.booleans())
    def settle_again(self, data: st.DataObject, ok: bool) -> None:
        given = data.draw(st.sampled_from(self.settled))
        before = self.breaker.statistics(), repr(self.breaker)
        with pytest.raises(IllegalTransition):
            self.breaker.record(given, ok, self.now)
        with pytest.raises(IllegalTransition):
            self.breaker.release(given)
        assert (self.breaker.statistics(), repr(self.breaker)) == before

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 100)), jitter=st.floats(0, 1, exclude_max=True))
    def pass_time(self, seconds: float, jitter: float) -> None:
        self.now += seconds
        self.jitter = jitter

    @rule()
    def wait_as_told(self) -> None:
        self.now += self.breaker.wait_s(self.now)

    @invariant()
    def permits_balance(self) -> None:
        assert self.breaker.statistics().outstanding == len(self.current)
        if self.breaker.state is State.HALF_OPEN:
            assert len(self.current) <= 1
        if self.breaker.state is State.OPEN:
            assert not self.current

    @invariant()
    def it_is_never_wedged(self) -> None:
        """Even if nothing is ever settled again, whoever waits as told is admitted, and three good probes close it."""
        twin, now = copy.deepcopy(self.breaker), self.now
        assert twin.wait_s(now) <= 60.0 + 1e-6, "but for what `now + step - now` is rounded by"
        for _ in range(3):
            now += twin.wait_s(now)
            given = twin.admit(now)
            assert given is not None
            twin.record(given, True, now)
        assert twin.state is State.CLOSED

    @invariant()
    def opened_at_is_known_unless_closed(self) -> None:
        assert (self.breaker.opened_at is None) == (self.breaker.state is State.CLOSED)


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (State.CLOSED, Event.TRIPPED, State.OPEN),
        (State.OPEN, Event.WAITED, State.HALF_OPEN),
        (State.HALF_OPEN, Event.PROBE_FAILED, State.OPEN),
        (State.HALF_OPEN, Event.PROVEN, State.CLOSED),
    ],
)
def test_these_transitions_are_legal(state: State, event: Event, after: State) -> None:
    assert transition(state, event) is after


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.CLOSED, Event.WAITED),
        (State.CLOSED, Event.PROBE_FAILED),
        (State.CLOSED, Event.PROVEN),
        (State.OPEN, Event.TRIPPED),
        (State.OPEN, Event.PROBE_FAILED),
        (State.OPEN, Event.PROVEN),
        (State.HALF_OPEN, Event.TRIPPED),
        (State.HALF_OPEN, Event.WAITED),
    ],
)
def test_all_other_transitions_are_illegal(state: State, event: Event) -> None:
    with pytest.raises(IllegalTransition, match=f"{event.value} cannot happen while {state.value}"):
        transition(state, event)


def test_it_opens_at_five_failures_in_a_row() -> None:
    it = breaker()
    fail(it, 0.0, 4)
    assert state_of(it) is State.CLOSED
    fail(it, 0.0)
    assert (it.state, it.admit(0.0), it.wait_s(0.0), it.trips, it.opened_at) == (State.OPEN, None, 5.0, 1, 0.0)


def test_a_success_ends_the_row() -> None:
    it = breaker()
    for _ in range(4):
        fail(it, 0.0, 4)
        succeed(it, 0.0)
    assert it.statistics().consecutive == 0


def test_it_opens_at_half_of_twenty_attempts() -> None:
    it = breaker()
    for _ in range(9):
        succeed(it, 1.0)
        fail(it, 1.0)
    succeed(it, 1.0)
    assert state_of(it) is State.CLOSED
    fail(it, 1.0)
    assert state_of(it) is State.OPEN


def test_below_twenty_attempts_a_ratio_says_nothing() -> None:
    it = breaker()
    for _ in range(5):
        succeed(it, 1.0)
        fail(it, 1.0, 2)
    assert state_of(it) is State.CLOSED


def test_failures_of_more_than_ten_seconds_ago_are_forgotten() -> None:
    it = breaker(min_attempts=4)
    succeed(it, 1.0)
    fail(it, 1.0)
    fail(it, 11.5)
    succeed(it, 11.5)
    assert state_of(it) is State.CLOSED, "two of the four are out of the window"
    fail(it, 11.5)
    assert state_of(it) is State.CLOSED
    fail(it, 11.5)
    assert state_of(it) is State.OPEN


def test_repeats_of_one_batch_do_not_count_again() -> None:
    it = breaker()
    fail(it, 0.0)
    fail(it, 0.0, 100, repeat=True)
    assert (it.state, it.statistics().consecutive) == (State.CLOSED, 1)


def test_a_repeat_that_fails_as_a_probe_reopens() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    fail(it, 5.0, repeat=True)
    assert state_of(it) is State.OPEN


def test_the_open_time_doubles_up_to_its_limit_and_starts_over_after_closing() -> None:
    it, now, waits = breaker(), 0.0, []
    fail(it, now, 5)
    for _ in range(6):
        waits.append(it.wait_s(now))
        now += waits[-1]
        fail(it, now)
    assert waits == pytest.approx([5, 10, 20, 40, 60, 60])
    assert (it.trips, it.opened_at) == (1, 0.0)
    now += it.wait_s(now)
    succeed(it, now, 3)
    assert (it.state, it.opened_at) == (State.CLOSED, None)
    fail(it, now, 5)
    assert it.wait_s(now) == pytest.approx(5.0)


def test_jitter_shortens_the_open_time_by_a_fifth_at_most() -> None:
    it = Breaker(BreakerSettings(), lambda: 0.0)
    fail(it, 0.0, 5)
    assert it.wait_s(0.0) == pytest.approx(4.0)


def test_half_open_admits_one_probe_at_a_time() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    probe = permit(it, 5.0)
    assert (it.state, it.admit(5.0), it.concurrency(5.0)) == (State.HALF_OPEN, None, 1)
    assert it.wait_s(6.0) == pytest.approx(29.0)
    it.record(probe, True, 6.0)
    assert (it.state, it.wait_s(6.0)) == (State.HALF_OPEN, 0.0)


def test_three_good_probes_close_it() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    succeed(it, 5.0, 2)
    assert state_of(it) is State.HALF_OPEN
    succeed(it, 5.0)
    assert state_of(it) is State.CLOSED


def test_a_failed_probe_takes_back_the_good_ones_before_it() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    succeed(it, 5.0, 2)
    fail(it, 5.0)
    succeed(it, 15.0, 2)
    assert state_of(it) is State.HALF_OPEN
    succeed(it, 15.0)
    assert state_of(it) is State.CLOSED


def test_closing_forgets_what_the_window_had_counted() -> None:
    def closed_after_four_failures() -> Breaker:
        it = breaker(consecutive=100, min_attempts=4, open=Duration("1s"))
        fail(it, 0.0, 4)
        succeed(it, 1.0, 3)
        return it

    it = closed_after_four_failures()
    succeed(it, 1.0, 3)
    fail(it, 1.0)
    assert state_of(it) is State.CLOSED, "one of four failed, not five of four"
    it = closed_after_four_failures()
    succeed(it, 1.0, 2)
    fail(it, 1.0, 2)
    assert state_of(it) is State.OPEN, "two of four failed, not two of eight"


def test_a_lost_probe_is_replaced_when_its_lease_ends_and_then_has_no_say() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    lost = permit(it, 5.0)
    assert it.admit(34.9) is None
    second = permit(it, 35.0)
    it.record(lost, False, 35.0)
    assert state_of(it) is State.HALF_OPEN
    it.record(second, True, 35.0)
    assert it.statistics().outstanding == 0


def test_a_released_probe_makes_room_for_another_and_proves_nothing() -> None:
    it = breaker()
    fail(it, 0.0, 5)
    for _ in range(10):
        it.release(permit(it, 5.0))
    assert state_of(it) is State.HALF_OPEN


def test_a_verdict_from_before_it_opened_says_nothing_about_the_probe() -> None:
    it = breaker()
    late = [permit(it, 0.0) for _ in range(3)]
    fail(it, 0.0, 5)
    assert it.statistics().outstanding == 0
    probe = permit(it, 5.0)
    for old in late:
        it.record(old, True, 5.0)
    assert state_of(it) is State.HALF_OPEN
    it.record(probe, False, 5.0)
    assert state_of(it) is State.OPEN


def closed_again(now: float) -> Breaker:
    it = breaker()
    fail(it, now - 5.0, 5)
    succeed(it, now, 3)
    return it


def test_after_closing_concurrency_starts_at_one_and_doubles_each_second() -> None:
    it = closed_again(10.0)
    assert [it.concurrency(10.0 + second) for second in range(9)] == [1, 2, 4, 8, 16, 32, 64, None, None]


def test_admit_enforces_the_concurrency() -> None:
    it = closed_again(10.0)
    first = permit(it, 10.25)
    assert (it.admit(10.25), it.wait_s(10.25)) == (None, 0.75)
    permit(it, 11.0)
    assert it.admit(11.0) is None
    it.record(first, True, 11.0)
    permit(it, 11.0)
    assert None not in [it.admit(17.0) for _ in range(200)], "no limit any more"


def test_a_failure_costs_the_running_second() -> None:
    it = closed_again(10.0)
    fail(it, 12.5)
    assert [it.concurrency(now) for now in (12.5, 13.4, 13.5, 14.5)] == [4, 4, 8, 16]


def test_a_new_breaker_has_no_limit() -> None:
    assert breaker().concurrency(0.0) is None


def test_it_tells_what_it_does() -> None:
    it = breaker()
    fail(it, 0.0, 2)
    permit(it, 0.0)
    assert repr(it) == "<Breaker closed, 2 failed in a row, 1 outstanding>"
    fail(it, 0.0, 3)
    assert repr(it) == "<Breaker open until 5.000, trip 1>"
    succeed(it, 5.0)
    assert repr(it) == "<Breaker half open, 1 of 3 successes, 0 outstanding>"
    assert it.statistics().probes == 1


def test_each_setting_has_its_effect() -> None:
    it = breaker(consecutive=1, open=Duration("1s"), max_open=Duration("1s"))
    fail(it, 0.0)
    assert it.wait_s(0.0) == 1.0
    fail(it, 1.0)
    assert it.wait_s(1.0) == 1.0
    often = breaker(failure_ratio=0.2, min_attempts=5, window=Duration("60s"))
    succeed(often, 0.0, 4)
    fail(often, 50.0)
    assert state_of(often) is State.OPEN


def test_the_settings_read_as_in_the_contract(toml: Any) -> None:
    assert toml('consecutive = 5\nopen = "5s"\nmax_open = "60s"', BreakerSettings) == BreakerSettings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("consecutive = 0", ">= 1"),
        ("failure_ratio = 1.5", "<= 1"),
        ('open = "0s"', "longer than nothing"),
        ('window = "0s"', "longer than nothing"),
        ('open = "5s"\nmax_open = "1s"', 'write at least "5s"'),
    ],
)
def test_wrong_settings_are_refused_with_what_would_be_right(toml: Any, text: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        toml(text, BreakerSettings)


def test_a_trip_opens_at_once_and_a_tripped_probe_keeps_it_open() -> None:
    breaker = Breaker(BreakerSettings(), lambda: 1.0)
    permit = breaker.admit(0.0)
    assert permit is not None
    breaker.trip(permit, 0.0)
    assert (breaker.state, breaker.trips, breaker.wait_s(0.0)) == (State.OPEN, 1, 5.0)
    probe = breaker.admit(5.0)
    assert probe is not None
    breaker.trip(probe, 5.0)
    assert (breaker.state, breaker.trips, breaker.wait_s(5.0)) == (State.OPEN, 1, 10.0)
    with pytest.raises(IllegalTransition):
        breaker.trip(probe, 6.0)


def test_a_trip_by_a_permit_of_an_earlier_era_says_nothing() -> None:
    breaker = Breaker(BreakerSettings(), lambda: 1.0)
    first, late = breaker.admit(0.0), breaker.admit(0.0)
    assert first is not None
    assert late is not None
    breaker.trip(first, 0.0)
    breaker.trip(late, 1.0)
    assert (breaker.state, breaker.trips, breaker.wait_s(1.0)) == (State.OPEN, 1, 4.0)
