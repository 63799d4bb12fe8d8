"""When the journal writes, what it keeps and what it deletes; under virtual time. Disks that are full or fail: `test_full_disk`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.journal import standing
from doorstep.engine.journal.account import stored_bytes
from doorstep.engine.journal.committing import FLUSH_S, Limits
from doorstep.engine.journal.records import Position, Standing
from doorstep.engine.model import Chunk, LineDecoder, Lines

from .disks import Disk, written

pytestmark = pytest.mark.anyio

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


async def test_what_ends_late_of_a_destination_that_was_removed_is_written_and_pins_nothing(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    async with open_log("disk", tmp_path, [], limits=Limits(retention_s=0.0)) as log:
        stays, goes = log.account("stays"), log.account("goes")
        stays.follow(lambda: Position(log.end))
        await (await log.take(events(1, 3), "shop")).stored()
        goes.close()
        await anyio.sleep(1)
        goes.follow(lambda: Position(4))
        goes.moved()
        for number in range(4, 8):
            await (await log.take(events(number, 1), "shop")).stored()
            stays.moved()
            await anyio.sleep(2)
        assert written(tmp_path, "goes") == Position(4)
        assert log.statistics().oldest > 4


async def test_a_destination_that_comes_back_knows_what_ended_late_before_and_is_disturbed_by_nothing_after(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored) as log:
        before = log.account("a")
        await (await log.take(events(1, 3), "shop")).stored()
        before.close()
        before.follow(lambda: Position(3))
        before.park(stored[0].envelopes[0], due=60.0, waited_s=0.0, attempts=1, tries=[], replay=None)
        again = log.account("a")
        assert (again.position, [one.number for one in again.parked]) == (Position(3), [1])
        again.follow(lambda: Position(4))
        again.unpark(1)
        await anyio.sleep(1)
        before.park(stored[0].envelopes[1], due=60.0, waited_s=0.0, attempts=1, tries=[], replay=None)
        before.stand(Standing(paused=True))
        await before.write_down()
        await anyio.sleep(1)
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        assert (account.position, account.parked, account.standing.paused) == (Position(4), [], False)


async def test_what_ends_late_of_a_destination_that_was_forgotten_does_not_bring_it_back(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        account = log.account("a")
        account.close()
        await anyio.sleep(1)
        log.parts[0].work(partial(standing.forget, destination="a"))
        log.forget("a")
        account.moved()
        await anyio.sleep(1)
    assert written(tmp_path) is None


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


@pytest.mark.parametrize("retention_s", [0.0, 86400.0])
async def test_what_is_bigger_than_the_room_that_is_left_is_taken_once_nobody_needs_what_is_there(
    open_log: Any, events: Any, tmp_path: Path, retention_s: float
) -> None:
    """The newest chunk stays, so some bytes are always in use: all intake stood still for good."""
    limits = Limits(retention_s=retention_s, max_bytes=1300)
    async with open_log("disk", tmp_path, [], limits=limits) as log:
        account = log.account("a")
        places = [1]
        account.follow(lambda: Position(places[-1]))
        await (await log.take(events(1, 8), "shop")).stored()
        for first in (9, 41, 73):
            ticket = await log.take(events(first, 32), "shop")
            with anyio.move_on_after(100) as scope:
                await ticket.stored()
            assert (scope.cancelled_caught, log.statistics().is_full) == (True, True), "a needs what is there"
            places.append(log.end)
            account.moved()
            with anyio.fail_after(2):
                assert await ticket.stored() == first
            assert log.statistics().oldest == max(1, first - 32), "what was the newest, and what is"


async def test_what_came_while_a_destination_was_away_is_its_backlog(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    """Its `backlog.max_bytes` did not hold: it knew of what had come before only."""
    stored: list[Chunk] = []
    async with open_log("disk", tmp_path, stored) as log:
        log.account("a").close()
        for first in (1, 4):
            await (await log.take(events(first, 3), "shop")).stored()
        account = log.account("a")
        assert account.backlog_bytes == sum(map(stored_bytes, stored)) > 0
        account.close()
        again = log.account("a")
        assert again.backlog_bytes == sum(map(stored_bytes, stored)), "each once"
        again.took(stored[0])
        again.close()
        await (await log.take(events(7, 3), "shop")).stored()
        assert log.account("a").backlog_bytes == sum(map(stored_bytes, stored[1:]))


async def test_of_what_came_while_a_destination_was_away_only_what_is_still_there_is_its_backlog(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        log.account("a")
    async with open_log("disk", tmp_path, [], limits=Limits(retention_s=0.0)) as log:
        other = log.account("other")
        other.follow(lambda: Position(log.end))
        for first in range(1, 40, 3):
            await (await log.take(events(first, 3), "shop")).stored()
            other.moved()
            await anyio.sleep(2)
        assert log.statistics().oldest == 37
        assert log.account("a").backlog_bytes == log.statistics().used_bytes
