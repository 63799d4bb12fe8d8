"""What the journal does on a disk that is full, or that fails; under virtual time."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.errors import Closed, JournalError, JournalFull
from doorstep.engine.journal.records import Position
from doorstep.engine.journal.store import Store
from doorstep.engine.model import Chunk, Envelope, Receipt
from doorstep.engine.telemetry import IntakeCounters

from .disks import Disk, Grown, written

pytestmark = pytest.mark.anyio

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
