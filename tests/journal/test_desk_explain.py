"""Explain: the life of one event, from whatever the journal still has of it; and never a false "never seen"."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doorstep.engine.journal import explaining
from doorstep.engine.journal.blob import joined
from doorstep.engine.journal.commits import Arrival, Commit
from doorstep.engine.journal.disposing import Disposal
from doorstep.engine.journal.local_desk import LocalDesk
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import (
    Attempt,
    Changes,
    DeadLetter,
    Gap,
    ParkedEvent,
    Position,
    Standing,
    Try,
    open_chunk,
)
from doorstep.engine.journal.storage import OnTheSpot
from doorstep.engine.journal.store import Store, hash_of

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
DELIVERED = Attempt(NOW + 2, 5, "delivered", "", None, 2, [(1, 4)])
FAILED = Attempt(NOW + 1, 9, "failed", "http_503", 503, 1, [(1, 4)])


def line_of(number: int) -> bytes:
    return b'{"type":"track","userId":"u","event":"Paid","messageId":"m-%d"}' % number


def arrival(numbers: Sequence[int]) -> Arrival:
    hashes = array("I", [hash_of(f"m-{number}") for number in numbers]).tobytes()
    return Arrival(joined("shop", NOW, [line_of(number) for number in numbers]), hashes)


def changes(name: str, scan: int, **more: Any) -> Changes:
    facts: dict[str, Any] = {
        "standing": Standing(),
        "parked": {},
        "dead": [],
        "attempts": [],
        "gaps": [],
        "version": "",
    }
    return Changes(name=name, position=more.pop("position", Position(scan)), **{**facts, **more})


def letter_of(number: int, **more: Any) -> DeadLetter:
    facts: dict[str, Any] = {"destination": "hook", "message_id": f"m-{number}", "type": "track", "event": "Paid"}
    facts |= {"line": line_of(number), "source": "shop", "received": NOW, "reason": "http_400", "status": 400}
    facts |= {"excerpt": "", "tries": [Try(NOW + 1, "http_400", 400)], "version": "v2", "first_at": NOW + 1}
    return DeadLetter(number=number, **{**facts, "last_at": NOW + 3, **more})


def parked_of(number: int, line: bytes | None = None) -> ParkedEvent:
    tries = [Try(NOW + 1, "http_503", 503)]
    return ParkedEvent(
        number=number, line=line or line_of(number), source="shop", received=NOW, due=NOW + 60, tries=tries
    )


class Bench:
    """A journal with ten events in two chunks, and a destination that knows them from the start."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.id = self.store.opened().id
        self.queries = Queries(folder)
        self.commit(arrivals=[arrival(range(1, 6))])
        self.commit(changes("hook", 1, version="v1", used_from=1), arrivals=[arrival(range(6, 11))])

    def commit(self, *changes: Changes, arrivals: Sequence[Arrival] = ()) -> None:
        self.store.commit(Commit(arrivals=arrivals, changes=changes))

    def run(self, statement: str) -> None:
        self.store.work(lambda connection: connection.execute(statement).fetchall())

    def desk(self) -> LocalDesk:
        worker = OnTheSpot()
        return LocalDesk(self.store, self.queries, worker, worker, utc=lambda: NOW)

    async def state(self, message_id: str) -> tuple[str, str]:
        (life,) = await self.desk().explain(message_id)
        (story,) = life.stories
        return story.state, story.reason


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    bench = Bench(tmp_path)
    yield bench
    bench.queries.close()
    bench.store.close(clean=True)


async def test_a_delivered_event_has_every_attempt_with_what_came_of_it(bench):
    bench.commit(changes("hook", 11, attempts=[FAILED, DELIVERED]))
    (life,) = await bench.desk().explain("m-3")
    assert (life.number, life.message_id, life.source, life.received, life.line) == (3, "m-3", "shop", NOW, line_of(3))
    (story,) = life.stories
    assert (story.destination, story.state, story.version) == ("hook", "delivered", "v1")
    assert story.attempts == [FAILED, DELIVERED]


