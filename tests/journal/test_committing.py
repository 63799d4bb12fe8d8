"""When the journal writes, and a disk that is full, that fails, that is slow; under virtual time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import apsw
import msgspec
import pytest
from doorstep.engine.errors import Closed, JournalError, JournalFull
from doorstep.engine.journal.committing import FLUSH_S, Limits
from doorstep.engine.journal.records import Position
from doorstep.engine.journal.sealing import unsealed
from doorstep.engine.journal.store import Store
from doorstep.engine.model import Chunk, Envelope, LineDecoder, Lines, Receipt
from doorstep.engine.telemetry import IntakeCounters

from bench.faults.shim import Shim

pytestmark = pytest.mark.anyio


class Disk:
    """What goes wrong with the commits of every journal: `fault` is asked before each, and may raise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fault: Callable[[Any], None] = lambda commit: None
        self.commits: list[Any] = []
        real = Store.commit

        def commit(store: Store, commit: Any) -> Any:
            self.fault(commit)
            self.commits.append(commit)
            return real(store, commit)

        monkeypatch.setattr(Store, "commit", commit)

    def full(self, commit: Any) -> None:
        """There is room for cursors, as the ballast gives it, and for nothing else."""
        if commit.arrivals:
            raise JournalFull("the disk is full")

    def wholly_full(self, commit: Any) -> None:
        raise JournalFull("the disk is full")

    def broken(self, commit: Any) -> None:
        raise JournalError("the journal's disk failed: disk I/O error")

    def well(self, commit: Any) -> None:
        """Nothing is wrong."""


