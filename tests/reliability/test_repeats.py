"""Which kill is to blame for what came again, where it was handed over more than once."""

from __future__ import annotations

from bench.reliability.repeats import Kill, repeats


def test_one_kill_repeats_both_copies_of_what_was_handed_over_twice() -> None:
    kills = [Kill(100, 110), Kill(200, 210)]
    arrived = [(120, [7]), (130, [7]), (220, [7]), (230, [7])]  # both copies in one life, and both again in the next
    found = repeats(arrived, lambda i: 2, kills, in_flight=10)
    assert (found.excused, found.provoked, found.unprovoked) == (1, 2, 0)


def test_more_than_every_copy_in_one_life_is_nobodys_kill() -> None:
    kills = [Kill(100, 110)]
    found = repeats([(120, [7]), (130, [7]), (140, [7])], lambda i: 2, kills, in_flight=10)
    assert (found.excused, found.provoked, found.unprovoked) == (1, 0, 1)