async def test_attempts_of_neighbours_are_not_its_own(bench):
    bench.commit(changes("hook", 11, attempts=[FAILED, DELIVERED]))
    (life,) = await bench.desk().explain("m-5")
    assert life.stories[0].attempts == []


async def test_an_event_that_waits_in_the_log_is_pending(bench):
    assert await bench.state("m-10") == ("pending", "")


async def test_an_event_of_an_open_chunk_is_pending_until_its_bit_is_set(bench):
    bench.commit(changes("hook", 6, position=Position(6, (open_chunk(1, bytearray(b"\1\0\1\1\1")),))))
    assert await bench.state("m-2") == ("pending", "")
    assert (await bench.state("m-3"))[0] == "filtered"


async def test_what_was_settled_without_an_attempt_was_filtered_and_the_plan_of_then_says_why(bench):
    plan = PlanRecord(integration="Hook", trigger='event = "Something else"')
    bench.commit(changes("hook", 1, version="v0", used_from=1, plan=msgspec.json.encode(plan)))
    bench.commit(
        changes("hook", 11, version="v2", used_from=11, plan=msgspec.json.encode(PlanRecord(integration="Hook")))
    )
    (life,) = await bench.desk().explain("m-4")
    assert (life.stories[0].state, life.stories[0].reason, life.stories[0].version) == ("filtered", "trigger", "v0")


async def test_an_event_that_waits_for_its_next_try_says_until_when(bench):
    bench.commit(changes("hook", 11, attempts=[FAILED], parked={2: parked_of(2)}))
    (life,) = await bench.desk().explain("m-2")
    (story,) = life.stories
    assert (story.state, story.reason, story.due, story.attempts) == ("parked", "http_503", NOW + 60, [FAILED])


async def test_of_an_event_that_was_tried_and_whose_row_is_lost_or_purged_nothing_is_made_up(bench):
    bench.commit(changes("hook", 11, attempts=[FAILED]))
    assert await bench.state("m-2") == ("unknown", "")


def test_of_an_event_that_routing_could_not_read_and_whose_dead_letter_was_purged_nothing_is_made_up():
    seen = explaining.Seen(2, "shop", NOW, line_of(2), True)
    nothing = {"parked": None, "letters": [], "gap": None, "attempts": []}
    traces = explaining.Traces(destination="hook", position=Position(11), version="v1", began=1, **nothing)
    stories = [
        explaining.story_of(seen, traces, lambda *_, reason=reason: reason) for reason in ("undecodable", "trigger")
    ]
    assert [(one.state, one.reason) for one in stories] == [("unknown", ""), ("filtered", "trigger")]


async def test_a_dead_letter_is_named_with_its_history(bench):
    bench.commit(changes("hook", 11, dead=[letter_of(2)]))
    (life,) = await bench.desk().explain("m-2")
    (story,) = life.stories
    assert (story.state, story.reason, story.letter_ids, story.version) == ("dead", "http_400", [1], "v2")
    assert story.tries == [Try(NOW + 1, "http_400", 400)]


async def test_every_action_that_gave_an_event_up_has_its_letter_named(bench):
    letters = [letter_of(2, action="one", last_at=NOW + 3), letter_of(2, action="two", last_at=NOW + 4)]
    done = Attempt(NOW + 5, 5, "delivered", "", 200, 1, [(2, 2)], "three")
    bench.commit(changes("hook", 11, dead=letters, attempts=[done]))
    (life,) = await bench.desk().explain("m-2")
    assert (life.stories[0].state, life.stories[0].letter_ids) == ("dead", [1, 2])


