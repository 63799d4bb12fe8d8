"""Alerts: one for each incident, told by its worst condition, and one when it is over. Time is an argument."""

from __future__ import annotations

import pytest
from doorstep.engine.policy.alerts import Alert, Condition, Rule, Sight, Watch, parse_condition
from hypothesis import given
from hypothesis import strategies as st

ALL = tuple(map(parse_condition, ("held", "crashed", "dead_letter", "lag > 10m", "success < 95%")))
WELL = Sight()
DOWN = Sight(down_s=3600.0)
FAILING = Sight(good=90, bad=10, attempts=20)


class Story:
    """Looks every two seconds, as the engine does, and keeps what is told: (seconds, news, condition)."""

    def __init__(self, *rules: Rule) -> None:
        self.watch = Watch()
        self.watch.change(rules or (Rule("ops", ALL),))
        self.now = 0.0
        self.told: list[tuple[float, str, str]] = []
        self.alerts: list[Alert] = []

    def see(self, seconds: float, sight: Sight, name: str = "hook") -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 2.0
            for alert in self.watch.look({name: sight}, self.now):
                self.alerts.append(alert)
                self.told.append((self.now, alert.news, alert.condition))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("held", Condition("held", "held")),
        ("crashed", Condition("crashed", "crashed")),
        ("dead_letter", Condition("dead_letter", "dead_letter")),
        (" lag  >  10m ", Condition("lag > 10m", "lag", 600.0)),
        ("lag>90s", Condition("lag>90s", "lag", 90.0)),
        ("success < 99.5%", Condition("success < 99.5%", "success", 0.995)),
    ],
)
def test_a_condition_is_read_as_it_is_meant(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    "text", ["", "hold", "lag", "lag > ten", "lag < 10m", "success", "success < 95", "success > 95%", "success < 0%"]
)
def test_what_is_no_condition_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is no condition(; write \"held\"|: 'ten' is not a duration; write one like)"
    ):
        parse_condition(text)


@pytest.mark.parametrize(
    ("sight", "condition"),
    [
        (Sight(is_held=True), "held"),
        (Sight(is_crashed=True), "crashed"),
        (Sight(lag_s=601.0), "lag > 10m"),
        (FAILING, "success < 95%"),
        (DOWN, "success < 95%"),
    ],
)
def test_each_condition_is_told_once_within_a_minute_and_once_when_it_is_over(sight: Sight, condition: str) -> None:
    story = Story()
    story.see(10, WELL)
    story.see(600, sight)
    story.see(600, WELL)
    assert [(news, what) for _, news, what in story.told] == [("began", condition), ("ended", condition)]
    assert story.told[0][0] - 12.0 <= 32.0
    assert story.told[1][0] - 612.0 == pytest.approx(60.0, abs=2.0)


def test_dead_letters_are_told_once_until_there_are_none_for_a_while() -> None:
    story = Story()
    story.see(10, Sight(dead=0))
    for dead in range(1, 20):
        story.see(30, Sight(dead=dead))
    story.see(300, Sight(dead=19))
    assert [(news, what) for _, news, what in story.told] == [("began", "dead_letter"), ("ended", "dead_letter")]
    assert story.alerts[0].detail == "2 given up so far"


def test_what_has_one_cause_is_one_incident_told_by_the_worst() -> None:
    story = Story()
    story.see(2, Sight(bad=100, attempts=10, dead=3))
    story.see(100, Sight(is_held=True, bad=100, attempts=10, dead=3))
    story.see(3600, Sight(is_held=True, lag_s=3600.0, dead=3))
    story.see(600, Sight(lag_s=3600.0, dead=3))  # it catches up
    story.see(100, Sight(dead=3))
    assert [(news, what) for _, news, what in story.told] == [("began", "held"), ("ended", "held")]


