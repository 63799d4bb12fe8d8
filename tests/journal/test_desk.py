"""The desk over a journal on disk: dead letters counted, paged, mended; destinations paused and forgotten."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.errors import FqlError
from doorstep.engine.journal.desk import Added, LetterQuery, Replay, Unfit
from doorstep.engine.journal.letters import SLICE_ROWS
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.records import ParkedEvent, Position, open_chunk
from doorstep.engine.journal.storage import OnTheSpot

from .desks import NOW, arrival, changes, filled, letter_of, line_of, opened, run_out

pytestmark = pytest.mark.anyio


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
    letters = [letter_of(number, origin=f"{bench.id}-{number}") for number in range(1, 1101)]
    assert await bench.desk.add(letters[:600]) == Added(600)
    assert await bench.desk.add(letters) == Added(500)
    assert [one.number for one in await bench.desk.letters(LetterQuery(), limit=2000)] == list(range(1, 1101))


async def test_letters_of_another_journal_never_have_the_number_of_an_event_that_is_here(bench):
    """Every journal begins at 1. With the number of another event, what waits of that one would be forgotten with what is sent of this."""
    bench.commit(changes("hook", 9, dead=[letter_of(2, origin=f"{bench.id}-2")]))
    theirs = [letter_of(number, origin=f"0a-{number}") for number in (2, 3)]
    again = letter_of(2, "hook", action="other", origin="0a-2")
    assert await bench.desk.add(theirs) == Added(2)
    assert await bench.desk.add([*theirs, again]) == Added(1)
    found = await bench.desk.letters(LetterQuery())
    assert [(one.number, one.origin) for one in found] == [
        (2, f"{bench.id}-2"),
        (2 - 2**40, "0a-2"),
        (3 - 2**40, "0a-3"),
        (4 - 2**40, "0a-2"),
    ]
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    sent = await run_out(bench.desk)
    assert [(parked.number, parked.origin) for parked in sent] == [
        (2 - 2**40, "0a-2"),
        (3 - 2**40, "0a-3"),
        (4 - 2**40, "0a-2"),
        (2, ""),
    ]
    assert await bench.desk.parked("hook") == sent


async def test_a_letter_of_another_journal_that_was_mended_here_is_there_already(bench):
    theirs = letter_of(2, origin="0a-2")
    await bench.desk.add([theirs])
    await bench.desk.patch(1, line_of(3))
    assert await bench.desk.add([theirs]) == Added(0)


async def test_a_number_is_never_given_twice_to_letters_of_other_journals(bench):
    await bench.desk.add([letter_of(1, origin="0a-1")])
    await bench.desk.purge(LetterQuery())
    await bench.desk.add([letter_of(1, origin="0b-1")])
    assert [one.number for one in await bench.desk.letters(LetterQuery())] == [2 - 2**40]


async def test_a_letter_whose_event_is_on_its_first_way_yet_stays_a_letter(bench):
    """Another action has its turn: were the event parked for this one, one of them would be forgotten."""
    position = Position(9, (open_chunk(1, bytearray([1, 0, 1, 1, 1, 1, 1, 1])),))
    bench.commit(changes("hook", 9, position=position, dead=[letter_of(number, action="a") for number in (1, 2)]))
    await bench.desk.replay(Replay(destination="hook", kind="dead"))
    assert [parked.number for parked in await run_out(bench.desk)] == [1]
    assert [one.number for one in await bench.desk.letters(LetterQuery())] == [2]


async def test_a_letter_that_holds_no_event_is_refused_by_its_position_and_no_other_is(bench):
    lines = [line_of(1), b"{", line_of(3), b'{"type":"page"}', b'{"type":"page","userId":"\\ud83d"}', b""]
    added = await bench.desk.add([letter_of(number, line=line) for number, line in enumerate(lines, 1)])
    assert (added.count, [one.position for one in added.refused]) == (2, [1, 3, 4, 5])
    assert added.refused[1] == Unfit(3, "this is no event: no_user_anon_id")
    assert [one.line for one in await bench.desk.letters(LetterQuery())] == [line_of(1), line_of(3)]


async def test_an_event_that_was_written_over_several_lines_is_kept_as_one(bench):
    written = b'{\n  "type": "track",\r\n  "event": "a\\nb", "userId": "\xc3\xa9",\n  "properties": {"n": 1e2, "d": 1.10}\r}\n'
    kept = b'{   "type": "track",    "event": "a\\nb", "userId": "\xc3\xa9",   "properties": {"n": 1e2, "d": 1.10} } '
    bench.commit(changes("hook", 1, dead=[letter_of(7)]))
    assert (await bench.desk.patch(1, written)).line == kept
    await bench.desk.add([letter_of(8, line=written)])
    assert [one.line for one in await bench.desk.letters(LetterQuery())] == [kept, kept]


async def test_a_purge_deletes_what_matches_and_nothing_else(bench):
    bench.commit(changes("hook", 1, dead=[letter_of(number) for number in range(1, 1301)]))
    assert await bench.desk.purge(LetterQuery(reason="http_400")) == 260
    assert sum(one.count for one in await bench.desk.count(LetterQuery())) == 1040
    assert await bench.desk.purge(LetterQuery(reason="http_400")) == 0


async def test_a_mended_letter_is_what_a_replay_sends_and_its_death_stays_known(bench):
    bench.commit(changes("hook", 9, dead=[letter_of(7), letter_of(8)]))
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
