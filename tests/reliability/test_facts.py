"""Events are a function of seed and id, and whatever is done to one on its way is seen."""

from __future__ import annotations

import json

import pytest

from bench.reliability.facts import Facts, Seen

FACTS = Facts(1)
IDS = [0, 7, 1024, 999_999_999_999]


def array(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def test_an_event_is_json_of_the_spec_with_its_id_in_it_twice() -> None:
    event = json.loads(FACTS.event(42))
    assert event["messageId"] == "00000001-000000000042"
    assert event["properties"]["n"] == "000000000042"
    assert event["type"] == "track"
    assert event["userId"].startswith("u-")


def test_the_same_seed_and_id_give_the_same_bytes_and_another_seed_others() -> None:
    assert Facts(1).event(5) == FACTS.event(5) != Facts(2).event(5)


def test_events_are_of_the_size_of_real_ones() -> None:
    sizes = [len(FACTS.event(i)) for i in range(1024)]
    assert 780 < sum(sizes) / len(sizes) < 880
    assert min(sizes) > 250
    assert max(sizes) < 2500


@pytest.mark.parametrize("form", ["json_array", "ndjson", "unended", "single"])
def test_sound_bodies_are_read_in_every_format(form: str) -> None:
    events = [FACTS.event(i) for i in IDS]
    bodies = {
        "json_array": (array(*events), IDS),
        "ndjson": (FACTS.lines(IDS), IDS),
        "unended": (b"\n".join(events), IDS),
        "single": (events[1], [7]),
    }
    body, ids = bodies[form]
    assert FACTS.read(body) == Seen(ids)


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        (FACTS.event(1).replace(b"track", b"trick"), Seen([0, 2], altered=1)),
        (FACTS.event(1).replace(b'"n":"000000000001"', b'"n":"000000000002"'), Seen([0, 2], altered=1)),
        (FACTS.event(1).replace(b"1.10", b"1.1"), Seen([0, 2], altered=1)),
        (FACTS.event(1).replace(b'"b" :', b'"b":'), Seen([0, 2], altered=1)),
        (FACTS.event(1)[:-1] + b',"added":1}', Seen([0, 2], altered=1)),
        (Facts(2).event(1), Seen([0, 2], invented=1)),
        (b'{"type":"track"}', Seen([0, 2], invented=1)),
    ],
)
def test_one_bad_event_is_told_from_its_neighbours(wrong: bytes, seen: Seen) -> None:
    neighbours = FACTS.event(0), FACTS.event(2)
    assert FACTS.read(array(neighbours[0], wrong, neighbours[1])) == seen
    assert FACTS.read(b"\n".join([neighbours[0], wrong, neighbours[1], b""])) == seen


@pytest.mark.parametrize("body", [b"", b"[]"])
def test_an_empty_body_has_nothing_in_it(body: bytes) -> None:
    assert FACTS.read(body) == Seen([])


@pytest.mark.parametrize("body", [b"[", array(FACTS.event(0))[:-1], array(FACTS.event(0)) + b"]"])
def test_a_torn_body_is_not_sound(body: bytes) -> None:
    seen = FACTS.read(body)
    assert seen.ids == []
    assert seen.altered + seen.invented == 1


def test_a_neighbour_torn_in_two_is_seen() -> None:
    first, second = FACTS.event(0), FACTS.event(1)
    assert FACTS.read(array(first[:-99] + second[-99:], second)) != Seen([0, 1])
