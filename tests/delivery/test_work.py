"""Works, the shelf, and parked events: who is next, and that nothing gets lost in between."""

from __future__ import annotations

import pytest
from doorstep.engine.delivery.parked import Parked, ParkedEvents
from doorstep.engine.delivery.work import Shelf, Work
from doorstep.engine.model import Batch, Envelope, Event, Receipt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

RECEIPT = Receipt("test", 0.0, 0.0)


def envelope(number: int, size: int = 10) -> Envelope:
    return Envelope(number, b"x" * size, Event("track"), RECEIPT)


def work(first: int, events: int = 1) -> Work:
    return Work(Batch([envelope(first + i) for i in range(events)]), "1")


def parked(number: int, size: int = 10) -> Parked:
    return Parked(envelope(number, size), since=0.0, down_s=0.0)


def test_the_parts_of_a_work_know_what_is_known_against_the_whole() -> None:
    whole = work(1, 5)
    whole.tries, whole.counted, whole.mark, whole.attempted, whole.probes, whole.crashes = 4, 2, 17, True, 3, 1
    parts = whole.parts()
    assert [[one.number for one in part.batch.envelopes] for part in parts] == [[1, 2, 3], [4, 5]]
    for part in parts:
        assert (part.tries, part.counted, part.mark, part.attempted, part.version) == (0, 2, 17, True, "1")
        assert (part.probes, part.crashes, part.rows) == (0, 0, {})


def test_the_same_batch_again_has_the_same_identity_and_no_other_has() -> None:
    assert work(7, 3).identity == work(7, 3).identity
    assert len({work(7, 3).identity, work(7, 2).identity, work(8, 3).identity, work(3, 7).identity}) == 4


def test_the_work_of_a_parked_event_is_a_repeat_and_remembers_its_last_attempt() -> None:
    event = parked(3)
    event.mark, event.attempts = 8, 2
    again = Work.of(Batch([event.envelope]), "1", [event])
    assert (again.attempted, again.mark, again.counted) == (True, 8, 0)


def test_the_due_work_with_the_lowest_number_goes_first() -> None:
    shelf = Shelf()
    for first, due in ((30, 1.0), (10, 9.0), (20, 2.0)):
        shelf.put(work(first), due)
    assert shelf.next_due(in_order=False) == 1.0
    taken = [shelf.take_due(now, in_order=False) for now in (0.5, 3.0, 3.0, 3.0, 9.0)]
    assert [one and one.first for one in taken] == [None, 20, 30, None, 10]
    assert shelf.next_due(in_order=False) is None


def test_in_order_nobody_passes_the_oldest() -> None:
    shelf = Shelf()
    shelf.put(work(20), 1.0)
    shelf.put(work(10), 9.0)
    assert shelf.next_due(in_order=True) == 9.0
    assert shelf.take_due(5.0, in_order=True) is None
    oldest = shelf.take_due(9.0, in_order=True)
    assert oldest is not None
    assert oldest.first == 10


def test_probes_go_round() -> None:
    shelf = Shelf()
    for first in (3, 1, 2):
        shelf.put(work(first), 0.0)
    order = []
    for _ in range(7):
        probe = shelf.take_unprobed() or shelf.take_least_probed()
        assert probe is not None
        probe.probes += 1
        order.append(probe.first)
        shelf.put(probe, 100.0)
    assert order == [1, 2, 3, 1, 2, 3, 1]
    shelf.proven()
    assert [one.probes for one in shelf] == [0, 0, 0]


def test_works_tried_often_enough_keep_no_slot() -> None:
    shelf = Shelf()
    for first, tries in ((1, 0), (2, 2), (3, 3), (4, 9)):
        one = work(first)
        one.tries = tries
        shelf.put(one, 0.0)
    assert shelf.kept(3) == 2


def test_parked_events_are_full_at_their_cap_and_take_one_all_the_same() -> None:
    events = ParkedEvents(25)
    full = []
    for number, due in ((1, 5.0), (2, 3.0), (3, 4.0)):
        events.put(parked(number), due)
        full.append(events.is_full)
    assert full == [False, False, True]
    [taken] = events.take_due(10.0)
    assert (taken.envelope.number, events.is_full, len(events)) == (2, False, 2)


def test_events_due_at_one_moment_come_in_order_of_number() -> None:
    events = ParkedEvents(1000)
    for number in (3, 1, 2):
        events.put(parked(number), 1.0)
    assert [one.envelope.number for one in events.take_all()] == [1, 2, 3]
    assert (len(events), events.is_full, events.next_due()) == (0, False, None)


class ShelfMachine(RuleBasedStateMachine):
    """Shelf and parked events beside dicts from number to due time."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf, self.works = Shelf(), dict[int, Work]()
        self.events, self.dues = ParkedEvents(200), dict[int, float]()
        self.number = 0
        self.now = 0.0

    @rule(due=st.integers(0, 50), probes=st.integers(0, 3))
    def put(self, due: int, probes: int) -> None:
        self.number += 1
        self.works[self.number] = one = work(self.number)
        one.probes = probes
        self.shelf.put(one, float(due))

    @rule(due=st.integers(0, 50), size=st.integers(1, 90))
    def park(self, due: int, size: int) -> None:
        self.number += 1
        self.events.put(parked(self.number, size), float(due))
        self.dues[self.number] = float(due)

    @rule(seconds=st.integers(0, 20))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(in_order=st.booleans())
    def take_due(self, in_order: bool) -> None:
        due = [first for first in sorted(self.works)[: 1 if in_order else None] if self.works[first].due <= self.now]
        taken = self.shelf.take_due(self.now, in_order=in_order)
        assert taken is (self.works.pop(due[0]) if due else None)

    @precondition(lambda self: self.works)
    @rule()
    def take_probe(self) -> None:
        least = min(self.works, key=lambda first: (self.works[first].probes, first))
        assert self.shelf.take_least_probed() is self.works.pop(least)

    @rule()
    def take_unprobed(self) -> None:
        fresh = next((first for first in sorted(self.works) if not self.works[first].probes), None)
        assert self.shelf.take_unprobed() is (self.works.pop(fresh) if fresh else None)

    @rule()
    def take_parked(self) -> None:
        taken = self.events.take_due(self.now)
        due = sorted((due, number) for number, due in self.dues.items() if due <= self.now)
        assert [one.envelope.number for one in taken] == [number for _, number in due[:1]]
        if due:
            del self.dues[due[0][1]]

    @rule()
    def take_all(self) -> None:
        assert [one.first for one in self.shelf.take_all()] == sorted(self.works)
        self.works.clear()

    @invariant()
    def agrees(self) -> None:
        assert [one.first for one in self.shelf] == sorted(self.works)
        assert self.shelf.next_due(in_order=False) == min((one.due for one in self.works.values()), default=None)
        assert len(self.events) == len(self.dues)
        assert self.events.next_due() == min(self.dues.values(), default=None)


TestShelfMachine = ShelfMachine.TestCase
TestShelfMachine.settings = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_reprs_say_what_there_is() -> None:
    assert repr(work(5, 2)) == "<Work 5 +2, 0 tries, 0 counted>"
    assert repr(parked(5)) == "<Parked 5, 0 attempts, due 0.000>"
    with pytest.raises(IndexError):
        Shelf().oldest  # noqa: B018
