"""The desk over a journal on disk: dead letters counted, paged, moved; replays that survive being cut off anywhere."""

from __future__ import annotations

import json
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import apsw
import msgspec
import pytest
from doorstep.engine.errors import FqlError
from doorstep.engine.journal import standing
from doorstep.engine.journal.blob import Piece
from doorstep.engine.journal.commits import Arrival, Commit
from doorstep.engine.journal.desk import LetterQuery, Replay
from doorstep.engine.journal.letters import SLICE_ROWS
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import (
    Changes,
    DeadLetter,
    ParkedEvent,
    Position,
    Standing,
    Try,
    open_chunk,
)
from doorstep.engine.journal.stepping import Stepped
from doorstep.engine.journal.storage import OnTheSpot
from doorstep.engine.journal.store import Store, hash_of
from doorstep.engine.model.envelope import Chunk

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
REASONS = ["http_400", "http_413", "http_422", "actor_crashed", "function_error"]


def line_of(number: int) -> bytes:
    return b'{"type":"track","userId":"u","event":"Paid","messageId":"m-%d","properties":{"n":%d}}' % (number, number)


def letter_of(number: int, destination: str = "hook", **more: Any) -> DeadLetter:
    facts: dict[str, Any] = {
        "message_id": f"m-{number}",
        "type": "track",
        "event": "Paid",
        "line": line_of(number),
        "source": "shop",
        "received": NOW - 100,
        "reason": REASONS[number % 5],
        "status": None,
        "excerpt": "",
        "tries": [Try(NOW - 90, "http_400", 400)],
        "version": "v1",
        "first_at": NOW - 90,
        "last_at": NOW + number,
    }
    return DeadLetter(destination=destination, number=number, **{**facts, **more})


def changes(name: str, scan: int, *, dead: Sequence[DeadLetter] = (), **more: Any) -> Changes:
    position = more.pop("position", Position(scan))
    facts: dict[str, Any] = {"standing": Standing(), "parked": {}, "attempts": [], "gaps": [], "version": "v1"}
    return Changes(name=name, position=position, dead=list(dead), **{**facts, **more})


def arrival(numbers: Sequence[int], received: float = NOW - 100) -> Arrival:
    hashes = array("I", [hash_of(f"m-{number}") for number in numbers]).tobytes()
    return Arrival(Piece("shop", received, [line_of(number) for number in numbers]), hashes)


