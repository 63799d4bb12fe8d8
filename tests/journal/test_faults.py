"""What a disk can do to the journal: what was acknowledged is there, and nothing but JournalError ever comes out."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

import anyio
import apsw
import msgspec
import pytest
from doorstep.engine.errors import Fault as Blame
from doorstep.engine.errors import JournalError, JournalFull
from doorstep.engine.journal import folder as folder_module
from doorstep.engine.journal.commits import Opened
from doorstep.engine.journal.committing import DISPOSE_EVERY_S, FLUSH_S, Limits
from doorstep.engine.journal.queries import Queries
from doorstep.engine.journal.records import Gap, Position
from doorstep.engine.journal.store import Store
from doorstep.engine.model import Chunk
from doorstep.engine.model.outcome import Failure

from bench.faults import Fault, FaultyVfs, can_mount, limited_files, limited_folder
from bench.reliability.record import judged
from bench.reliability.scenarios import SCENARIOS

SHORT: dict[str, dict[str, object]] = {
    "sync-order": {},
    "io-faults": {"ks": (1, 3, 7, 19, 71)},
    "crash-images": {"lives": 1, "boundaries": 60},
    "bit-rot": {},
}
MIB = 2**20


def found(folder: Path) -> Opened:
    """What is in a journal that nobody uses."""
    store = Store(folder)
    opened = store.opened()
    store.close(clean=False)
    return opened


# The scenarios of `bench reliability`, shortened ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SHORT)
def test_a_promise_is_kept_whatever_the_disk_does(name: str) -> None:
    scenario = SCENARIOS[name]
    figures = scenario.play(msgspec.structs.replace(scenario.short, **SHORT[name]))
    missed = [verdict for verdict in judged(scenario, figures, True) if not verdict.met]
    assert missed == []


def test_an_ack_before_its_sync_is_noticed() -> None:
    scenario = SCENARIOS["sync-order"]
    form = msgspec.structs.replace(scenario.short, acks=40, durability="os")
    assert scenario.play(form)["early"] > 0


# Deleting ------------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_chunk_goes_no_sooner_than_what_was_decided_of_it_is_written(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    """The parked copy is noted, its chunk may go, the power fails before the next flush: one of the two is in the file."""
    stored: list[Chunk] = []
    folder, image = tmp_path / "data", tmp_path / "image"
    async with open_log("disk", folder, stored, limits=Limits(retention_s=0.0)) as log:
        account = log.account("a", oldest=True)
        for first in (1, 2):
            await (await log.take(events(first, 1), "shop")).stored()
        await anyio.sleep(DISPOSE_EVERY_S - FLUSH_S / 2)
        position = Position(2)
        account.follow(lambda: position)
        account.park(stored[0].envelopes[0], due=9.0, waited_s=0.0, attempts=1, tries=[], replay=None)
        await anyio.sleep(FLUSH_S * 0.75)
        shutil.copytree(folder, image)
        await anyio.sleep(2 * DISPOSE_EVERY_S)
        assert log.statistics().oldest == 2
    assert found(image).oldest == 1


# A disk that is full -------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["a small disk", "a limit on the size of files"])
async def test_while_there_is_no_room_events_wait_and_cursors_and_dead_letters_are_saved(
    open_log: Any, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", MIB)
    stored: list[Chunk] = []
    with ExitStack() as disk, ExitStack() as limit:
        if by == "a small disk":
            if not can_mount():
                pytest.skip("needs root, to mount a small tmpfs")
            folder = disk.enter_context(limited_folder(8 * MIB)) / "data"
            filler = folder.parent / "filler"
            filler.write_bytes(bytes(4 * MIB))
            limit.callback(filler.unlink)
        else:
            folder = tmp_path / "data"
            limit.enter_context(limited_files(0, 2 * MIB))
        async with open_log("disk", folder, stored) as log:
            account = log.account("a", oldest=True)
            waiting = await fill(log, events)
            assert log.statistics().is_full
            with anyio.fail_after(2):  # once a second it is tried whether both it and the events fit
                while (folder / "ballast").exists():
                    await anyio.sleep(0.01)
            letter = stored[0].envelopes[0]
            position = Position(stored[0].end)
            account.follow(lambda: position)
            account.bury(letter, Failure(fault=Blame.EVENT, reason="http_400"), [], "v")
            if (
                by == "a small disk"
            ):  # under a limit there is no ballast to give up: what is saved waits with the events
                await saved(account, folder, tmp_path / "image", position)
            began = anyio.current_time()
            limit.close()
            assert await waiting.stored() == stored[-1].first
            assert anyio.current_time() - began <= 5
            await anyio.sleep(1)
            assert not log.statistics().is_full
            assert (folder / "ballast").stat().st_size == MIB
            await account.write_down()
        assert found(folder).accounts["a"].position == position
        assert found(folder).end == stored[-1].end


async def fill(log: Any, events: Any) -> Any:
    """Takes events until one is not stored: its ticket."""
    first = 1
    while True:
        ticket = await log.take(events(first, 100), "shop")
        with anyio.move_on_after(10) as patience:  # not even when it is tried again: the ballast is not for events
            await ticket.stored()
        if patience.cancelled_caught:
            return ticket
        first += 100


async def saved(account: Any, folder: Path, image: Path, position: Position) -> None:
    """The cursor, and the one dead letter, are in the files."""
    with anyio.fail_after(5):
        await account.write_down()
    shutil.copytree(folder, image)
    assert found(image).accounts["a"].position == position
    queries = Queries(image)
    assert queries.connection.execute("SELECT destination, number FROM dead").fetchall() == [("a", 1)]
    queries.close()


def test_a_limit_on_the_size_of_files_counts_as_a_full_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with limited_files(0, 32 * 1024):
        with pytest.raises(JournalFull, match="the disk is full, or a limit is reached: File too large"):
            store.work(lambda connection: connection.execute("INSERT INTO plans VALUES('x', zeroblob(200000))"))
    store.close(clean=True)


# A disk that fails ---------------------------------------------------------------------------------------------------


def test_a_chunk_that_cannot_be_read_now_is_no_gap(tmp_path: Path) -> None:
    store = Store(tmp_path)
    insert = "INSERT INTO bodies VALUES(1, zeroblob(100000))"
    store.work(lambda connection: connection.execute(insert))
    store.checkpoint()
    with FaultyVfs("doorstep-unreadable") as vfs:
        queries = Queries(tmp_path, vfs=vfs.name)
        vfs.fail("read", times=None)
        with pytest.raises(JournalError, match="the journal's disk failed: disk I/O error"):
            queries.chunk(1)
        vfs.heal()
        assert queries.chunk(1) == Gap(1, 1, "damaged")
        queries.close()
    store.close(clean=True)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["open", "read", "write", "sync"])
async def test_a_journal_that_could_not_be_opened_is_held_by_nobody(
    open_log: Any, tmp_path: Path, kind: Literal["open", "read", "write", "sync"]
) -> None:
    async with open_log("disk", tmp_path, []):
        pass
    with FaultyVfs("doorstep-unopened") as vfs:
        async with open_log("disk", tmp_path, [], vfs=vfs.name):
            count = vfs.counts()[kind]
        for k in range(1, count + 1):
            vfs.fail(kind, k, Fault.IO_ERROR, times=None)
            with pytest.raises(JournalError, match="the journal's disk failed"):
                async with open_log("disk", tmp_path, [], vfs=vfs.name):
                    pass
            assert {failed.kind for failed in vfs.failed} == {kind}
            vfs.heal()
            async with open_log("disk", tmp_path, [], vfs=vfs.name) as log:
                assert log.end == 1


# A file that is damaged ----------------------------------------------------------------------------------------------


def test_a_destination_whose_row_has_vanished_begins_at_the_oldest(tmp_path: Path, caplog: Any) -> None:
    store = Store(tmp_path)
    store.work(partial(execute_all, "INSERT INTO uses VALUES('hook', 1, 'v')"))
    store.close(clean=True)
    account = found(tmp_path).accounts["hook"]
    assert (account.position, account.is_new) == (Position(1), False)
    assert [record.message for record in caplog.records] == [
        "a cursor is damaged: what the journal still holds is sent again"
    ]


@pytest.mark.parametrize(
    "row",
    ["1, 'x', 'x', 'x', 'x'", "1, NULL, NULL, NULL, NULL", "1, 1.5, x'00', 1.5, 7", "9e18, 9e18, 9e18, 9e18, 9e18"],
)
def test_numbers_that_are_none_are_borne(tmp_path: Path, row: str) -> None:
    """A flipped bit makes a number a text; the tables have no checks of their own once the rows are in."""
    store = Store(tmp_path)
    unchecked = "CREATE TABLE chunks(first INTEGER PRIMARY KEY, count, size, total, received)"
    store.work(partial(execute_all, f"DROP TABLE chunks; {unchecked}; INSERT INTO chunks VALUES({row})"))
    store.close(clean=True)
    opened = found(tmp_path)
    assert opened.end >= 1
    queries = Queries(tmp_path)
    assert queries.chunk(1) is None
    queries.expiry(1, 100, 5.0)
    queries.first_of(1)
    queries.received_at(1)
    queries.close()


def execute_all(statements: str, connection: apsw.Connection) -> None:
    connection.execute(statements)