class Grown(Shim):
    """A disk that other programs fill: once it `is_full`, no file gets longer. What there is may be overwritten."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.is_full = folder, False
        super().__init__("doorstep-grown")

    def on_write(self, file: str, data: bytes, offset: int, real: Callable[[int], int]) -> int:
        if self.is_full and offset + len(data) > (self.folder / file).stat().st_size:
            return apsw.SQLITE_FULL
        return super().on_write(file, data, offset, real)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def written(folder: Path, name: str = "a") -> Position | None:
    """Where a destination stands in the file."""
    connection = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows: list[Any] = connection.execute("SELECT row FROM accounts WHERE name = ?", (name,)).fetchall()
    connection.close()
    if not rows:
        return None
    position, _ = msgspec.msgpack.decode(unsealed(rows[0][0]), type=tuple[Position, Any])
    return position


# What it deletes -----------------------------------------------------------------------------------------------------


async def test_no_chunk_goes_by_a_cursor_that_is_not_in_the_file(
    open_log: Any, events: Any, disk: Disk, tmp_path: Path
) -> None:
    """A destination that has moved, and is not written yet, would want its chunks again after a crash: where is what it parked?"""
    async with open_log("disk", tmp_path, [], limits=Limits(retention_s=0.0)) as log:
        account = log.account("a")
        where = [Position(1)]
        account.follow(lambda: where[-1])
        for round_ in range(3):
            for first in (1, 3):
                await (await log.take(events(10 * round_ + first, 2), "shop")).stored()
            await anyio.sleep(2)  # it is looked for chunks that may go with the next events
            where.append(Position(log.end))
            account.moved()
    written, floors = 1, []
    for commit in disk.commits:
        written = max([written, *(changes.position.scan for changes in commit.changes)])
        if commit.disposal:
            floors.append(commit.disposal.floor)
            assert commit.disposal.floor <= written
    assert floors[-1] > 1


# When it writes ------------------------------------------------------------------------------------------------------


async def test_what_was_noted_is_in_the_file_within_fifty_milliseconds(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        positions = [Position(1)]
        account.follow(lambda: positions[-1])
        for scan in (2, 3, 4):
            await anyio.sleep(1)
            positions.append(Position(scan))
            account.moved()
            await anyio.sleep(0.05)
            assert written(tmp_path) == Position(scan)


async def test_notes_of_one_moment_are_one_commit_and_none_is_none(open_log: Any, tmp_path: Path, disk: Disk) -> None:
    async with open_log("disk", tmp_path, []) as log:
        accounts = [log.account(name) for name in "abc"]
        await anyio.sleep(10)
        del disk.commits[:]
        for _ in range(5):
            for account in accounts:
                account.moved()
        await anyio.sleep(2 * FLUSH_S)
        assert [len(commit.changes) for commit in disk.commits if commit.changes] == [3]
        del disk.commits[:]
        await anyio.sleep(60)
        assert [commit for commit in disk.commits if commit.changes or commit.arrivals] == []


async def test_a_new_destination_is_in_the_file_with_the_first_event_that_is_for_it(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    """Found by the machine: a crash 10 ms after its start made it new again, and the acknowledged event was not for it."""
    async with open_log("disk", tmp_path, []) as log:
        log.account("a")
        await (await log.take(events(1, 1), "shop")).stored()
        assert written(tmp_path) == Position(1)


async def test_write_down_returns_when_it_is_in_the_file(open_log: Any, tmp_path: Path) -> None:
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        await account.write_down()
        account.follow(lambda: Position(7))
        before = anyio.current_time()
        await account.write_down()
        assert (written(tmp_path), anyio.current_time() - before) == (Position(7), 0.0)


async def test_a_destination_that_is_removed_is_found_again_where_it_stood(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        await (await log.take(events(1, 3), "shop")).stored()
        account.follow(lambda: Position(3))
        account.close()
        await anyio.sleep(1)
        assert written(tmp_path) == Position(3)
        again = log.account("a")
        assert (again.is_new, again.position) == (False, Position(3))
    async with open_log("disk", tmp_path, []) as log:
        assert log.account("a").position == Position(3)


# What is kept --------------------------------------------------------------------------------------------------------


async def test_events_go_after_the_retention_time_but_not_before_all_took_them(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored, limits=Limits(retention_s=100.0)) as log:
        quick, slow = log.account("quick"), log.account("slow")
        places = {"quick": 1, "slow": 1}
        quick.follow(lambda: Position(places["quick"]))
        slow.follow(lambda: Position(places["slow"]))
        for number in range(1, 5):
            await (await log.take(events(number, 1), "shop")).stored()
        places["quick"] = 5
        quick.moved()
        await anyio.sleep(99)
        assert log.statistics().oldest == 1
        await anyio.sleep(3)
        assert log.statistics().oldest == 1, "slow needs them all"
        places["slow"] = 3
        slow.moved()
        await anyio.sleep(3)
        assert log.statistics().oldest == 3
        places["slow"] = 5
        slow.moved()
        await anyio.sleep(3)
        assert log.statistics().oldest == 4, "the newest stays"


async def test_until_the_destinations_are_known_nothing_is_deleted(open_log: Any, events: Any, tmp_path: Path) -> None:
    async with open_log("disk", tmp_path, []) as log:
        log.account("a")
        for number in (1, 2):
            await (await log.take(events(number, 1), "shop")).stored()
    async with open_log("disk", tmp_path, [], limits=Limits(retention_s=0.0)) as log:
        await anyio.sleep(60)
        assert log.statistics().oldest == 1
        assert isinstance(await log.account("a").read(1), Chunk)


async def test_over_its_quota_events_wait_and_go_on_when_a_destination_has_moved(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored, limits=Limits(max_bytes=1300)) as log:
        account = log.account("a")
        places = [1]
        account.follow(lambda: Position(places[-1]))
        for first in (1, 9):
            assert await (await log.take(events(first, 8), "shop")).stored() == first
        ticket = await log.take(events(17, 8), "shop")
        with anyio.move_on_after(100) as scope:
            await ticket.stored()
        assert (scope.cancelled_caught, log.statistics().is_full) == (True, True)
        assert log.statistics().used_bytes <= 1300
        await log.settled()
        places.append(9)
        account.moved()
        with anyio.fail_after(5):
            assert await ticket.stored() == 17
        assert log.statistics().used_bytes <= 1300


async def test_at_its_quota_a_commit_deletes_as_many_rows_as_the_busiest_one_adds(
    open_log: Any, tmp_path: Path, disk: Disk
) -> None:
    """Pieces of more than 128 KiB are a row each: 31 of them are 4 MiB."""
    big = b'{"type":"track","userId":"u","event":"E","pad":"%s"}' % (b"x" * 131_072)
    decoded = LineDecoder(max_event_bytes=2**18).decode(Lines([big], [1]))
    used = []
    async with open_log("disk", tmp_path, [], limits=Limits(max_bytes=16 * 2**20)) as log:
        account = log.account("a")
        account.follow(lambda: Position(log.end))
        await account.write_down()
        for _ in range(12):
            tickets = [await log.take(decoded, "shop") for _ in range(31)]
            await tickets[-1].stored()
            account.moved()
            await account.write_down()
            used.append(log.statistics().used_bytes)
    assert [len(commit.arrivals) for commit in disk.commits if commit.arrivals] == [31] * 12
    assert max(used[4:]) <= 14 * 2**20 < 16 * 2**20


# A full disk ---------------------------------------------------------------------------------------------------------


async def test_on_a_full_disk_events_wait_cursors_are_saved_and_it_heals_by_itself(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk, caplog: Any
) -> None:
    stored: list[Chunk] = []
    with caplog.at_level(logging.WARNING, "doorstep.journal"):
        async with open_log("disk", tmp_path, stored) as log:
            account = log.account("a")
            await (await log.take(events(1, 2), "shop")).stored()
            disk.fault = disk.full
            ticket = await log.take(events(3, 2), "shop")
            with anyio.move_on_after(59.5) as scope:
                await ticket.stored()
            assert scope.cancelled_caught
            assert (log.statistics().is_full, (tmp_path / "ballast").exists()) == (True, False)
            assert isinstance(await account.read(1), Chunk)
            account.follow(lambda: Position(3))
            account.moved()
            await anyio.sleep(1.1)
            assert written(tmp_path) == Position(3)
            disk.fault = disk.well
            with anyio.fail_after(1.1):
                assert await ticket.stored() == 3
            await anyio.sleep(0.1)
            assert (log.statistics().is_full, (tmp_path / "ballast").exists()) == (False, True)
    assert [chunk.first for chunk in stored] == [1, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "the disk is full: nothing is accepted until there is room, delivery goes on",
        "there is room again: events are accepted",
    ]


async def test_as_long_as_the_ballast_is_not_back_events_get_only_the_room_inside_the_file(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would use up what it was given for, and in the end not even cursors could be saved: nothing would ever go."""
    inside = 0
    monkeypatch.setattr(Store, "refill_ballast", lambda self: (self.folder / "ballast").exists() or not inside)
    monkeypatch.setattr(Store, "spare_bytes", lambda self: inside)
    async with open_log("disk", tmp_path, []) as log:
        log.account("a")
        await (await log.take(events(1, 2), "shop")).stored()
        disk.fault = disk.full
        ticket = await log.take(events(3, 2), "shop")
        await anyio.sleep(0.1)
        assert log.statistics().is_full
        disk.fault, inside = disk.well, 600 * 1024
        with anyio.fail_after(1.1):
            await ticket.stored()
        for number in (5, 7, 9):  # one after the other, without a second between
            with anyio.fail_after(0.1):
                await (await log.take(events(number, 2), "shop")).stored()
        assert log.statistics().is_full, "the ballast is not back"
        inside = 100 * 1024
        ticket = await log.take(events(11, 2), "shop")
        with anyio.move_on_after(5) as waited:
            await ticket.stored()
        assert waited.cancelled_caught
        inside = 0  # that is: there is room on the disk again
        with anyio.fail_after(2.1):
            await ticket.stored()
        assert not log.statistics().is_full


