"""Events are a function of (seed, i), valid by the spec, unique, and as large and as varied as real ones."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bench.events import BLOCK, MIX, Mix

COUNT = 2 * BLOCK + 10


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return b"".join(Mix(7).lines(COUNT)).split(b"\n")[:-1]


def test_the_same_seed_gives_the_same_bytes(lines: list[bytes]) -> None:
    assert b"".join(Mix(7).lines(COUNT)) == b"\n".join(lines) + b"\n"


def test_a_smaller_count_is_a_prefix_of_a_larger_one(lines: list[bytes]) -> None:
    assert b"".join(Mix(7).lines(11)) == b"\n".join(lines[:11]) + b"\n"


def test_event_i_is_made_without_the_others(lines: list[bytes]) -> None:
    places = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 9]
    assert [Mix(7).event(i) for i in places] == [lines[i] for i in places]


def test_another_seed_gives_other_events() -> None:
    assert Mix(1).event(0) != Mix(2).event(0)


def test_there_are_as_many_lines_as_asked_for(lines: list[bytes]) -> None:
    assert len(lines) == COUNT


def test_message_ids_are_unique_and_look_like_uuids(lines: list[bytes]) -> None:
    ids = {json.loads(line)["messageId"] for line in lines}
    assert len(ids) == COUNT
    assert {len(each) for each in ids} == {36}


def test_all_seven_types_come_about_as_often_as_the_mix_says(lines: list[bytes]) -> None:
    kinds = Counter(json.loads(line)["type"] for line in lines)
    assert set(kinds) == set(MIX) == {"track", "page", "identify", "screen", "group", "alias", "delete"}
    assert kinds["track"] / COUNT == pytest.approx(0.70, abs=0.05)
    assert kinds["page"] / COUNT == pytest.approx(0.12, abs=0.04)


def test_each_type_has_the_fields_that_the_spec_wants_of_it(lines: list[bytes]) -> None:
    wanted = {
        "track": "event",
        "identify": "traits",
        "group": "groupId",
        "alias": "previousId",
        "page": "name",
        "screen": "name",
    }
    for event in map(json.loads, lines[:2000]):
        assert {"type", "messageId", "timestamp", "userId", "context"} <= set(event)
        assert wanted.get(event["type"], "userId") in event


def test_timestamps_are_a_millisecond_apart(lines: list[bytes]) -> None:
    stamps = [json.loads(lines[i])["timestamp"] for i in (0, 1, 999, 1000, BLOCK)]
    assert stamps == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00.999Z",
        "2026-01-01T00:00:01.000Z",
        "2026-01-01T00:00:04.000Z",
    ]


def test_sizes_are_those_of_real_events(lines: list[bytes]) -> None:
    assert sum(map(len, lines)) / COUNT == pytest.approx(820, abs=40)
    assert max(map(len, lines)) < 2000


def test_some_events_have_letters_beyond_ascii_and_some_have_none(lines: list[bytes]) -> None:
    beyond = sum(not line.isascii() for line in lines)
    assert 0.2 < beyond / COUNT < 0.6


def test_orders_carry_their_products(lines: list[bytes]) -> None:
    orders = [event for event in map(json.loads, lines[:2000]) if event.get("event") == "Order Completed"]
    assert orders
    assert {len(order["properties"]["products"]) for order in orders} == {1, 2, 3, 4}
