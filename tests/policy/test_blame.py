"""Whose failure it is, and the hold that follows."""

from __future__ import annotations

import math

import pytest
from doorstep.engine.errors import IllegalTransition
from doorstep.engine.policy.blame import Blame, Decision, HoldEvent, HoldState, transition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule


class BesideAModel(RuleBasedStateMachine):
    """Random histories of one destination; the model keeps the whole history and reads the rules off it."""

    def __init__(self) -> None:
        super().__init__()
        self.blame = Blame()
        self.now = 1000.0
        self.marks = [0]
        self.successes = 0
        self.refused_since_success: set[int] = set()
        self.held_since: float | None = None
        self.last_probe = 0.0

    def held_now(self) -> None:
        if self.held_since is None:
            self.held_since = self.last_probe = self.now

    @rule()
    def succeed(self) -> None:
        self.blame.succeeded(self.now)
        self.successes += 1
        self.resumed()

    @rule()
    def resume(self) -> None:
        self.blame.resume()
        self.resumed()

    def resumed(self) -> None:
        self.refused_since_success.clear()
        self.held_since = None

    @rule()
    def mark(self) -> None:
        self.marks.append(self.blame.mark())

    @rule(data=st.data(), batch_id=st.integers(1, 3))
    def refuse(self, data: st.DataObject, batch_id: int) -> None:
        mark = data.draw(st.sampled_from(self.marks))
        decision = self.blame.refused(batch_id, "http_401", mark, self.now)
        if self.successes > mark:
            assert decision is Decision.EVENT
            return
        self.refused_since_success.add(batch_id)
        if self.held_since is not None or len(self.refused_since_success) > 1:
            assert decision is Decision.HOLD
            self.held_now()
        else:
            assert decision is Decision.SUSPECT

    @rule()
    def hold(self) -> None:
        self.blame.hold("asked", self.now)
        self.held_now()

    @precondition(lambda self: self.held_since is not None)
    @rule()
    def probe(self) -> None:
        self.blame.probed(self.now)
        self.last_probe = self.now

    @precondition(lambda self: self.held_since is None)
    @rule()
    def probe_while_working(self) -> None:
        before = self.blame.statistics()
        with pytest.raises(IllegalTransition):
            self.blame.probed(self.now)
        assert self.blame.statistics() == before

    @rule(seconds=st.floats(0, 90))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        assert self.blame.successes == self.successes
        assert self.blame.held == (self.held_since is not None)
        assert self.blame.statistics().held_since == self.held_since
        assert (self.blame.reason is None) == (self.held_since is None)

    @invariant()
    def a_probe_is_due_a_minute_after_the_last(self) -> None:
        due_s = self.blame.probe_due(self.now)
        if self.held_since is None:
            assert due_s == math.inf
        else:
            assert due_s == pytest.approx(max(0.0, self.last_probe + 60 - self.now), abs=1e-5)


TestBesideAModel = BesideAModel.TestCase
TestBesideAModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_a_failure_is_the_events_only_after_another_request_succeeded() -> None:
    blame = Blame()
    mark = blame.mark()
    assert not blame.is_events(mark)
    blame.succeeded(0.0)
    assert blame.is_events(mark)
    assert not blame.is_events(blame.mark())


def test_a_success_that_was_under_way_when_the_failure_was_heard_proves_nothing() -> None:
    blame = Blame()
    under_way, failing = blame.begin(), blame.begin()
    assert under_way < failing
    mark = blame.mark()
    blame.succeeded(0.0, under_way)
    assert not blame.is_events(mark)
    blame.succeeded(1.0, blame.begin())
    assert blame.is_events(mark)


def test_two_batches_refused_with_no_success_in_between_hold_the_destination() -> None:
    blame = Blame()
    assert blame.refused(1, "http_401", blame.mark(), 0.0) is Decision.SUSPECT
    assert blame.refused(1, "http_401", blame.mark(), 1.0) is Decision.SUSPECT
    assert blame.refused(2, "http_401", blame.mark(), 2.0) is Decision.HOLD
    assert (blame.held, blame.reason) == (True, "http_401")


