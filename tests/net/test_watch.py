"""Connections as their deadlines see them, without a clock of any kind."""

from __future__ import annotations

from doorstep.engine.net.serving import ConnectionLimits, Watches
from doorstep.engine.net.serving.watch import Watch

LIMITS = ConnectionLimits(head_bytes=100, head_s=10.0, idle_s=75.0, rest_s=2.0, connections=2)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[Time, Watches, list[str]]:
    time = Time()
    return time, Watches(LIMITS, time), []


def answered(watch: Watch) -> None:
    watch.answer()
    watch.finish()


def test_a_head_has_its_time_from_its_first_byte_whatever_comes_later() -> None:
    time, watches, _ = watched()
    watch = watches.add(lambda: None)
    time.now = 70.0
    watch.received(1)
    time.now = 79.0
    watch.received(1)
    assert watches.overdue() == []
    time.now = 80.0
    assert watches.overdue() == [watch]


def test_silence_has_its_time_before_the_first_request_and_after_each() -> None:
    time, watches, _ = watched()
    watch = watches.add(lambda: None)
    time.now = 74.9
    assert watches.overdue() == []
    watch.received(1)
    watch.begin()
    time.now = 1000.0
    assert watches.overdue() == []
    answered(watch)
    time.now = 1074.9
    assert watches.overdue() == []
    time.now = 1075.0
    assert watches.overdue() == [watch]


def test_a_head_may_be_so_long_and_the_next_one_again() -> None:
    _, watches, _ = watched()
    watch = watches.add(lambda: None)
    watch.received(100)
    assert not watch.is_head_too_long
    watch.begin()
    answered(watch)
    watch.received(100)
    assert not watch.is_head_too_long
    watch.received(1)
    assert watch.is_head_too_long


def test_the_rest_of_a_refused_body_has_little_time_and_then_all_is_as_before() -> None:
    time, watches, _ = watched()
    watch = watches.add(lambda: None)
    watch.begin()
    watch.received_rest()
    answered(watch)
    watch.received_rest()
    time.now = 1.0
    watch.received_rest()
    time.now = 2.0
    assert watches.overdue() == [watch]
    watch.rest_is_over()
    assert watches.overdue() == []


def test_whoever_has_waited_longest_makes_room_and_nobody_who_is_busy() -> None:
    _, watches, ended = watched()
    first, second = (watches.add(lambda name=name: ended.append(name)) for name in ("first", "second"))
    assert watches.is_full
    first.begin()
    answered(first)
    watches.make_room()
    assert ended == ["second"]
    watches.remove(second)
    assert not watches.is_full
    first.begin()
    watches.make_room()
    assert ended == ["second"]


def test_two_requests_at_once_are_busy_until_the_last_has_its_answer() -> None:
    _, watches, _ = watched()
    watch = watches.add(lambda: None)
    watch.begin()
    watch.begin()
    answered(watch)
    assert (watch.phase, list(watches.waiting)) == ("busy", [])
    answered(watch)
    assert (watch.phase, list(watches.waiting)) == ("idle", [watch])
    watches.remove(watch)
    assert (list(watches.open), watches.seen) == ([], 1)


def test_nobody_is_ended_to_make_room_before_the_answer_is_sent_whatever_comes_meanwhile() -> None:
    _, watches, ended = watched()
    watch = watches.add(lambda: ended.append("watch"))
    watch.begin()
    watch.answer()
    watch.received(1)
    watches.make_room()
    assert (watch.phase, ended) == ("head", [])
    watch.finish()
    assert watch.phase == "head", "the next request has begun"
    watches.make_room()
    assert ended == ["watch"]


def test_nor_when_the_rest_of_a_refused_body_has_come_before_that() -> None:
    _, watches, ended = watched()
    watch = watches.add(lambda: ended.append("watch"))
    watch.begin()
    watch.answer()
    watch.received_rest()
    watch.rest_is_over()
    watches.make_room()
    assert ended == []
    watch.finish()
    watches.make_room()
    assert ended == ["watch"]
