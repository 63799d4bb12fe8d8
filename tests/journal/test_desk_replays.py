"""Replays of dead letters and of the journal: what was asked for, once, and they survive being cut off anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf, nan
from typing import Any

import anyio
import apsw
import msgspec
import pytest
from doorstep.engine.journal import standing
from doorstep.engine.journal.desk import LetterQuery, Replay
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.records import (
    ParkedEvent,
    Position,
    Try,
    open_chunk,
)
from doorstep.engine.journal.sealing import packed
from doorstep.engine.journal.stepping import Stepped
from doorstep.engine.journal.storage import OnTheSpot
from doorstep.engine.journal.store import Store
from doorstep.engine.model.envelope import Chunk

from .desks import NOW, arrival, changes, filled, letter_of, line_of, opened, run_out

pytestmark = pytest.mark.anyio


# Replays of dead letters ---------------------------------------------------------------------------------------------


async def test_a_replay_moves_exactly_the_letters_that_were_asked_for_in_the_order_they_came_in(bench):
    dead = [letter_of(number) for number in (9, 3, 1000, 14, 5)] + [letter_of(19, reason="other")]
    bench.commit(changes("hook", 2000, dead=dead), changes("ads", 2000, dead=[letter_of(3, "ads")]))
    query = LetterQuery(where="properties.n < 1000", reason=None, destination=None)
    replay = Replay(destination="hook", kind="dead", query=query)
    assert await bench.desk.replay(replay, dry_run=True) == (0, 5)
    assert await bench.desk.replay(replay) == (1, 5)
    parked = await run_out(bench.desk)
    assert [one.number for one in parked] == [3, 5, 9, 14, 19]
    assert parked[0] == ParkedEvent(
        number=3,
        line=line_of(3),
        source="shop",
        received=NOW - 100,
        due=NOW,
        attempts=0,
        tries=[Try(NOW - 90, "http_400", 400)],
        replay=1,
    )
    assert await bench.desk.parked("hook") == parked
    assert [(one.destination, one.number) for one in await bench.desk.letters(LetterQuery())] == [
        ("hook", 1000),
        ("ads", 3),
    ]
    assert await bench.desk.replays() == []


TWICE = """{"@merge": {"direction": "right", "objects": [
    {"@path": "$."}, {"messageId": "another", "properties": {"n": {"@path": "$.properties.n"}, "fixed": true}}
]}}"""


async def test_letters_are_sent_again_as_a_mapping_makes_them_under_their_own_ids(bench):
    bench.commit(changes("hook", 2000, dead=[letter_of(3), letter_of(5)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead", mapping=TWICE))
    parked = await run_out(bench.desk)
    assert [one.number for one in parked] == [3, 5]
    for one in parked:
        before, after = json.loads(line_of(one.number)), json.loads(one.line)
        assert after == {**before, "properties": {"n": one.number, "fixed": True}}
    assert await bench.desk.parked("hook") == parked
    assert await bench.desk.letters(LetterQuery()) == []


async def test_a_letter_of_which_the_mapping_makes_no_event_stays_and_holds_up_no_other(bench):
    bench.commit(changes("hook", 2000, dead=[letter_of(number) for number in (3, 5, 9)]))
    none = '{"@case": {"operator": "lower", "value": {"@path": "$.type"}}}'
    await bench.desk.replay(Replay(destination="hook", kind="dead", mapping=none))
    [job] = await bench.desk.replays()
    stepped = await bench.desk.step(job)
    assert (stepped.replay, stepped.parked, stepped.filtered) == (None, [], {"unmappable": 3})
    assert [(one.number, one.line) for one in await bench.desk.letters(LetterQuery())] == [
        (number, line_of(number)) for number in (3, 5, 9)
    ]


@pytest.mark.parametrize(
    ("mapping", "kind", "says"),
    [
        ("{", "dead", "the mapping is no JSON"),
        ('{"a": {"@pth": "$.b"}}', "dead", "the mapping is wrong"),
        (TWICE, "journal", "a mapping is for dead letters"),
    ],
)
async def test_a_mapping_that_cannot_be_applied_begins_no_replay(bench, mapping, kind, says):
    bench.commit(changes("hook", 2000, dead=[letter_of(3)]))
    with pytest.raises(ValueError, match=says):
        await bench.desk.replay(Replay(destination="hook", kind=kind, mapping=mapping))
    assert await bench.desk.replays() == []


async def test_what_waits_comes_in_pages_and_a_damaged_row_hides_no_other(bench, monkeypatch):
    waiting = {n: ParkedEvent(number=n, line=line_of(n), source="shop", received=NOW, due=NOW) for n in range(1, 8)}
    bench.commit(changes("hook", 99, parked=waiting))
    assert await bench.desk.parked("hook") == list(waiting.values())
    assert [one.number for one in await bench.desk.parked("hook", limit=3)] == [1, 2, 3]
    assert [one.number for one in await bench.desk.parked("hook", after=3, limit=3)] == [4, 5, 6]
    monkeypatch.setattr(standing, "SLICE_BYTES", 1)
    bench.store.work(lambda connection: connection.execute("UPDATE parked SET row = x'00' WHERE number = 5"))
    assert [one.number for one in await bench.desk.parked("hook", after=3, limit=3)] == [4, 6, 7]
    assert await bench.desk.parked("hook", after=7) == []


async def test_a_dry_run_writes_nothing(bench):
    bench.commit(changes("hook", 2, dead=[letter_of(1)]))
    before = bench.store.work(lambda connection: connection.total_changes())
    await bench.desk.replay(Replay(destination="hook", kind="dead"), dry_run=True)
    assert bench.store.work(lambda connection: connection.total_changes()) == before


async def test_what_is_given_up_while_a_replay_goes_on_is_not_part_of_it(bench):
    bench.commit(changes("hook", 99, dead=[letter_of(5)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    bench.commit(changes("hook", 99, dead=[letter_of(7), letter_of(5, last_at=NOW + 500)]))
    assert [one.number for one in await run_out(bench.desk)] == [5]
    assert [one.number for one in await bench.desk.letters(LetterQuery())] == [7, 5]


async def test_a_letter_whose_event_waits_already_goes_and_does_not_disturb_it(bench):
    waiting = ParkedEvent(number=3, line=line_of(3), source="shop", received=NOW, due=NOW + 60, attempts=4)
    bench.commit(changes("hook", 99, dead=[letter_of(3), letter_of(4)], parked={3: waiting}))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    assert [one.number for one in await run_out(bench.desk)] == [4]
    assert (await bench.desk.parked("hook"))[0] == waiting
    assert await bench.desk.letters(LetterQuery()) == []


async def test_a_letter_of_another_journal_is_not_taken_for_the_event_that_has_its_number(bench):
    waiting = ParkedEvent(number=3, line=line_of(3), source="shop", received=NOW, due=NOW + 60)
    foreign = letter_of(3, line=line_of(777), message_id="m-777")
    bench.commit(changes("hook", 99, dead=[foreign], parked={3: waiting}))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    assert await run_out(bench.desk) == []
    assert [one.message_id for one in await bench.desk.letters(LetterQuery())] == ["m-777"]


async def test_a_replay_keeps_its_rate_from_one_step_to_the_next(bench):
    bench.commit(changes("hook", 99, dead=[letter_of(number) for number in range(1, 6)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead", rate=10.0))
    (replay,) = await bench.desk.replays()
    first = await bench.desk.step(replay, max_events=2)
    second = await bench.desk.step(first.replay, max_events=2)
    assert [round(one.due - NOW, 3) for one in first.parked + second.parked] == [0.0, 0.1, 0.2, 0.3]
    assert (round(first.next_at - NOW, 3), round(second.next_at - NOW, 3)) == (0.2, 0.4)


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-300, inf, nan])
@pytest.mark.parametrize("kind", ["dead", "journal"])
async def test_a_rate_that_sends_nothing_or_has_no_end_begins_no_replay(bench, kind, rate):
    bench.commit(changes("hook", 99, dead=[letter_of(3)]))
    with pytest.raises(ValueError, match="a rate is at least 1e-05 events a second"):
        await bench.desk.replay(Replay(destination="hook", kind=kind, rate=rate))
    assert await bench.desk.replays() == []


@pytest.mark.parametrize("rate", [0.0, -1.0])
async def test_a_replay_that_is_in_a_journal_with_a_rate_of_nothing_goes_on_without_one(bench, rate):
    bench.commit(changes("hook", 99, dead=[letter_of(3), letter_of(4)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    (replay,) = await bench.desk.replays()
    row = packed(msgspec.structs.replace(replay, rate=rate))
    bench.store.work(lambda connection: connection.execute("UPDATE replays SET row = ?", (row,)))
    assert [(one.number, one.due) for one in await run_out(bench.desk)] == [(3, NOW), (4, NOW)]


async def test_a_step_takes_no_more_bytes_than_there_is_room_for_but_always_one_event(bench):
    bench.commit(changes("hook", 99, dead=[letter_of(number) for number in (1, 2, 3)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    (replay,) = await bench.desk.replays()
    stepped = await bench.desk.step(replay, max_bytes=1)
    assert [one.number for one in stepped.parked] == [1]
    assert (stepped.replay.position, stepped.replay.moved) == (2, 1)


async def test_a_destination_that_nobody_knows_is_refused_with_those_there_are(bench):
    bench.commit(changes("hook", 1), changes("ads", 1))
    for refused in (
        bench.desk.replay(Replay(destination="hok", kind="dead")),
        bench.desk.parked("hok"),
        bench.desk.pause("hok"),
        bench.desk.forget("hok"),
    ):
        with pytest.raises(LookupError, match="there is no destination 'hok' in this journal; it knows ads, hook"):
            await refused


class Cut(Exception):
    pass


@pytest.mark.parametrize("mapping", ["", TWICE], ids=["as they are", "mapped"])
@pytest.mark.parametrize("when", ["before the commit", "after it"])
async def test_a_replay_cut_off_at_every_transaction_sends_each_event_once(tmp_path, monkeypatch, when, mapping):
    """A thousand letters of five reasons, 40 % asked for; each step is cut off before it is seen to succeed."""
    async with opened(tmp_path) as bench:
        bench.commit(changes("hook", 5000, dead=[letter_of(number) for number in range(1000, 0, -1)]))
        query = LetterQuery(where="properties.n <= 800", reason="http_413")
        await bench.desk.replay(Replay(destination="hook", kind="dead", query=query, mapping=mapping))
    work, seen = Store.work, []

    def cut(store: Store, job: Callable[[apsw.Connection], Any]) -> Any:
        if when == "after it":
            work(store, job)
            raise Cut

        def half(connection: apsw.Connection) -> None:
            job(connection)
            raise Cut

        return work(store, half)

    for turn in range(40):
        async with opened(tmp_path) as bench:
            jobs = await bench.desk.replays()
            if not jobs:
                break
            monkeypatch.setattr(Store, "work", cut)
            with pytest.raises(Cut):
                await bench.desk.step(jobs[0], max_events=10)
            monkeypatch.setattr(Store, "work", work)
            if when == "before the commit":
                await bench.desk.step(jobs[0], max_events=10)
            seen.append(turn)
    async with opened(tmp_path) as bench:
        wanted = [number for number in range(1, 801) if number % 5 == 1]
        assert bench.parked() == wanted
        lines = [one.line for one in await bench.desk.parked("hook", limit=2000)]
        assert [b'"fixed":true' in line for line in lines] == [bool(mapping)] * len(wanted)
        left = sorted(one.number for one in await bench.desk.letters(LetterQuery(), limit=2000))
        assert left == [number for number in range(1, 1001) if number not in set(wanted)]
        assert len(seen) >= 16


async def test_who_is_cancelled_while_a_step_is_written_learns_what_was_moved(bench):
    bench.commit(changes("hook", 99, dead=[letter_of(1)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    (job,) = await bench.desk.replays()
    stepped: list[Stepped] = []

    class Cancelling(OnTheSpot):
        async def run(self, job: Callable[[], Any]) -> Any:
            scope.cancel()
            return await super().run(job)

    desk = LocalDesk(bench.store, bench.queries, Cancelling(), OnTheSpot(), utc=lambda: NOW)
    with anyio.CancelScope() as scope:
        stepped.append(await desk.step(job))
    assert [one.number for one in stepped[0].parked] == bench.parked() == [1]


async def test_a_step_from_a_stale_job_moves_nothing(bench):
    bench.commit(changes("hook", 99, dead=[letter_of(number) for number in range(1, 6)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    (stale,) = await bench.desk.replays()
    moved = await bench.desk.step(stale, max_events=2)
    assert await bench.desk.step(stale, max_events=2) == Stepped(replay=moved.replay, parked=[], next_at=NOW)
    assert bench.parked() == [1, 2]


# Replays of the journal ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (LetterQuery(), list(range(1, 41))),
        (LetterQuery(since=NOW - 180), list(range(11, 41))),
        (LetterQuery(since=NOW - 180, until=NOW - 120), list(range(11, 21))),
        (LetterQuery(where="properties.n >= 9 and properties.n < 12"), [9, 10, 11]),
        (LetterQuery(since=NOW), []),
    ],
)
async def test_a_replay_of_the_journal_sends_what_was_received_then_and_matches(bench, query, numbers):
    filled(bench)
    replay = Replay(destination="new", kind="journal", query=query)
    assert await bench.desk.replay(replay, dry_run=True) == (0, len(numbers))
    await bench.desk.replay(replay)
    parked = await run_out(bench.desk, step=lambda job: bench.desk.step(job, max_events=3))
    assert [one.number for one in parked] == bench.parked("new") == numbers
    assert [one.line for one in parked] == [line_of(number) for number in numbers]
    assert {one.replay for one in parked} <= {1}


@pytest.mark.parametrize("conditions", [{"ids": (1,)}, {"ids": ()}, {"reason": "http_400"}, {"destination": "hook"}])
async def test_a_replay_of_the_journal_is_refused_where_it_is_asked_for_dead_letters(bench, conditions):
    filled(bench)
    with pytest.raises(ValueError, match="are for dead letters; of the journal, ask by `since`, `until` and `where`"):
        await bench.desk.replay(Replay(destination="new", kind="journal", query=LetterQuery(**conditions)))
    assert await bench.desk.replays() == []
    own = Replay(destination="new", kind="journal", query=LetterQuery(destination="new"))
    assert await bench.desk.replay(own, dry_run=True) == (0, 40)


async def test_events_that_the_destination_will_get_anyway_are_left_out(bench):
    """Scanned up to 31, of which 22 and 23 are not settled; 5 is parked."""
    filled(bench)
    flags = bytearray(b"\1" * 10)
    flags[1] = flags[2] = 0
    position = Position(31, (open_chunk(21, flags),))
    waiting = ParkedEvent(number=5, line=line_of(5), source="shop", received=NOW, due=NOW + 60, attempts=2)
    bench.commit(changes("hook", 0, position=position, parked={5: waiting}))
    await bench.desk.replay(Replay(destination="hook", kind="journal"))
    parked = await run_out(bench.desk)
    assert [one.number for one in parked] == [number for number in range(1, 31) if number not in (5, 22, 23)]
    assert (await bench.desk.parked("hook"))[4] == waiting


async def test_the_destinations_own_choice_is_asked_and_its_refusals_counted(bench):
    filled(bench)

    def choose(chunk: Chunk) -> list[str | None]:
        return ["trigger" if envelope.number % 2 else None for envelope in chunk.envelopes]

    await bench.desk.replay(Replay(destination="hook", kind="journal", query=LetterQuery(until=NOW - 180)))
    (job,) = await bench.desk.replays()
    stepped = await bench.desk.step(job, choose=choose)
    assert [one.number for one in stepped.parked] == [2, 4, 6, 8, 10]
    assert stepped.filtered == {"trigger": 5}


async def test_what_comes_in_after_it_began_is_not_part_of_it(bench):
    filled(bench)
    await bench.desk.replay(Replay(destination="hook", kind="journal"))
    bench.commit(changes("hook", 51), arrivals=[arrival(range(41, 51), NOW)])
    assert [one.number for one in await run_out(bench.desk)] == list(range(1, 41))


async def test_a_damaged_chunk_ends_no_replay(bench):
    filled(bench)
    bench.store.work(
        lambda connection: connection.execute("UPDATE bodies SET body = substr(body, 1, 40) WHERE first = 11")
    )
    await bench.desk.replay(Replay(destination="hook", kind="journal"))
    assert [one.number for one in await run_out(bench.desk)] == [*range(1, 11), *range(21, 41)]