async def test_an_event_is_not_called_delivered_when_the_letter_of_one_of_its_actions_was_purged(bench):
    refused = Attempt(NOW + 1, 5, "rejected", "http_400", 400, 1, [(2, 2)], "one")
    done = Attempt(NOW + 2, 5, "delivered", "", 200, 1, [(2, 2)], "two")
    bench.commit(changes("hook", 11, attempts=[refused, done]))
    assert await bench.state("m-2") == ("unknown", "")
    sent_again = Attempt(NOW + 9, 5, "delivered", "", 200, 1, [(2, 2)], "one")
    bench.commit(changes("hook", 11, attempts=[sent_again]))
    assert await bench.state("m-2") == ("delivered", "")


async def test_an_action_that_was_delivered_has_ended_whatever_order_its_attempts_are_in(bench):
    """Equal successes of one commit are one, with the time of the first: another event's may be before its failure."""
    done = Attempt(NOW + 1, 5, "delivered", "", 200, 2, [(1, 1), (2, 2)], "one")
    failed = Attempt(NOW + 2, 5, "failed", "http_503", 503, 1, [(2, 2)], "one")
    bench.commit(changes("hook", 11, attempts=[done, failed]))
    assert await bench.state("m-2") == ("delivered", "")


async def test_a_letter_of_another_journal_is_found_by_its_id_or_key(bench):
    line = b'{"type":"track","userId":"u","event":"Paid"}'
    await bench.desk().add(
        [letter_of(3, origin="0a-3"), letter_of(4, origin="0a-4", message_id=None, line=line, last_at=NOW + 4)]
    )
    assert [life.number for life in await bench.desk().explain("m-3")] == [3, 1 - 2**40], "the one that is here, too"
    (life,) = await bench.desk().explain("0a-4")
    assert (life.number, life.line, life.stories[0].state) == (2 - 2**40, line, "dead")


async def test_what_was_delivered_after_it_was_given_up_is_delivered(bench):
    late = Attempt(NOW + 9, 5, "delivered", "", None, 1, [(2, 2)])
    bench.commit(changes("hook", 11, dead=[letter_of(2)], attempts=[late]))
    assert await bench.state("m-2") == ("delivered", "")


@pytest.mark.parametrize("reason", ["expired", "damaged"])
async def test_an_event_that_the_destination_will_not_get_says_so(bench, reason):
    bench.commit(changes("hook", 11, gaps=[Gap(1, 3, reason, NOW)]))
    assert await bench.state("m-2") == (reason, "")


async def test_events_before_a_destination_began_were_not_offered_to_it(bench):
    bench.commit(changes("hook", 11), changes("late", 8, version="v1", used_from=8))
    (life,) = await bench.desk().explain("m-3")
    assert [(story.destination, story.state) for story in life.stories] == [
        ("hook", "filtered"),
        ("late", "not_offered"),
    ]


async def test_an_id_that_came_twice_has_two_lives_the_newest_first(bench):
    bench.commit(arrivals=[arrival([3])])
    assert [life.number for life in await bench.desk().explain("m-3")] == [11, 3]


async def test_an_id_that_never_came_has_none_even_if_its_hash_did(bench):
    lines = [b'{"type":"track","userId":"u","event":"Paid","messageId":"other"}']
    hashes = array("I", [hash_of("wanted")]).tobytes()
    bench.commit(arrivals=[Arrival(joined("shop", NOW, lines), hashes)])
    assert await bench.desk().explain("wanted") == []


async def test_a_hash_is_not_found_across_the_border_of_two(bench):
    """Bytes 2 to 6 of two hashes side by side are the hash of another id."""
    hash_ = hash_of("x-1").to_bytes(4, "little")
    hashes = b"\0\0" + hash_ + b"\0\0"
    lines = [b'{"type":"page","userId":"u","messageId":"x-1"}', b'{"type":"page","userId":"u","messageId":"x-1"}']
    bench.commit(arrivals=[Arrival(joined("shop", NOW, lines), hashes)])
    assert await bench.desk().explain("x-1") == []


