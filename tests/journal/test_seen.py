"""What was seen: nothing too short, nothing too long, nothing by mistake; within its bound; beside a plain model."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import pytest
from doorstep.engine.journal.seen import Seen, SeenStatistics, digests
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

WINDOW_S = 64.0
"""A slice is one second."""
START = 1_700_000_000.0


def of(*ids: str) -> bytes:
    return digests(ids)


def bits(*numbers: int) -> bytes:
    """Digests of zeros and ones that look alike wherever one begins to look, in two buckets only."""
    return b"".join(bytes((number >> place) & 1 for place in range(16)) for number in numbers)


def many(first: int, count: int) -> bytes:
    return b"".join(
        blake2b(number.to_bytes(8, "big"), digest_size=16).digest() for number in range(first, first + count)
    )


# Digests -------------------------------------------------------------------------------------------------------------


def test_a_digest_is_what_it_always_was() -> None:
    """These bytes are in journals: another algorithm or encoding would forget them all."""
    found = digests(["", "a", "b1e2c3d4-0000-4000-8000-00000000000f", "Grüße 🎈", "\ud800"])
    assert [found[at : at + 16].hex() for at in range(0, 80, 16)] == [
        "cae66941d9efbd404e4d88758ea67670",
        "27c35e6e9373877f29e562464e46497e",
        "03ef29865f2f6a4500ff2e6c46a6a8c8",
        "41a329dd3d784b5e42c1eed794538251",
        "b4fe3de0239399efbfffc79686f435f9",
    ]
    assert digests([]) == b""


def test_ids_of_any_length_and_any_text_differ() -> None:
    ids = [
        "",
        " ",
        "\0",
        "\0\0",
        "a" * 15,
        "a" * 16,
        "a" * 17,
        "a" * 999_999 + "b",
        "a" * 1_000_000,
        "é",
        "e\u0301",
        "\ud83c",
        "\udf88",
        "🎈",
    ]
    found = digests(ids)
    assert len({found[at : at + 16] for at in range(0, len(found), 16)}) == len(ids) == 14


# Admit ---------------------------------------------------------------------------------------------------------------


def test_what_was_seen_before_is_a_duplicate_in_the_same_call_too() -> None:
    seen = Seen(WINDOW_S, 1000)
    assert seen.admit(of("a", "b", "a", "c", "b", "a"), START) == [2, 4, 5]
    assert seen.admit(of("d", "c", "e", "d"), START + 1) == [1, 3]
    assert seen.admit(b"", START + 1) == []
    assert seen.statistics() == SeenStatistics(5, 1000, 0, 5, 18_557)
    assert repr(seen) == "<Seen 5 of 1000 keys in 2 lots, 0 stale>"


def test_every_bit_of_a_digest_counts() -> None:
    seen = Seen(WINDOW_S, 1000)
    alike = b"".join((1 << bit).to_bytes(16, "big") for bit in range(128)) + bytes(16)
    assert seen.admit(alike, START) == []
    assert seen.admit(alike, START) == list(range(129))


@pytest.mark.parametrize("number", [0, 1, 127, 254, 255])
def test_bytes_that_straddle_two_keys_are_no_key(number: int) -> None:
    """Whatever stands between two keys, and before the bytes that look like one."""
    seen = Seen(WINDOW_S, 1000)
    one, two = bytes([0] + [number] * 15), bytes([0, *range(16, 31)])
    seen.admit(one + two, START)
    inside = one + bytes([number]) + two[1:]
    for at in range(3, 17):
        assert seen.admit(b"\0" + inside[at : at + 15], START) == []
        seen.forget(b"\0" + inside[at : at + 15])
    assert seen.admit(one + two, START) == [0, 1]


# Time ----------------------------------------------------------------------------------------------------------------


def test_a_key_is_remembered_for_the_window_and_at_most_a_slice_more() -> None:
    assert Seen(WINDOW_S, 1000).admit(of("a"), START) == []
    for first, later, expected in [
        (0.0, 64.0, [0]),
        (0.0, 64.999, [0]),
        (0.0, 65.0, []),
        (0.999, 64.999, [0]),
        (0.999, 65.0, []),
    ]:
        seen = Seen(WINDOW_S, 1000)
        seen.admit(of("a"), START + first)
        assert seen.admit(of("a"), START + later) == expected


def test_a_duplicate_does_not_make_a_key_live_longer() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.admit(of("a"), START)
    assert seen.admit(of("a"), START + 60) == [0]
    assert seen.admit(of("a"), START + 66) == []
    assert seen.admit(of("a"), START + 120) == [0]


@given(st.floats(0.001, 1e7), st.lists(st.tuples(st.integers(0, 9), st.floats(0, 0.3)), min_size=1, max_size=60))
def test_never_shorter_than_the_window_never_longer_by_more_than_a_64th(
    window_s: float, steps: list[tuple[int, float]]
) -> None:
    seen, now, first = Seen(window_s, 1000), START, dict[int, float]()
    for key, step in steps:
        now += step * window_s
        is_duplicate = seen.admit(bits(key), now) == [0]
        age = now - first.get(key, float("-inf"))
        assert is_duplicate or age > window_s * 0.999
        assert not is_duplicate or age < window_s * (1 + 1 / 64) * 1.001
        if not is_duplicate:
            first[key] = now


def test_a_clock_set_back_counts_as_no_time_passed() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.admit(of("a"), START)
    assert seen.admit(of("a", "b"), START - 3600) == [0]
    assert seen.admit(of("a", "b"), START - 3600 + 64) == [0, 1]
    assert seen.admit(of("a", "b"), START - 3600 + 66) == []


def test_times_that_waver_do_not_make_time_run_faster() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.admit(of("a"), START)
    for _ in range(1000):
        seen.admit(b"", START + 0.5)
        seen.admit(b"", START)
    assert seen.admit(of("a"), START + 64) == [0]
    assert seen.admit(of("a"), START + 65) == []


def test_a_clock_set_forward_forgets() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.admit(of("a"), START)
    assert seen.admit(of("a"), START + 30 * 86400) == []
    assert seen.admit(of("a"), START) == [0]
    assert seen.admit(of("a"), START + 66) == []


# The bound -----------------------------------------------------------------------------------------------------------


def test_one_too_many_makes_the_oldest_lot_go() -> None:
    seen = Seen(WINDOW_S, 128)
    assert seen.admit(many(0, 128), START) == []
    assert seen.admit(many(0, 128), START) == list(range(128))
    assert seen.statistics().forgotten_early == 0
    assert seen.admit(many(128, 1), START) == []
    assert msgspec.structs.asdict(seen.statistics()).items() >= {"keys": 127, "forgotten_early": 2}.items()
    assert seen.admit(many(2, 127), START) == list(range(127))
    assert seen.admit(many(0, 2), START) == []


def test_the_oldest_by_time_goes_first() -> None:
    seen = Seen(WINDOW_S, 3)
    seen.load(of("young"), START - 1, START)
    seen.load(of("old"), START - 9, START)
    seen.load(of("middle"), START - 5, START)
    seen.admit(of("new"), START)
    assert seen.admit(of("young"), START) == [0]
    assert seen.admit(of("middle"), START) == [0]
    assert seen.admit(of("old"), START) == []


def test_a_bound_of_one_remembers_the_last() -> None:
    seen = Seen(WINDOW_S, 1)
    assert seen.admit(of("a", "a", "b", "b", "a"), START) == [1, 3]
    assert seen.statistics().forgotten_early == 2


def test_the_warning_is_due_once() -> None:
    seen = Seen(WINDOW_S, 2)
    seen.admit(of("a", "a", "a"), START)
    assert seen.is_warning_due() is False
    seen.admit(of("b"), START)
    assert [seen.is_warning_due(), seen.is_warning_due()] == [True, False]
    seen.admit(of("c"), START)
    assert seen.is_warning_due() is False


def test_the_warning_is_due_also_if_the_keys_are_gone_again() -> None:
    seen = Seen(WINDOW_S, 2)
    seen.admit(of("a", "b", "c"), START)
    seen.admit(b"", START + 100)
    assert (seen.statistics().keys, seen.is_warning_due()) == (0, True)


@pytest.mark.parametrize(("window_s", "max_keys"), [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1, 0)])
def test_a_window_and_a_bound_are_positive(window_s: float, max_keys: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Seen(window_s, max_keys)


# Forget and load -----------------------------------------------------------------------------------------------------


def test_what_is_forgotten_is_new_again_and_makes_room() -> None:
    seen = Seen(WINDOW_S, 3)
    seen.admit(of("a", "b", "c"), START)
    seen.forget(of("a", "never seen", "c", "c"))
    assert seen.statistics().keys == 1
    assert seen.admit(of("a", "b", "c"), START) == [1]
    assert seen.statistics().forgotten_early == 0


def test_what_is_loaded_counts_from_when_it_was_seen() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.load(of("too old"), START - 65, START)
    seen.load(of("a", "b"), START - 60, START)
    assert seen.statistics().keys == 2
    assert seen.admit(of("a", "too old"), START + 4) == [0]
    assert seen.admit(of("b"), START + 5) == []


def test_what_is_loaded_from_the_future_counts_as_seen_now() -> None:
    seen = Seen(WINDOW_S, 1000)
    seen.load(of("a"), START + 86400, START)
    assert seen.admit(of("a"), START + 64) == [0]
    assert seen.admit(of("a"), START + 65) == []


def test_what_is_loaded_twice_is_remembered_until_the_later_and_forgotten_as_one() -> None:
    for times in [(50, 10), (10, 50)]:
        seen = Seen(WINDOW_S, 1000)
        for ago in times:
            seen.load(of("a"), START - ago, START)
        assert seen.statistics().keys == 2
        assert seen.admit(of("a"), START + 54) == [0]
        assert seen.statistics().keys == 1
        seen = Seen(WINDOW_S, 1000)
        for ago in times:
            seen.load(of("a"), START - ago, START)
        seen.forget(of("a"))
        assert seen.admit(of("a"), START) == []


def test_more_is_loaded_than_fits() -> None:
    seen = Seen(WINDOW_S, 640)
    seen.load(many(0, 1000), START - 1, START)
    assert (seen.statistics().keys, seen.statistics().forgotten_early) == (640, 360)
    assert seen.admit(many(360, 640), START) == list(range(640))


# Memory --------------------------------------------------------------------------------------------------------------


def entries(seen: Seen) -> int:
    return sum(map(len, seen._buckets)) // 16


def test_what_is_over_does_not_stay_in_memory() -> None:
    seen = Seen(WINDOW_S, 6400)
    for second in range(300):
        seen.admit(many(second * 50, 50), START + second)
    assert seen.statistics().keys == 65 * 50
    assert entries(seen) < 2 * 65 * 50


def test_after_64_new_lots_nothing_stale_is_left_though_nobody_touched_it() -> None:
    seen = Seen(WINDOW_S, 127)
    seen.load(bits(1), START, START)
    seen.load(bits(3, 5), START - 60, START)
    seen.load(bits(7), START, START)
    for number in range(64):
        assert seen.admit(bits(number * 2), START + 6) == []
    assert (seen.statistics().keys, entries(seen)) == (66, 66)
    assert seen.admit(bits(1, 3, 5, 7), START + 6) == [0, 3]


def test_numbers_of_lots_are_used_again_and_nothing_old_comes_back() -> None:
    seen = Seen(WINDOW_S, 64)
    for number in range(3000):
        assert seen.admit(many(number, 1), START) == []
    assert seen.admit(many(2936, 64), START) == list(range(64))
    assert seen.admit(many(0, 2936), START) == []


def test_lots_that_were_nearly_emptied_give_way_when_numbers_run_out() -> None:
    """Each second fills ten lots, then all but one key of each is taken back: far more lots than numbers."""
    seen = Seen(WINDOW_S, 64 * 100)
    for second in range(64):
        for first in range(second * 1000, second * 1000 + 1000, 100):
            seen.admit(many(first, 100), START + second)
        seen.forget(b"".join(many(first, 99) for first in range(second * 1000, second * 1000 + 1000, 100)))
    statistics = seen.statistics()
    assert statistics.keys + statistics.forgotten_early == 640
    assert statistics.keys >= 250
    assert seen.admit(many(63_999, 1), START + 63) == [0]
    assert entries(seen) <= 640


# Beside a model ------------------------------------------------------------------------------------------------------


class Model:
    """The rules of the docstring, in lists: lots of [slot, keys]."""

    def __init__(self, max_keys: int) -> None:
        self.max_keys = max_keys
        self.lots: list[tuple[int, list[int]]] = []
        self.time = self.clock = START
        self.forgotten_early = 0

    @property
    def keys(self) -> list[int]:
        return [key for _, keys in self.lots for key in keys]

    def tick(self, now: float) -> None:
        if now > self.clock or now < self.clock - 1:
            self.time += max(0.0, now - self.clock)
            self.clock = now
        self.lots = [(slot, keys) for slot, keys in self.lots if self.time < slot + 1 + WINDOW_S]

    def add(self, key: int, slot: int) -> None:
        while sum(len(keys) for _, keys in self.lots) == self.max_keys:
            oldest = min(self.lots, key=lambda lot: lot[0])
            self.forgotten_early += len(oldest[1])
            self.lots.remove(oldest)
        for other, keys in reversed(self.lots):
            if other == slot and len(keys) < max(1, self.max_keys // 64):
                keys.append(key)
                return
        self.lots.append((slot, [key]))

    def admit(self, keys: list[int], now: float) -> list[int]:
        self.tick(now)
        duplicates = []
        for position, key in enumerate(keys):
            if any(key in keys for _, keys in self.lots):
                duplicates.append(position)
            else:
                self.add(key, int(self.time))
        return duplicates

    def load(self, keys: list[int], ago: float, now: float) -> None:
        self.tick(now)
        slot = int(min(now - ago + self.time - self.clock, self.time))
        for key in keys if self.time < slot + 1 + WINDOW_S else []:
            self.add(key, slot)

    def forget(self, forgotten: list[int]) -> None:
        for _, keys in self.lots:
            keys[:] = [key for key in keys if key not in forgotten]


some = st.lists(st.integers(0, 250), max_size=16)
quarters = st.integers(0, 40).map(lambda quarter: quarter / 4)


class BesideModel(RuleBasedStateMachine):
    """Steps of a quarter of a slice, so that no float is ever rounded."""

    @initialize(max_keys=st.sampled_from([1, 5, 64, 130, 200]))
    def start(self, max_keys: int) -> None:
        self.seen, self.model, self.now = Seen(WINDOW_S, max_keys), Model(max_keys), START

    @rule(keys=some, step=quarters)
    def admit(self, keys: list[int], step: float) -> None:
        self.now += step
        assert self.seen.admit(bits(*keys), self.now) == self.model.admit(keys, self.now)

    @rule(first=st.integers(0, 210))
    def admit_a_run(self, first: int) -> None:
        self.admit(list(range(first, first + 40)), 0)

    @rule(keys=some, ago=st.integers(-200, 300).map(lambda quarter: quarter / 4))
    def load(self, keys: list[int], ago: float) -> None:
        self.seen.load(bits(*keys), self.now - ago, self.now)
        self.model.load(keys, ago, self.now)

    @rule(keys=some)
    def forget(self, keys: list[int]) -> None:
        self.seen.forget(bits(*keys))
        self.model.forget(keys)

    @rule(step=st.sampled_from([-86400.0, -30.0, -2.0, -1.25, -1.0, -0.5, 30.0, 64.0, 86400.0]))
    def jump(self, step: float) -> None:
        self.now += step
        assert self.seen.admit(b"", self.now) == self.model.admit([], self.now)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "seen"):
            return
        s = self.seen.statistics()
        assert (s.keys, s.forgotten_early) == (len(self.model.keys), self.model.forgotten_early)
        assert s.keys <= s.max_keys
        assert entries(self.seen) == s.keys + self.seen._stale


TestBesideModel: Any = BesideModel.TestCase
TestBesideModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