async def test_where_not_even_a_cursor_fits_it_is_saved_as_soon_as_it_does(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        await account.write_down()
        disk.fault = disk.wholly_full
        account.follow(lambda: Position(1, ()))
        account.park(_envelope(events), due=anyio.current_time() + 5, waited_s=0.0, attempts=1, tries=[], replay=None)
        async with anyio.create_task_group() as group:
            group.start_soon(account.write_down)
            await anyio.sleep(30)
            disk.fault = disk.well
            begin = anyio.current_time()
        assert anyio.current_time() - begin <= 0.11
    async with open_log("disk", tmp_path, []) as log:
        assert [row.number for row in log.account("a").parked] == [7]


async def test_while_not_even_a_cursor_fits_nothing_piles_up_and_the_last_one_is_saved(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    """Destinations go on delivering meanwhile, for hours maybe."""
    tried: list[int] = []

    def wholly_full(commit: Any) -> None:
        tried.append(len(commit.changes))
        raise JournalFull("the disk is full")

    async with open_log("disk", tmp_path, []) as log:
        accounts = [log.account(name) for name in "ab"]
        await (await log.take(events(1, 9), "shop")).stored()
        disk.fault = wholly_full
        where = 1
        for account in accounts:
            account.follow(lambda: Position(where))
        for where in range(2, 10):  # noqa: B007  read by what the accounts follow
            for account in accounts:
                account.moved()
            await anyio.sleep(1)
        assert (max(tried), len(tried)) == (2, pytest.approx(80, abs=10))
        disk.fault = disk.well
        await anyio.sleep(0.2)
        assert [written(tmp_path, name) for name in "ab"] == [Position(9)] * 2


async def test_where_no_file_may_grow_cursors_are_saved_in_the_room_that_the_wal_has(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    """The WAL is short, so its checkpoint is not due: it would be at its end for ever, and each cursor lost by a crash."""
    with Grown(tmp_path) as vfs:
        async with open_log("disk", tmp_path, [], vfs=vfs.name) as log:
            account = log.account("a")
            where = 1
            account.follow(lambda: Position(where))
            for first in range(1, 21):
                await (await log.take(events(first, 1), "shop")).stored()
            log._store.checkpoint()
            vfs.is_full = True
            for where in range(2, 200):
                account.moved()
                await anyio.sleep(0.2)
                assert written(tmp_path) == Position(where)


async def test_twenty_times_full_and_not_lose_or_repeat_anything(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    stored: list[Chunk] = []
    firsts: list[int] = []

    async def submit(log: Any, number: int) -> None:
        firsts.append(await (await log.take(events(number, 1), "shop")).stored())

    async with open_log("disk", tmp_path, stored) as log, anyio.create_task_group() as group:
        for number in range(1, 201):
            if number % 10 == 1:
                disk.fault = disk.full if number % 20 == 1 else disk.well
            group.start_soon(submit, log, number)
            await anyio.sleep(0.5)
        disk.fault = disk.well
    keys = [envelope.key for chunk in stored for envelope in chunk.envelopes]
    assert keys == [f"m-{number}" for number in range(1, 201)]
    assert sorted(firsts) == list(range(1, 201))


async def test_on_a_full_disk_what_is_only_kept_for_replay_makes_room(
    open_log: Any, events: Any, tmp_path: Path, caplog: Any
) -> None:
    """The file cannot grow: all that there is are the pages of chunks that every destination has dealt with."""
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored) as log:
        account, position = log.account("a"), Position(1)
        account.follow(lambda: position)
        for number in range(1, 10_001, 1000):
            await (await log.take(events(number, 1000), "shop")).stored()
        store = log.parts[0]
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        tickets = [await log.take(events(number, 1000), "shop") for number in range(10_001, 17_001, 1000)]
        await anyio.sleep(60)
        assert log.statistics().is_full, "nobody has taken anything: nothing may go"
        position = Position(10_001)
        account.moved()
        with anyio.fail_after(10):
            for ticket in tickets:
                await ticket.stored()
    assert [envelope.number for chunk in stored for envelope in chunk.envelopes] == list(range(1, 17_001))


async def test_who_still_waits_for_room_at_the_end_hears_that_the_events_were_not_taken(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    counters = IntakeCounters()
    disk.fault = disk.full
    with anyio.fail_after(100):
        async with open_log("disk", tmp_path, [], counters=counters) as log:
            ticket = await log.take(events(1, 3), "shop")
            await anyio.sleep(5)
        with pytest.raises(Closed, match="before the journal had room for it"):
            await ticket.stored()
    assert (counters.accepted, counters.rejected) == (0, {"not_stored": 3})


@pytest.mark.parametrize("seconds", [0, 30])
async def test_an_engine_ends_though_nothing_fits_on_its_disk(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk, seconds: int
) -> None:
    with anyio.fail_after(60):
        async with open_log("disk", tmp_path, []) as log:
            account = log.account("a")
            await account.write_down()
            disk.fault = disk.wholly_full
            account.moved()
            await log.take(events(1, 1), "shop")
            await anyio.sleep(seconds)


def _envelope(events: Any) -> Envelope:
    decoded = events(7, 1)
    return Envelope(7, decoded.lines[0], decoded.events[0], Receipt("shop", 1.0, 0.0))


# A disk that fails ---------------------------------------------------------------------------------------------------


async def test_a_disk_that_fails_for_three_seconds_costs_three_seconds(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored) as log:
        disk.fault = disk.broken
        ticket = await log.take(events(1, 2), "shop")
        with anyio.move_on_after(3):
            await ticket.stored()
        disk.fault = disk.well
        with anyio.fail_after(0.5):
            assert await ticket.stored() == 1
    assert [chunk.first for chunk in stored] == [1]


async def test_a_disk_that_fails_for_five_seconds_ends_the_engine_and_says_so(
    open_log: Any, events: Any, tmp_path: Path, disk: Disk
) -> None:
    stored: list[Chunk] = []
    begin = anyio.current_time()

    async def run() -> None:
        async with open_log("disk", tmp_path, stored) as log:
            disk.fault = disk.broken
            await (await log.take(events(1, 2), "shop")).stored()

    with pytest.raises(JournalError, match="disk I/O error"):
        await run()
    assert 5.0 <= anyio.current_time() - begin <= 6.0
    assert stored == []