async def test_an_event_without_an_id_goes_by_its_key(bench):
    lines = [b'{"type":"page","userId":"u"}']
    bench.commit(changes("hook", 11), arrivals=[Arrival(joined("shop", NOW, lines), bytes(4))])
    (life,) = await bench.desk().explain(f"{bench.id}-11")
    assert (life.number, life.message_id, life.stories[0].state) == (11, None, "pending")
    assert await bench.desk().explain(f"{bench.id}-3") == []  # that one has an id, and goes by it
    assert await bench.desk().explain(f"{bench.id}-12") == []


# What is not whole any more ------------------------------------------------------------------------------------------


def dispose_of_the_first_chunk(bench: Bench) -> None:
    disposal = Disposal(floor=6, keep=frozenset(), before=NOW + 1, max_bytes=2**30)
    assert bench.store.commit(Commit(disposal=disposal)).deleted == 1


async def test_of_a_chunk_that_is_gone_parked_events_and_dead_letters_are_still_known(bench):
    bench.commit(changes("hook", 11, dead=[letter_of(2)], parked={3: parked_of(3)}), changes("ads", 11))
    dispose_of_the_first_chunk(bench)
    (dead,), (parked,) = [await bench.desk().explain(key) for key in ("m-2", "m-3")]
    assert [(story.destination, story.state) for story in dead.stories] == [("ads", "unknown"), ("hook", "dead")]
    assert [(story.destination, story.state) for story in parked.stories] == [("ads", "unknown"), ("hook", "parked")]
    assert await bench.desk().explain("m-4") == []


async def test_an_id_that_json_writes_otherwise_is_found_among_parked_events(bench):
    bench.commit(changes("hook", 11, parked={2: parked_of(2, b'{"messageId":"caf\\u00e9"}')}))
    assert [life.number for life in await bench.desk().explain("café")] == [2]


async def test_an_event_whose_chunk_is_damaged_was_seen_all_the_same(bench):
    bench.run("UPDATE bodies SET body = substr(body, 1, 50) WHERE first = 1")
    (life,) = await bench.desk().explain("m-3")
    assert (life.number, life.message_id, life.line) == (3, "m-3", b"")
    assert life.stories[0].state == "damaged"


async def test_damaged_hashes_hide_no_event(bench):
    bench.run("UPDATE ids SET hashes = x'0102030405060708' WHERE first = 1")
    (life,) = await bench.desk().explain("m-3")
    assert life.number == 3


async def test_ids_are_looked_through_a_slice_at_a_time_and_none_is_left_out(bench, monkeypatch):
    monkeypatch.setattr(explaining, "SLICE_IDS", 1)
    numbers = [life.number for number in range(1, 11) for life in await bench.desk().explain(f"m-{number}")]
    assert numbers == list(range(1, 11))
    assert await bench.desk().explain("m-99") == []


async def test_a_damaged_cursor_leaves_the_rest_of_the_story(bench):
    bench.commit(changes("hook", 11, attempts=[DELIVERED]))
    bench.run("UPDATE accounts SET row = x'00'")
    assert await bench.state("m-3") == ("delivered", "")
    assert (await bench.state("m-9"))[0] == "unknown"


# How long it takes ---------------------------------------------------------------------------------------------------


async def test_looking_through_a_million_ids_takes_a_fraction_of_a_second(bench):
    """10 million in at most 2 s is the goal; the bench takes the exact figure."""
    hashes = array("I", [hash_of(f"e-{number}") for number in range(500)]).tobytes()
    lines = [b'{"messageId":"e-%d"}' % number for number in range(500)]
    for _ in range(20):
        bench.commit(arrivals=[Arrival(joined("shop", NOW, [b"{}"] * 500), bytes(2000)) for _ in range(99)])
    bench.commit(arrivals=[Arrival(joined("shop", NOW, lines), hashes)])
    started = time.process_time()
    assert len(await bench.desk().explain("e-77")) == 1
    assert time.process_time() - started < 1.0
