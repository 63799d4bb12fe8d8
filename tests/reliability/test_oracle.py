"""The judge complains of exactly what is wrong: lost, invented, altered, repeated; and of nothing else."""

from __future__ import annotations

import pytest

from bench.reliability.arrivals import Arrivals, Arrived
from bench.reliability.facts import Seen
from bench.reliability.ledger import Ledger
from bench.reliability.oracle import Account, figures, judge
from bench.reliability.repeats import Kill, Repeats

MS = 1_000_000


def ledger(sent: list[int], acked: list[int]) -> Ledger:
    made = Ledger()
    made.send(sent)
    made.ack(acked)
    return made


def arrived(*requests: tuple[int, list[int]]) -> Arrived:
    """Requests as (milliseconds, ids)."""
    arrivals = Arrivals()
    for at_ms, ids in requests:
        arrivals.take(Seen(ids), b"", at_ms * MS)
    return arrivals.arrived()


def kill(killed_ms: int, started_ms: int) -> Kill:
    return Kill(killed_ms * MS, started_ms * MS)


def test_what_was_acked_and_arrived_once_is_sound() -> None:
    account = judge(ledger([0, 1, 2], [0, 1, 2]), arrived((1, [0, 1]), (2, [2])))
    assert account == Account(delivered=3, lost=0, invented=0, altered=0, repeats=Repeats(), examples=[])
    assert account.sound


def test_what_was_acked_and_never_arrived_is_lost() -> None:
    account = judge(ledger([0, 1, 2, 3], [0, 1, 2]), arrived((1, [0])))
    assert (account.lost, account.examples) == (2, [1, 2])
    assert not account.sound


def test_what_was_not_acked_may_arrive_or_not() -> None:
    assert judge(ledger([0, 1, 2], [0]), arrived((1, [0, 1]))).sound


def test_a_dead_letter_is_not_lost() -> None:
    assert judge(ledger([0, 1, 2], [0, 1, 2]), arrived((1, [0, 2])), elsewhere=[1]).sound


def test_what_nobody_sent_is_invented() -> None:
    account = judge(ledger([0, 2], [0, 2]), arrived((1, [0, 1, 2, 9])))
    assert (account.invented, account.examples) == (2, [1, 9])
    assert not account.sound


@pytest.mark.parametrize("seen", [Seen([0], altered=1), Seen([0], invented=1)])
def test_what_the_receiver_found_wrong_is_wrong(seen: Seen) -> None:
    arrivals = Arrivals()
    arrivals.take(seen, b"body", 1)
    account = judge(ledger([0], [0]), arrivals.arrived())
    assert (account.altered, account.invented) == (seen.altered, seen.invented)
    assert not account.sound


def test_a_repeat_without_a_kill_is_unprovoked() -> None:
    account = judge(ledger([0, 1], [0, 1]), arrived((1, [0, 1]), (2, [0])), kills=[kill(10, 20)], in_flight=100)
    assert account.repeats == Repeats(unprovoked=1)
    assert not account.sound


def test_a_repeat_within_one_request_is_unprovoked() -> None:
    assert judge(ledger([0], [0]), arrived((1, [0, 0]))).repeats == Repeats(unprovoked=1)


def test_a_repeat_after_a_kill_is_provoked_and_bounded() -> None:
    account = judge(ledger([0, 1], [0, 1]), arrived((1, [0, 1]), (30, [0, 1])), kills=[kill(10, 20)])
    assert account.repeats == Repeats(provoked=2, worst=2)
    assert account.sound


def test_what_was_delivered_long_before_the_kill_and_was_not_in_flight_must_not_come_again() -> None:
    story = arrived((1, [0, 1, 2]), (300, [0, 1, 2]))
    account = judge(ledger([0, 1, 2], [0, 1, 2]), story, kills=[kill(200, 250)], in_flight=2)
    assert account.repeats == Repeats(provoked=3, worst=3, over_bound=1)
    assert not account.sound


def test_the_first_kill_after_a_delivery_is_charged_with_its_repeat() -> None:
    story = arrived((1, [0]), (45, [0]))
    kills = [kill(10, 20), kill(30, 40)]
    account = judge(ledger([0], [0]), story, kills=kills)
    assert account.repeats == Repeats(provoked=1, worst=1)


def test_a_third_delivery_after_a_second_kill_is_charged_to_that_one() -> None:
    story = arrived((1, [0]), (25, [0]), (45, [0]))
    account = judge(ledger([0], [0]), story, kills=[kill(10, 20), kill(30, 40)])
    assert account.repeats == Repeats(provoked=2, worst=1)


def test_what_arrives_from_the_sockets_of_a_dead_engine_came_before_its_kill() -> None:
    story = arrived((15, [0]), (25, [0]))
    assert judge(ledger([0], [0]), story, kills=[kill(10, 20)]).repeats == Repeats(provoked=1, worst=1)


def test_what_the_producer_sent_twice_may_arrive_twice() -> None:
    again = ledger([0, 1], [])
    again.send([0])
    assert judge(again, arrived((1, [0, 1]), (2, [0]))).repeats == Repeats(excused=1)


def test_it_may_not_arrive_three_times() -> None:
    again = ledger([0], [])
    again.send([0])
    assert judge(again, arrived((1, [0]), (2, [0]), (3, [0]))).repeats == Repeats(excused=1, unprovoked=1)


def test_with_dedup_what_the_producer_sent_twice_arrives_once() -> None:
    again = ledger([0], [])
    again.send([0])
    assert judge(again, arrived((1, [0]), (2, [0])), once=True).repeats == Repeats(unprovoked=1)


def test_figures_are_of_all_destinations_together() -> None:
    lossy = judge(ledger([0, 1], [0, 1]), arrived((1, [0])))
    invented = judge(ledger([0], [0]), arrived((1, [0, 1]), (1, [1])))
    assert figures({"a": lossy, "b": invented}) == {
        "delivered": 3,
        "lost": 1,
        "invented": 1,
        "altered": 0,
        "repeated": 0,
        "repeats_at_worst_kill": 0,
        "repeats_excused": 0,
        "repeats_unprovoked": 1,
        "repeats_over_bound": 0,
    }


def test_the_ledger_counts_what_was_taken_back_as_never_sent() -> None:
    made = ledger([0, 1, 2], [0])
    made.take_back([2])
    assert (made.sent_count, made.acked_count, made.resent_count, made.next_id) == (2, 1, 0, 2)
    assert [made.times_sent(i) for i in (0, 1, 2, 99)] == [1, 1, 0, 0]
