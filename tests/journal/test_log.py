"""What every log promises, asked of both: in memory, and on disk with the work done on the spot. With its threads: at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import apsw
import pytest
from anyio.abc import TaskGroup
from doorstep.engine.errors import Closed
from doorstep.engine.journal import disk
from doorstep.engine.journal.records import Position
from doorstep.engine.model import Chunk, LineDecoder, Lines
from doorstep.engine.model.decode import Decoded
from doorstep.engine.telemetry import IntakeCounters

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "disk"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def in_time() -> AsyncIterator[TaskGroup]:
    """A task group that fails, rather than hangs, if somebody waits for ever."""
    with anyio.fail_after(50):
        async with anyio.create_task_group() as group:
            yield group


def messages(chunk: Chunk) -> list[str | None]:
    return [envelope.event.messageId for envelope in chunk.envelopes]


def sources(stored: list[Chunk]) -> list[str]:
    """One for each take, in the order in which they were stored; a chunk may hold several."""
    receipts = [envelope.receipt for chunk in stored for envelope in chunk.envelopes]
    return [receipt.source for index, receipt in enumerate(receipts) if not index or receipts[index - 1] != receipt]


async def test_a_chunk_says_what_integrations_objects_came_with_it_if_all_were_looked_at(
    kind: str, open_log: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []

    def decoded(*parts: str) -> Decoded:
        lines = [b'{"type":"page","userId":"u","integrations":%b}' % part.encode() for part in parts]
        return LineDecoder().decode(Lines(lines, range(len(lines))))

    async with open_log(kind, tmp_path / "d", stored) as log, in_time() as group:
        for parts in (["{}"], ['{"All":true}', "{}"], ['{"x":1}']):
            group.start_soon(log.take, decoded(*parts), "shop")
    whole = frozenset().union(*(chunk.integrations or () for chunk in stored))
    assert whole == {b"{}", b'{"All":true}', b'{"x":1}'}
    stored.clear()
    async with open_log(kind, tmp_path / "e", stored) as log:
        for parts in (["{}"], ["{}", "[]"], ["{}"]):  # a list makes the decoder go line by line
            await (await log.take(decoded(*parts), "shop")).stored()
    assert [chunk.integrations for chunk in stored] == [{b"{}"}, None, {b"{}"}]


async def test_numbers_go_on_without_a_gap_and_every_chunk_is_announced_once_in_order(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    counters = IntakeCounters()
    async with open_log(kind, tmp_path / "d", stored, counters=counters) as log:
        tickets = [await log.take(events(first, count), "shop") for first, count in ((1, 3), (4, 1), (5, 2))]
        assert [await ticket.stored() for ticket in tickets] == [1, 4, 5]
        assert (log.end, counters.accepted) == (7, 6)
    envelopes = [envelope for chunk in stored for envelope in chunk.envelopes]
    assert [envelope.number for envelope in envelopes] == [1, 2, 3, 4, 5, 6]
    assert [envelope.key for envelope in envelopes] == ["m-1", "m-2", "m-3", "m-4", "m-5", "m-6"]
    assert [chunk.first for chunk in stored] == [1, *(chunk.end for chunk in stored[:-1])]


async def test_a_receipt_says_whence_and_when_an_event_came(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        for source in ("shop", "till"):
            await (await log.take(events(1, 1), source)).stored()
            await anyio.sleep(10)
    receipts = [chunk.envelopes[0].receipt for chunk in stored]
    assert [receipt.source for receipt in receipts] == ["shop", "till"]
    assert receipts[1].received - receipts[0].received == pytest.approx(10)
    assert receipts[1].accepted - receipts[0].accepted == pytest.approx(10)
    assert receipts[0].log_id == receipts[1].log_id != ""


async def test_all_are_told_of_events_before_whoever_brought_them(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    told: list[object] = []
    async with open_log(kind, tmp_path / "d", [], on_stored=lambda chunk: told.append(chunk.first)) as log:
        told.append(("stored", await (await log.take(events(1, 2), "shop")).stored()))
    assert told == [1, ("stored", 1)]


async def test_when_events_are_announced_they_are_committed(open_log: Any, events: Any, tmp_path: Path) -> None:
    """Another connection sees them. That a commit syncs, `tests/faults` proves."""
    seen: list[tuple[int, int]] = []

    def look(chunk: Chunk) -> None:
        connection = apsw.Connection(str(tmp_path / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
        rows: list[Any] = connection.execute("SELECT max(first + count) FROM chunks").fetchall()
        connection.close()
        seen.append((chunk.end, rows[0][0]))

    async with open_log("disk", tmp_path, [], on_stored=look) as log:
        for number in (1, 2, 3):
            await (await log.take(events(number, 1), "shop")).stored()
    assert seen == [(2, 2), (3, 3), (4, 4)]


async def test_many_takers_share_a_commit(open_log: Any, events: Any, tmp_path: Path) -> None:
    stored: list[Chunk] = []
    firsts: dict[int, int] = {}

    async def submit(log: Any, number: int) -> None:
        firsts[number] = await (await log.take(events(number, 1), f"client-{number}")).stored()

    async with open_log("disk", tmp_path, stored) as log, in_time() as group:
        for number in range(1, 101):
            group.start_soon(submit, log, number)
    assert log.statistics().commits <= 5
    assert sorted(firsts.values()) == list(range(1, 101))
    by_number = {envelope.number: envelope for chunk in stored for envelope in chunk.envelopes}
    for number, first in firsts.items():
        assert by_number[first].event.messageId == f"m-{number}"
        assert by_number[first].receipt.source == f"client-{number}"


async def test_who_has_to_wait_is_served_in_order(kind: str, open_log: Any, events: Any, tmp_path: Path) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        log.hold(True)
        async with in_time() as group:
            for number, count in ((1, 500), (2, 1), (3, 70)):
                group.start_soon(log.take, events(number, count), str(number))
                await anyio.sleep(1)
            assert (log.end, stored) == (1, [])
            log.hold(False)
        await log.settled()
        assert (sources(stored), log.end) == (["1", "2", "3"], 572)


async def test_what_waits_to_be_durable_is_bounded_and_served_in_order(
    open_log: Any, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "TAKEN_BYTES", 2500)  # three events do not fit
    stored: list[Chunk] = []
    most = 0
    async with open_log("disk", tmp_path, stored) as log, in_time() as group:
        for number in range(1, 21):
            group.start_soon(log.take, events(number, 1), str(number))
            await anyio.lowlevel.checkpoint()
            most = max(most, log.statistics().waiting_bytes)
    assert 0 < most <= 2500
    assert sources(stored) == [str(number) for number in range(1, 21)]


async def test_a_cancelled_take_took_nothing_and_lets_the_next_one_go(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        log.hold(True)
        async with in_time() as group:
            with anyio.move_on_after(1) as scope:
                await log.take(events(1, 5), "impatient")
            group.start_soon(log.take, events(6, 1), "patient")
            await anyio.sleep(1)
            log.hold(False)
        await log.settled()
        assert scope.cancelled_caught
        assert (sources(stored), log.end) == (["patient"], 2)


async def test_whoever_stops_waiting_for_the_disk_is_stored_all_the_same(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored) as log:
        ticket = await log.take(events(1, 1), "shop")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await ticket.stored()
        assert (scope.cancelled_caught, stored) == (True, [])
    assert sources(stored) == ["shop"]


async def test_closing_refuses_who_comes_and_who_waits_and_stores_what_was_taken(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    refused: list[str] = []

    async def late(log: Any, name: str) -> None:
        with pytest.raises(Closed):
            await log.take(events(9, 1), name)
        refused.append(name)

    async with open_log(kind, tmp_path / "d", stored) as log:
        ticket = await log.take(events(1, 1), "early")
        log.hold(True)
        async with in_time() as group:
            group.start_soon(late, log, "waits")
            await anyio.sleep(1)
            log.close()
        await late(log, "comes")
        assert await ticket.stored() == 1
    assert (refused, sources(stored)) == (["waits", "comes"], ["early"])


async def test_a_new_account_begins_at_the_end_or_with_the_oldest_event(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        log.account("keeps")
        for number in (1, 2, 3):
            await (await log.take(events(number, 1), "shop")).stored()
        late, oldest = log.account("late"), log.account("oldest", oldest=True)
        assert (late.position, oldest.position) == (Position(4), Position(1))
        assert (late.is_new, late.parked, late.backlog_bytes) == (True, [], 0)
        assert oldest.backlog_bytes > 3 * 50
        read = [await oldest.read(number) for number in (1, 2, 3)]
        assert [messages(chunk) for chunk in read] == [["m-1"], ["m-2"], ["m-3"]]
        assert (await oldest.read(4), await late.read(4)) == (None, None)


async def test_what_comes_later_is_read_from_where_the_account_stands(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        await (await log.take(events(1, 7), "shop")).stored()
        account = log.account("a")
        await (await log.take(events(8, 2), "shop")).stored()
        chunk = await account.read(account.position.scan)
        assert (chunk.first, messages(chunk)) == (8, ["m-8", "m-9"])


async def test_backlog_is_what_is_stored_and_not_taken_and_since_when(
    kind: str, open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        account = log.account("a")
        positions = [Position(1)]
        account.follow(lambda: positions[-1])
        assert (account.backlog_bytes, await account.backlog_since()) == (0, None)
        for number in (1, 2):
            await (await log.take(events(number, 1), "shop")).stored()
            await anyio.sleep(60)
        begin = stored[0].envelopes[0].receipt.received
        assert await account.backlog_since() == begin
        both = account.backlog_bytes
        for chunk in stored:
            positions.append(Position(chunk.end))
            account.took(chunk)
            if chunk is stored[0]:
                assert account.backlog_bytes == both / 2
                assert await account.backlog_since() == pytest.approx(begin + 60)
        assert (account.backlog_bytes, await account.backlog_since()) == (0, None)


async def test_releasing_and_closing_may_be_said_twice(kind: str, open_log: Any, events: Any, tmp_path: Path) -> None:
    stored: list[Chunk] = []
    async with open_log(kind, tmp_path / "d", stored) as log:
        account = log.account("a")
        await (await log.take(events(1, 2), "shop")).stored()
        for _ in range(2):
            account.release(stored[0])
        account.close()
        assert log.account("a").position.scan in (1, 3)


async def test_a_chunk_that_is_not_cached_is_read_once_for_all_who_want_it(
    open_log: Any, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "CACHE_BYTES", 1)
    asked: list[int] = []
    chunks: list[Chunk] = []
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        for number in (1, 2):
            await (await log.take(events(number, 1), "shop")).stored()
        real = log._queries.chunks

        def chunks_from(number: int) -> object:
            asked.append(number)
            return real(number)

        monkeypatch.setattr(log._queries, "chunks", chunks_from)

        async def read() -> None:
            chunks.append(await account.read(1))

        async with in_time() as group:
            for _ in range(10):
                group.start_soon(read)
    assert asked == [1]
    assert [messages(chunk) for chunk in chunks] == [["m-1"]] * 10


async def test_what_every_destination_has_taken_is_held_no_longer(open_log: Any, events: Any, tmp_path: Path) -> None:
    async with open_log("disk", tmp_path, []) as log:
        one, other = log.account("a"), log.account("b")
        await (await log.take(events(1, 3), "shop")).stored()
        chunk = await one.read(1)
        assert chunk is not None
        one.took(chunk)
        assert await other.read(1) is chunk, "decoded once for both"
        other.took(chunk)
        again = await other.read(1)
        assert again is not chunk, "from the file"
        assert messages(again) == ["m-1", "m-2", "m-3"]


async def test_small_chunks_are_read_many_at_once_and_none_twice(
    open_log: Any, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    async with open_log("disk", tmp_path, []) as log:
        for number in range(1, 101):
            await (await log.take(events(number, 1), "shop")).stored()
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a", oldest=True)
        real = log._queries.chunks

        def chunks_from(number: int) -> object:
            asked.append(number)
            return real(number)

        monkeypatch.setattr(log._queries, "chunks", chunks_from)
        found = [await account.read(number) for number in range(1, 101)]
        assert [messages(chunk) for chunk in found] == [[f"m-{number}"] for number in range(1, 101)]
        assert await account.read(101) is None
    assert asked == [1]


# With threads --------------------------------------------------------------------------------------------------------


@pytest.mark.backends
async def test_with_threads_fifty_clients_are_stored_in_few_commits_and_read_back_exactly(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    firsts: dict[int, int] = {}

    async def client(log: Any, which: int) -> None:
        for index in range(20):
            number = which * 20 + index + 1
            firsts[number] = await (await log.take(events(number, 1), f"client-{which}")).stored()

    async with open_log("disk", tmp_path, stored, threads=True) as log:
        async with in_time() as group:
            for which in range(50):
                group.start_soon(client, log, which)
        assert (log.end, log.statistics().commits < 500) == (1001, True)
    assert sorted(firsts.values()) == list(range(1, 1001))
    assert [chunk.first for chunk in stored] == [1, *(chunk.end for chunk in stored[:-1])]

    async with open_log("disk", tmp_path, [], threads=True) as log:
        account = log.account("a", oldest=True)
        number, read = 1, []
        while (chunk := await account.read(number)) is not None:
            read += chunk.envelopes
            number = chunk.end
    by_number = {envelope.number: envelope for envelope in read}
    assert [envelope.number for envelope in read] == list(range(1, 1001))
    for which, first in firsts.items():
        assert by_number[first].event.messageId == f"m-{which}"
        assert by_number[first].receipt.source == f"client-{(which - 1) // 20}"


@pytest.mark.backends
async def test_with_threads_a_cancelled_engine_still_writes_what_was_decided(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    with anyio.CancelScope() as scope:
        async with open_log("disk", tmp_path, stored, threads=True) as log:
            account = log.account("a")
            account.follow(lambda: Position(3))
            await log.take(events(1, 2), "shop")
            account.moved()
            scope.cancel()
            await anyio.sleep_forever()
    assert sources(stored) == ["shop"]
    async with open_log("disk", tmp_path, [], threads=True) as log:
        assert (log.end, log.account("a").position) == (3, Position(3))


# Damage between two lives --------------------------------------------------------------------------------------------


async def test_a_parked_row_that_vanishes_between_two_lives_is_missed(
    open_log: Any, events: Any, tmp_path: Path, caplog: Any
) -> None:
    stored: list[Any] = []
    async with open_log("disk", tmp_path, stored) as log:
        account = log.account("a")
        await (await log.take(events(1, 3), "shop")).stored()
        for envelope in stored[0].envelopes:
            account.park(envelope, due=60.0, waited_s=0.0, attempts=1, tries=[], replay=None)
        account.unpark(1)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("DELETE FROM parked WHERE number = 3")
    connection.close()
    async with open_log("disk", tmp_path, []) as log:
        assert [row.number for row in log.account("a").parked] == [2]
    async with open_log("disk", tmp_path, []):
        pass
    assert [record.facts for record in caplog.records if "missing" in record.message] == [
        {"destination": "a", "count": 1, "number": 3}
    ]