def test_a_success_in_between_clears_the_suspicion() -> None:
    blame = Blame()
    mark = blame.mark()
    blame.refused(1, "http_404", mark, 0.0)
    blame.succeeded(1.0)
    assert blame.refused(1, "http_404", mark, 2.0) is Decision.EVENT
    assert blame.refused(2, "http_404", blame.mark(), 3.0) is Decision.SUSPECT
    assert not blame.held


def test_a_hundred_events_refused_for_one_reason_and_none_delivered_hold_the_destination() -> None:
    blame = Blame()
    assert [blame.rejected(33, "http_400", float(second)) for second in range(3)] == [Decision.EVENT] * 3
    assert blame.rejected(1, "http_400", 3.0) is Decision.HOLD
    assert (blame.held, blame.reason) == (True, "http_400")


def test_refusals_for_different_reasons_are_counted_apart() -> None:
    blame = Blame()
    assert [blame.rejected(99, reason, 0.0) for reason in ("http_400", "http_422")] == [Decision.EVENT] * 2


def test_a_delivery_within_the_minute_keeps_refusals_the_events_own() -> None:
    blame = Blame()
    blame.succeeded(10.0)
    assert blame.rejected(500, "http_400", 69.0) is Decision.EVENT
    assert blame.rejected(1, "http_400", 70.0) is Decision.HOLD


def test_refusals_of_more_than_a_minute_ago_are_forgotten() -> None:
    blame = Blame()
    blame.rejected(99, "http_400", 0.5)
    assert blame.rejected(99, "http_400", 60.5) is Decision.EVENT
    assert blame.rejected(1, "http_400", 61.0) is Decision.HOLD


def test_while_held_a_refused_probe_is_not_given_up() -> None:
    blame = Blame()
    blame.hold("http_401", 0.0)
    assert blame.rejected(1, "http_400", 60.0) is Decision.HOLD
    assert blame.reason == "http_401"


def test_a_success_ends_a_hold_and_its_counts() -> None:
    blame = Blame()
    blame.rejected(100, "http_400", 0.0)
    blame.probed(60.0)
    blame.succeeded(61.0)
    assert (blame.held, blame.reason) == (False, None)
    assert blame.rejected(99, "http_400", 200.0) is Decision.EVENT


def test_reasons_that_a_receiver_makes_up_are_told_apart_up_to_a_hundred_and_count_together_beyond() -> None:
    blame = Blame()
    blame.succeeded(0.0)
    assert {blame.rejected(1, f"code_{number}", 1.0) for number in range(1000)} == {Decision.EVENT}
    assert len(blame._rejections) == 101
    blame = Blame()
    decisions = [blame.rejected(1, f"code_{number}", 1.0) for number in range(200)]
    assert decisions == [Decision.EVENT] * 199 + [Decision.HOLD], "a hundred of the others, and nothing delivered"
    assert blame.reason == "code_199"


def test_new_settings_end_a_hold() -> None:
    blame = Blame()
    blame.hold("tls", 0.0)
    blame.resume()
    assert not blame.held
    assert blame.refused(7, "tls", blame.mark(), 1.0) is Decision.SUSPECT


def test_a_probe_a_minute() -> None:
    blame = Blame()
    blame.hold("tls", 0.0)
    assert (blame.probe_due(0.0), blame.probe_due(59.0), blame.probe_due(60.0)) == (60.0, 1.0, 0.0)
    blame.probed(60.0)
    assert blame.probe_due(60.0) == 60.0


def test_only_a_probe_while_working_is_illegal() -> None:
    refused = []
    for state in HoldState:
        for event in HoldEvent:
            try:
                transition(state, event)
            except IllegalTransition:
                refused.append((state, event))
    assert refused == [(HoldState.WORKING, HoldEvent.PROBE)]


def test_it_tells_what_it_does() -> None:
    blame = Blame()
    blame.succeeded(0.0)
    assert repr(blame) == "<Blame working, 1 successes>"
    blame.hold("http_401", 1.0)
    blame.probed(61.0)
    assert repr(blame) == "<Blame held: http_401, 1 probes, 1 successes>"
    assert (blame.statistics().holds, blame.statistics().probes) == (1, 1)
