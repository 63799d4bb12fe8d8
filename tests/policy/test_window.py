"""The batch window beside a naive model: nothing lost, doubled or reordered within a key, limits and age kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from doorstep.engine.model.batch import Batch
from doorstep.engine.model.envelope import Envelope, Receipt
from doorstep.engine.model.event import Event
from doorstep.engine.policy.window import BatchSettings, BatchWindow
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

Make = Callable[..., Envelope]
RECEIPT = Receipt("test", 0.0, 0.0)
WAIT_S = 0.1


def user_of(envelope: Envelope) -> str | None:
    assert isinstance(envelope.event, Event)
    return envelope.event.userId


def numbers(batch: Batch | None) -> list[int] | None:
    return None if batch is None else [envelope.number for envelope in batch.envelopes]


class BesideAModel(RuleBasedStateMachine):
    """The model is one flat list of (added, envelope); everything is found by looking at all of it."""

    @initialize(max_events=st.integers(1, 6), max_bytes=st.sampled_from([1, 30, 60, 10_000]), keyed=st.booleans())
    def start(self, max_events: int, max_bytes: int, keyed: bool) -> None:
        self.max_events, self.max_bytes = max_events, max_bytes
        self.key = user_of if keyed else None
        self.window = BatchWindow(max_events, max_bytes, WAIT_S, self.key)
        self.waiting: list[tuple[float, Envelope]] = []
        self.now = 50.0
        self.number = 0

    def group(self, envelope: Envelope) -> str | None:
        return user_of(envelope) if self.key else None

    def lines(self) -> dict[str | None, list[tuple[float, Envelope]]]:
        lines: dict[str | None, list[tuple[float, Envelope]]] = {}
        for added, envelope in self.waiting:
            lines.setdefault(self.group(envelope), []).append((added, envelope))
        return lines

    def due_lines(self) -> list[list[tuple[float, Envelope]]]:
        return [
            line
            for line in self.lines().values()
            if len(line) >= self.max_events
            or sum(len(envelope.line) + 1 for _, envelope in line) >= self.max_bytes
            or self.now - line[0][0] >= WAIT_S - 1e-6
        ]

    def check(self, batch: Batch | None, candidates: list[list[tuple[float, Envelope]]]) -> None:
        """`batch` is the next part of the candidate with the oldest event, as long as the limits allow."""
        if not candidates:
            assert batch is None
            return
        assert batch is not None
        line = self.lines()[self.group(batch.envelopes[0])]
        assert line[0][0] == min(candidate[0][0] for candidate in candidates)
        taken = list(batch.envelopes)
        assert taken == [envelope for _, envelope in line[: len(taken)]]
        size = sum(len(envelope.line) + 1 for envelope in taken)
        assert len(taken) == 1 or (len(taken) <= self.max_events and size <= self.max_bytes)
        if len(taken) < min(len(line), self.max_events):
            assert size + len(line[len(taken)][1].line) + 1 > self.max_bytes, "one more would have fitted"
        self.waiting = [entry for entry in self.waiting if entry[1] not in taken]

    @rule(sizes=st.lists(st.integers(0, 40), max_size=12), data=st.data())
    def add(self, sizes: list[int], data: st.DataObject) -> None:
        added = []
        for size in sizes:
            self.number += 1
            user = data.draw(st.sampled_from("abc"))
            added.append(Envelope(self.number, b"x" * size, Event("track", userId=user), RECEIPT))
        self.window.add(added, self.now)
        self.waiting += [(self.now, envelope) for envelope in added]

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.05, 0.3]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def wait_until_due(self) -> None:
        left = self.window.due(self.now)
        if left is not None:
            self.now += left
            self.take()
            assert len(self.waiting) < self.number, "something was due"

    @rule()
    def take(self) -> None:
        candidates = self.due_lines()
        self.check(self.window.take(self.now), candidates)

    @rule()
    def flush(self) -> None:
        candidates = list(self.lines().values())
        self.check(self.window.flush(self.now), candidates)

    @rule()
    def clear(self) -> None:
        self.window.clear()
        self.waiting = []

    @invariant()
    def the_numbers_agree(self) -> None:
        if not hasattr(self, "window"):
            return
        seen = self.window.statistics()
        assert len(self.window) == seen.events == len(self.waiting)
        assert self.window.size_bytes == seen.size_bytes == sum(len(envelope.line) + 1 for _, envelope in self.waiting)
        assert seen.keys == len(self.lines())
        assert seen.oldest == (self.waiting[0][0] if self.waiting else None)

    @invariant()
    def due_is_when_the_model_says(self) -> None:
        if not hasattr(self, "window"):
            return
        left = self.window.due(self.now)
        if not self.waiting:
            assert left is None
        elif self.due_lines():
            assert left == 0.0
        else:
            assert left == pytest.approx(self.waiting[0][0] + WAIT_S - self.now, abs=1e-5)


TestBesideAModel = BesideAModel.TestCase
TestBesideAModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_an_empty_window_is_never_due() -> None:
    window = BatchWindow(5, 100, WAIT_S)
    window.add([], 0.0)
    assert (window.due(0.0), window.take(9.0), window.flush(9.0)) == (None, None, None)


def test_a_batch_is_due_by_count(envelope: Make) -> None:
    window = BatchWindow(3, 10_000, WAIT_S)
    window.add([envelope(1), envelope(2)], 0.0)
    assert window.take(0.0) is None
    window.add([envelope(3), envelope(4)], 0.0)
    assert window.due(0.0) == 0.0
    assert numbers(window.take(0.0)) == [1, 2, 3]
    assert window.take(0.0) is None


def test_a_batch_is_due_by_bytes_line_ends_included(envelope: Make) -> None:
    window = BatchWindow(100, 30, WAIT_S)
    window.add([envelope(1), envelope(2)], 0.0)
    assert window.due(0.0) == WAIT_S
    window.add([envelope(3), envelope(4)], 0.0)
    assert numbers(window.take(0.0)) == [1, 2, 3]
    assert window.size_bytes == 10


def test_a_batch_is_due_by_the_age_of_its_oldest_event(envelope: Make) -> None:
    window = BatchWindow(100, 10_000, WAIT_S)
    window.add([envelope(1)], 1.0)
    window.add([envelope(2)], 1.08)
    assert window.due(1.08) == pytest.approx(0.02)
    assert window.take(1.09) is None
    assert numbers(window.take(1.1)) == [1, 2]


def test_who_wakes_a_rounding_error_early_is_not_sent_back_to_sleep(envelope: Make) -> None:
    window = BatchWindow(100, 10_000, WAIT_S)
    window.add([envelope(1)], 1.0)
    assert window.due(1.0999999999999996) == 0.0
    assert numbers(window.take(1.0999999999999996)) == [1]


def test_what_is_left_over_keeps_its_age(envelope: Make) -> None:
    window = BatchWindow(2, 10_000, WAIT_S)
    window.add([envelope(number) for number in (1, 2, 3)], 0.0)
    window.take(0.0)
    window.add([envelope(4)], 0.05)
    assert window.statistics().oldest == 0.0


def test_one_event_goes_however_big(envelope: Make) -> None:
    window = BatchWindow(5, 10, WAIT_S)
    window.add([envelope(1, size=5000), envelope(2)], 0.0)
    assert numbers(window.take(0.0)) == [1]
    assert numbers(window.take(0.0)) == [2]


def test_flush_takes_what_is_not_due(envelope: Make) -> None:
    window = BatchWindow(2, 10_000, WAIT_S)
    window.add([envelope(number) for number in (1, 2, 3)], 0.0)
    assert [numbers(window.flush(0.0)) for _ in range(3)] == [[1, 2], [3], None]


def test_a_batch_holds_the_events_of_one_key_in_order(envelope: Make) -> None:
    window = BatchWindow(10, 10_000, WAIT_S, user_of)
    window.add([envelope(1, user="a"), envelope(2, user="b"), envelope(3, user="a"), envelope(4, user="b")], 0.0)
    assert [numbers(window.take(0.1)) for _ in range(3)] == [[1, 3], [2, 4], None]


def test_a_full_key_goes_before_it_is_old_and_an_old_one_before_a_full_one(envelope: Make) -> None:
    window = BatchWindow(2, 10_000, WAIT_S, user_of)
    window.add([envelope(1, user="a")], 0.0)
    window.add([envelope(2, user="b"), envelope(3, user="b")], 0.05)
    assert numbers(window.take(0.05)) == [2, 3]
    window.add([envelope(4, user="b"), envelope(5, user="b")], 0.05)
    assert [numbers(window.take(0.1)) for _ in range(2)] == [[1], [4, 5]]


def test_keys_that_come_and_go_leave_nothing_behind(envelope: Make) -> None:
    window = BatchWindow(2, 10_000, 3600.0, user_of)
    window.add([envelope(0, user="stays")], 0.0)
    for number in range(2000):
        window.add([envelope(number, user=f"u{number}"), envelope(number, user=f"u{number}")], 1.0)
        assert window.take(1.0) is not None
    assert window.statistics().keys == 1
    assert len(window._by_age) + len(window._full) < 200


def test_it_tells_what_it_does(envelope: Make) -> None:
    plain, keyed = BatchWindow(5, 100, WAIT_S), BatchWindow(5, 100, WAIT_S, user_of)
    for window in (plain, keyed):
        window.add([envelope(1, user="a"), envelope(2, user="b")], 0.0)
    assert repr(plain) == "<BatchWindow 2 events, 20 bytes>"
    assert repr(keyed) == "<BatchWindow 2 events of 2 keys, 20 bytes>"


def test_the_settings_read_as_in_the_contract(toml: Any) -> None:
    read = toml('max_events = 500\nmax_bytes = "512KiB"\nmax_wait = "100ms"', BatchSettings)
    assert read == BatchSettings()
    assert (read.max_events, read.max_bytes, read.max_wait) == (500, 524288, 0.1)


@pytest.mark.parametrize("text", ["max_events = 0", 'max_bytes = "0"', "max_wait = 5", "max_age = 1"])
def test_wrong_settings_are_refused(toml: Any, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        toml(text, BatchSettings)
