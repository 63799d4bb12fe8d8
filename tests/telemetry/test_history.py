"""What the console's lines are drawn from: how much grew in each span."""

from __future__ import annotations

from doorstep.engine.telemetry.history import POINTS, History, Totals, Trend


def test_each_point_is_what_was_added_since_the_last() -> None:
    history = History()
    history.look({"hook": Totals(10, 2, 1, 10, 0.5)}, at=100.0)
    history.look({"hook": Totals(25, 5, 1, 20, 2.5)}, at=105.0)
    history.look({"hook": Totals(25, 5, 1, 20, 2.5)}, at=110.0)
    assert history.trend("hook") == Trend(
        until=110.0, delivered=[10, 15, 0], attempts=[2, 3, 0], failed=[1, 0, 0], latency_ms=[50.0, 200.0, None]
    )


def test_one_that_came_back_begins_anew_and_one_that_went_is_forgotten() -> None:
    history = History()
    history.look({"hook": Totals(10, 2)}, at=100.0)
    history.look({"hook": Totals(3, 1)}, at=105.0)
    assert history.trend("hook").delivered == [10, 3]
    history.look({}, at=110.0)
    assert history.trend("hook") == Trend(until=110.0)


def test_it_keeps_ten_minutes() -> None:
    history = History()
    for number in range(1, 200):
        history.look({"hook": Totals(number * 10)}, at=number * 5.0)
    assert history.trend("hook").delivered == [10] * POINTS
