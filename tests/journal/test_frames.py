"""Times of events in terms of a clock that was set since."""

from __future__ import annotations

from doorstep.engine.journal.frames import Frames


def test_each_event_is_as_old_as_it_is_however_the_clock_was_set_since() -> None:
    frames = Frames(1000.0)
    frames.note(5, 1000.4)
    frames.note(10, 500.0)
    frames.note(20, 2000.0)
    shift = frames.now(1500.0)
    assert [shift(number) for number in (1, 5, 9, 10, 19, 20, 99)] == [500, 500, 500, 1000, 1000, -500, -500]


def test_what_is_slewed_adds_up_to_a_jump() -> None:
    frames = Frames(0.0)
    for number in range(1, 10):
        frames.note(number, number * 0.3)
    assert [round(frames.now(2.7)(number), 1) for number in (1, 3, 4, 7, 8, 9)] == [2.7, 2.7, 1.5, 1.5, 0.3, 0.3]


def test_frames_of_events_that_are_gone_are_forgotten_and_the_rest_stays_right() -> None:
    frames = Frames(0.0)
    for number in range(10, 100, 10):
        frames.note(number, number * 10.0)
    frames.forget(55)
    assert repr(frames) == "<Frames 5>"
    shift = frames.now(0.0)
    assert [shift(number) for number in (55, 60, 99)] == [-500, -600, -900]