class Bench:
    """A store, its desk, and the wall clock."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.store = Store(folder)
        self.store.opened()
        self.queries = Queries(folder)
        worker = OnTheSpot()
        self.desk = LocalDesk(self.store, self.queries, worker, worker, utc=lambda: self.now)

    def commit(self, *changes: Changes, arrivals: Sequence[Arrival] = ()) -> None:
        self.store.commit(Commit(arrivals=arrivals, changes=changes))

    def parked(self, destination: str = "hook") -> list[int]:
        rows = "SELECT number FROM parked WHERE destination = ? ORDER BY number"
        return [number for (number,) in self.queries.connection.execute(rows, (destination,))]

    def close(self) -> None:
        self.queries.close()
        self.store.close(clean=True)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    bench = Bench(folder)
    try:
        yield bench
    finally:
        bench.close()


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


async def run_out(desk: LocalDesk, *, step: Callable[[Replay], Awaitable[Stepped]] | None = None) -> list[ParkedEvent]:
    """Steps all jobs to their end."""
    parked: list[ParkedEvent] = []
    for replay in await desk.replays():
        current: Replay | None = replay
        while current is not None:
            stepped = await (step or desk.step)(current)
            parked += stepped.parked
            current = stepped.replay
    return parked


# Dead letters --------------------------------------------------------------------------------------------------------


async def test_dead_letters_are_counted_by_destination_and_reason(bench):
    bench.commit(
        changes("hook", 1, dead=[letter_of(number) for number in range(1, 13)]),
        changes("ads", 1, dead=[letter_of(5, "ads")]),
    )
    counts = await bench.desk.count(LetterQuery())
    assert [(one.destination, one.reason, one.count) for one in counts] == [
        ("ads", "http_400", 1),
        ("hook", "http_413", 3),
        ("hook", "http_422", 3),
        ("hook", "actor_crashed", 2),
        ("hook", "function_error", 2),
        ("hook", "http_400", 2),
    ]
    assert (counts[1].first_at, counts[1].last_at) == (NOW + 1, NOW + 11)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (LetterQuery(destination="hook"), [1, 2, 3, 4, 5, 6]),
        (LetterQuery(destination="nobody"), []),
        (LetterQuery(reason="http_413"), [1, 6]),
        (LetterQuery(since=NOW + 3, until=NOW + 5), [3, 4]),
        (LetterQuery(where="properties.n > 4"), [5, 6]),
        (LetterQuery(where="properties.n > 4", reason="http_413"), [6]),
        (LetterQuery(ids=(2, 4, 99)), [2, 4]),
        (LetterQuery(ids=()), []),
    ],
)
async def test_a_query_chooses_what_all_of_its_conditions_choose(bench, query, numbers):
    bench.commit(changes("hook", 1, dead=[letter_of(number) for number in range(1, 7)]))
    assert [letter.number for letter in await bench.desk.letters(query)] == numbers
    assert sum(one.count for one in await bench.desk.count(query)) == len(numbers)


async def test_a_condition_that_is_no_fql_is_refused(bench):
    with pytest.raises(FqlError):
        await bench.desk.count(LetterQuery(where="properties.n >"))


async def test_an_event_that_the_condition_cannot_read_does_not_match(bench):
    broken = letter_of(1, line=b'{"properties":{"n":1e999}}')
    bench.commit(changes("hook", 1, dead=[broken, letter_of(2)]))
    assert [one.number for one in await bench.desk.letters(LetterQuery(where="properties.n > 0"))] == [2]


async def test_pages_go_on_where_the_last_one_ended_however_few_match(bench):
    count = 2 * SLICE_ROWS + 10
    bench.commit(changes("hook", 1, dead=[letter_of(number) for number in range(1, count + 1)]))
    rare = LetterQuery(where=f"properties.n = 3 or properties.n = {count}")
    assert [one.number for one in await bench.desk.letters(rare)] == [3, count]
    first = await bench.desk.letters(LetterQuery(), limit=7)
    second = await bench.desk.letters(LetterQuery(), after=first[-1].id, limit=7)
    assert [one.number for one in first + second] == list(range(1, 15))


async def test_one_letter_is_shown_whole_or_said_not_to_be_there(bench):
    bench.commit(changes("hook", 1, dead=[letter_of(7)]))
    assert await bench.desk.letter(1) == letter_of(7, id=1)
    with pytest.raises(LookupError, match="there is no dead letter 2"):
        await bench.desk.letter(2)


async def test_letters_that_are_brought_in_twice_are_there_once(bench):
    letters = [letter_of(number) for number in range(1, 1101)]
    assert await bench.desk.add(letters[:600]) == 600
    assert await bench.desk.add(letters) == 500
    assert [one.number for one in await bench.desk.letters(LetterQuery(), limit=2000)] == list(range(1, 1101))


async def test_a_purge_deletes_what_matches_and_nothing_else(bench):
    bench.commit(changes("hook", 1, dead=[letter_of(number) for number in range(1, 1301)]))
    assert await bench.desk.purge(LetterQuery(reason="http_400")) == 260
    assert sum(one.count for one in await bench.desk.count(LetterQuery())) == 1040
    assert await bench.desk.purge(LetterQuery(reason="http_400")) == 0


async def test_a_mended_letter_is_what_a_replay_sends_and_its_death_stays_known(bench):
    bench.commit(changes("hook", 1, dead=[letter_of(7), letter_of(8)]))
    mended = b'{"type":"identify","userId":"u","messageId":"m-7","traits":{"plan":"pro"}}'
    letter = await bench.desk.patch(1, mended)
    assert letter == letter_of(7, id=1, line=mended, type="identify", event=None)
    assert await bench.desk.letter(1) == letter
    assert await bench.desk.letter(2) == letter_of(8, id=2)
    await bench.desk.replay(Replay(destination="hook", kind="dead", query=LetterQuery(ids=(1,))))
    assert [parked.line for parked in await run_out(bench.desk)] == [mended]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not_json"),
        (b'{"type":"track","userId":"u"}', "event_not_defined"),
        (b'{"type":"page"}', "no_user_anon_id"),
    ],
)
async def test_a_letter_is_not_mended_with_what_is_no_event(bench, line, why):
    bench.commit(changes("hook", 1, dead=[letter_of(7)]))
    with pytest.raises(ValueError, match=f"^this is no event: {why}"):
        await bench.desk.patch(1, line)
    assert await bench.desk.letter(1) == letter_of(7, id=1)
    with pytest.raises(LookupError, match="there is no dead letter 9"):
        await bench.desk.patch(9, line_of(9))


async def test_the_latest_events_come_first_over_all_chunks_and_a_damaged_one_is_passed_over(bench):
    for first in (1, 4, 7):
        bench.commit(arrivals=[arrival(range(first, first + 3))])
    assert [(one.number, one.line) for one in await bench.desk.latest(4)] == [(n, line_of(n)) for n in (9, 8, 7, 6)]
    bench.store.work(lambda connection: connection.execute("UPDATE bodies SET body = x'00' WHERE first = 4"))
    assert [one.number for one in await bench.desk.latest()] == [9, 8, 7, 3, 2, 1]


async def test_a_damaged_letter_is_left_and_hides_no_other(bench, caplog):
    bench.commit(changes("hook", 1, dead=[letter_of(number) for number in (1, 2, 3)]))
    bench.store.work(lambda connection: connection.execute("UPDATE dead SET row = x'00' WHERE id = 2"))
    assert [one.number for one in await bench.desk.letters(LetterQuery())] == [1, 3]
    assert "a dead letter is damaged" in caplog.text


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


def filled(bench: Bench, *, scan: int = 41) -> None:
    """Four chunks of ten events, a minute apart."""
    for index in range(4):
        numbers = range(10 * index + 1, 10 * index + 11)
        bench.commit(arrivals=[arrival(numbers, NOW - 240 + 60 * index)])
    bench.commit(changes("hook", scan), changes("new", 41))


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


# Destinations --------------------------------------------------------------------------------------------------------


async def test_pause_and_resume_are_kept_in_the_journal_with_the_cursor(tmp_path):
    async with opened(tmp_path) as bench:
        filled(bench, scan=31)
        await bench.desk.pause("hook")
    async with opened(tmp_path) as bench:
        hook, new = await bench.desk.destinations()
        assert (hook.name, hook.watermark, hook.unsettled, hook.standing.paused) == ("hook", 31, 10, True)
        assert (new.name, new.watermark, new.unsettled, new.standing.paused) == ("new", 41, 0, False)
        await bench.desk.resume("hook")
        assert not (await bench.desk.destinations())[0].standing.paused


async def test_forgetting_a_destination_leaves_its_dead_letters(bench):
    waiting = ParkedEvent(number=3, line=line_of(3), source="shop", received=NOW, due=NOW)
    bench.commit(changes("hook", 9, dead=[letter_of(3)], parked={3: waiting}), changes("ads", 9))
    await bench.desk.forget("hook")
    assert [one.name for one in await bench.desk.destinations()] == ["ads"]
    assert bench.parked() == []
    assert len(await bench.desk.letters(LetterQuery(destination="hook"))) == 1


async def test_a_configured_destination_is_not_forgotten_and_may_be_new(bench):
    filled(bench)
    worker = OnTheSpot()
    desk = LocalDesk(bench.store, bench.queries, worker, worker, utc=lambda: NOW, known={"fresh"})
    with pytest.raises(ValueError, match="fresh is configured"):
        await desk.forget("fresh")
    await desk.replay(Replay(destination="fresh", kind="journal", query=LetterQuery(since=NOW - 60)))
    assert [one.number for one in await run_out(desk)] == list(range(31, 41))


def test_a_letter_query_travels_as_json():
    query = LetterQuery(destination="hook", ids=(1, 2))
    assert msgspec.json.decode(msgspec.json.encode(query), type=LetterQuery) == query
