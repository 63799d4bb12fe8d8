"""Chunks that are due to go and cannot, because their pages are damaged: passed over, named, counted; everything else goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import apsw
import pytest
from doorstep.engine.errors import JournalFull
from doorstep.engine.journal.blob import joined
from doorstep.engine.journal.commits import Arrival, Commit, StoredChunk
from doorstep.engine.journal.committing import Limits
from doorstep.engine.journal.disposing import DELETED_AT_ONCE, Disposal
from doorstep.engine.journal.records import Attempt, Changes, Position, Standing
from doorstep.engine.journal.store import Store

PAGE = 16 * 1024
SAID = "a chunk is damaged and could not be deleted: it stays; `doorstep journal salvage` makes a journal without it"


def arrival(count: int = 2) -> Arrival:
    """More than three pages: so its body is a chain of them."""
    return Arrival(joined("shop", 1000.0, [b"x" * 30_000] * count), bytes(4 * count))


def due(floor: int = 10**6, before: float = 2000.0) -> Disposal:
    return Disposal(floor=floor, keep=frozenset(), before=before, max_bytes=10**9)


def broken_chain(folder: Path, *numbers: int) -> None:
    """The body of each of these chunks, counted from 0, leads to a page that does not exist."""
    connection = apsw.Connection(str(folder / "journal.db"))
    leaves = "SELECT path, pageno FROM dbstat WHERE name = 'bodies' AND pagetype = 'overflow' ORDER BY path"
    first_pages = [page for path, page in connection.execute(leaves) if path.endswith("+000000")]
    connection.close()
    data = bytearray((folder / "journal.db").read_bytes())
    for number in numbers:
        data[(first_pages[number] - 1) * PAGE : (first_pages[number] - 1) * PAGE + 4] = b"\x7f\xff\xff\xff"
    (folder / "journal.db").write_bytes(data)


def filled(folder: Path, chunks: int, **more: Any) -> None:
    store = Store(folder, "os")
    for _ in range(chunks):
        store.commit(Commit(arrivals=[arrival()], **more))
    store.close(clean=True)


def firsts(folder: Path) -> list[int]:
    connection = apsw.Connection(str(folder / "journal.db"))
    try:
        return [first for (first,) in connection.execute("SELECT first FROM chunks ORDER BY first")]
    finally:
        connection.close()


def test_a_damaged_chunk_stays_is_named_once_and_the_others_go_with_the_same_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path, 6)
    broken_chain(tmp_path, 0, 2)
    store = Store(tmp_path, "os")
    before = store.opened().used_bytes
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        committed = store.commit(Commit(arrivals=[arrival()], disposal=due()))
        assert store.commit(Commit(disposal=due())).deleted == 0
    assert committed.chunks == [StoredChunk(13, 0, 1)]
    assert (committed.deleted, committed.oldest, store.undeletable) == (4, 13, 2)
    assert committed.used_bytes == before // 6 * 3
    store.close(clean=True)
    assert firsts(tmp_path) == [1, 5, 13]
    assert [(record.message, record.facts["first"], record.facts["last"]) for record in caplog.records] == [  # type: ignore[attr-defined]
        (SAID, 1, 2),
        (SAID, 5, 6),
    ]


def test_more_damage_than_one_commit_bears_costs_none_of_its_events(tmp_path: Path) -> None:
    filled(tmp_path, 14)
    broken_chain(tmp_path, *range(12))
    store = Store(tmp_path, "os")
    committed = store.commit(Commit(arrivals=[arrival()], disposal=due()))
    assert (committed.chunks, committed.deleted, store.undeletable) == ([StoredChunk(29, 0, 1)], 0, 8)
    assert [store.commit(Commit(disposal=due())).deleted for _ in range(2)] == [2, 0]
    assert store.undeletable == 12
    store.close(clean=True)
    assert firsts(tmp_path) == [*range(1, 25, 2), 29]


def test_attempts_go_with_the_chunks_that_go_though_an_older_one_stays(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    broken_chain(tmp_path, 0)
    store = Store(tmp_path, "os")
    attempts = [Attempt(1000.0, 1, "delivered", "", 200, 1, [(number, number)]) for number in (1, 3, 5, 7, 9)]
    for attempt in attempts:
        store.commit(Commit(changes=[changes(attempt)]))
    store.commit(Commit(disposal=due(floor=5)))
    store.commit(Commit(disposal=due(floor=8)))
    store.close(clean=True)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    assert connection.execute("SELECT low FROM attempts ORDER BY low").fetchall() == [(5,), (7,), (9,)]
    connection.close()


def changes(attempt: Attempt) -> Changes:
    return Changes(name="a", position=Position(1), standing=Standing(), parked={}, dead=[], attempts=[attempt], gaps=[])


def test_a_table_that_is_damaged_is_left_alone_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path, 4)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    [(page,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'digests'").fetchall()
    connection.close()
    data = bytearray((tmp_path / "journal.db").read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    (tmp_path / "journal.db").write_bytes(data)
    store = Store(tmp_path, "os")
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        assert [store.commit(Commit(disposal=due())).deleted for _ in range(2)] == [3, 0]
    assert [record.facts["table"] for record in caplog.records] == ["digests"]  # type: ignore[attr-defined]
    store.close(clean=True)


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, 3)
    store = Store(tmp_path, "os")

    def full(doomed: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(store._disposer, "_delete_chunks", full)
    with pytest.raises(JournalFull):
        store.commit(Commit(arrivals=[arrival()], disposal=due()))
    monkeypatch.undo()
    assert store.commit(Commit(disposal=due())).deleted == 2
    store.close(clean=True)


@pytest.mark.anyio
async def test_an_engine_s_journal_lives_on_with_a_chunk_that_cannot_be_deleted(
    open_log: Any, events: Callable[[int, int], Any], tmp_path: Path
) -> None:
    """It used to end after five seconds, at every start."""
    filled(tmp_path, 3)
    broken_chain(tmp_path, 0)
    stored: list[Any] = []
    async with open_log("disk", tmp_path, stored, limits=Limits(retention_s=0.0)) as log:
        account = log.account("a")
        account.follow(lambda: Position(log.end))
        for first in (7, 9, 11):
            await (await log.take(events(first, 2), "shop")).stored()
            account.moved()
        assert log.statistics().undeletable == 1
    assert [chunk.first for chunk in stored] == [7, 9, 11]
    assert firsts(tmp_path)[0] == 1
    assert firsts(tmp_path)[-1] == 11


@pytest.mark.anyio
async def test_chunks_that_cannot_be_deleted_keep_nothing_out_for_good(
    open_log: Any, events: Callable[[int, int], Any], tmp_path: Path
) -> None:
    filled(tmp_path, 3)
    broken_chain(tmp_path, 0)
    stored: list[Any] = []
    async with open_log("disk", tmp_path, stored, limits=Limits(retention_s=0.0, max_bytes=50_000)) as log:
        account = log.account("a")
        account.follow(lambda: Position(log.end))
        for first in (7, 9, 11):
            with anyio.fail_after(5):
                await (await log.take(events(first, 2), "shop")).stored()
            account.moved()
        await anyio.sleep(5)
    assert firsts(tmp_path) == [1, 11]


def test_a_journal_is_bare_once_nothing_is_left_that_could_go(tmp_path: Path) -> None:
    """So many chunks go in one commit: before the last of those that can, it is not."""
    filled(tmp_path, DELETED_AT_ONCE + 8)
    store = Store(tmp_path, "os")
    commits = [store.commit(Commit(disposal=due())) for _ in range(2)]
    store.close(clean=True)
    assert [(one.deleted, one.is_bare) for one in commits] == [(DELETED_AT_ONCE, False), (7, True)]