def test_what_is_worse_is_told_beside_what_is_known() -> None:
    story = Story()
    story.see(60, Sight(dead=1))
    story.see(60, Sight(dead=1, down_s=60.0))
    story.see(60, Sight(dead=1, is_held=True))
    story.see(60, Sight(dead=1, is_crashed=True))
    story.see(120, Sight(dead=1))
    assert [(news, what) for _, news, what in story.told] == [
        ("began", "dead_letter"),
        ("worse", "success < 95%"),
        ("worse", "held"),
        ("worse", "crashed"),
        ("ended", "crashed"),
    ]


def test_one_that_flaps_is_one_incident() -> None:
    story = Story()
    for _ in range(20):
        story.see(20, Sight(is_held=True))
        story.see(40, WELL)
    story.see(60, WELL)
    assert [news for _, news, _ in story.told] == ["began", "ended"]


def test_a_moment_is_no_incident_but_a_dead_letter_is() -> None:
    story = Story()
    story.see(4, Sight(is_held=True))
    story.see(120, WELL)
    assert story.told == []
    story.see(2, Sight(dead=1))
    story.see(120, Sight(dead=1))
    assert [news for _, news, _ in story.told] == ["began", "ended"]


def test_few_events_say_nothing_of_success() -> None:
    story = Story()
    story.see(100, Sight(bad=500, attempts=4))
    story.see(100, Sight(bad=19, attempts=19))
    story.see(100, Sight(down_s=19.0))
    assert story.told == []


def test_nobody_is_told_of_itself() -> None:
    story = Story()
    story.see(100, Sight(is_held=True), name="ops")
    assert story.told == []


def test_rules_for_one_receiver_are_one_rule_and_receivers_hear_apart() -> None:
    story = Story(Rule("ops", ALL[:1]), Rule("ops", ALL[1:]), Rule("pager", ALL[1:2]))
    story.see(20, Sight(is_held=True))
    story.see(20, Sight(is_crashed=True))
    assert [(alert.to, alert.news, alert.condition) for alert in story.alerts] == [
        ("ops", "began", "held"),
        ("ops", "worse", "crashed"),
        ("pager", "began", "crashed"),
    ]


def test_one_that_is_removed_is_over_too() -> None:
    story = Story()
    story.see(20, Sight(is_held=True))
    for _ in range(40):
        story.now += 2
        story.told += [(story.now, alert.news, alert.condition) for alert in story.watch.look({}, story.now)]
    assert [(news, what) for _, news, what in story.told] == [("began", "held"), ("ended", "held")]


def test_an_incident_goes_on_under_new_rules_for_the_same_receiver() -> None:
    story = Story()
    story.see(20, Sight(is_held=True))
    story.watch.change([Rule("ops", ALL), Rule("pager", ALL)])
    story.see(20, Sight(is_held=True))
    assert [(alert.to, alert.news) for alert in story.alerts] == [("ops", "began"), ("pager", "began")]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 120),
            st.builds(
                Sight,
                is_held=st.booleans(),
                is_crashed=st.booleans(),
                down_s=st.sampled_from([0.0, 30.0]),
                lag_s=st.sampled_from([0.0, 700.0]),
                dead=st.integers(0, 3),
                bad=st.sampled_from([0, 50]),
                good=st.just(50),
                attempts=st.just(10),
            ),
        ),
        max_size=20,
    )
)
def test_every_incident_begins_once_worsens_in_order_and_ends_once(steps: list[tuple[int, Sight]]) -> None:
    story = Story()
    for seconds, sight in steps:
        story.see(seconds, sight)
    dead = steps[-1][1].dead if steps else 0
    story.see(200, Sight(dead=dead))
    order = ["dead_letter", "lag", "success", "held", "crashed"]
    worst = -1
    for alert in story.alerts:
        severity = order.index(alert.kind)
        if alert.news == "began":
            assert worst == -1
            worst = severity
        elif alert.news == "worse":
            assert -1 < worst < severity
            worst = severity
        else:
            assert severity == worst
            worst = -1
    assert worst == -1
