"""Opening a journal: whose it is, what is refused untouched, what is said, and that a journal of format 1 is read exactly."""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import apsw
import msgspec
import pytest
from doorstep.engine.errors import ConfigError, JournalError
from doorstep.engine.journal.blob import Piece
from doorstep.engine.journal.opening import restorer
from doorstep.engine.journal.queries import Queries, StoredPieces
from doorstep.engine.journal.records import Gap, OpenChunk, ParkedEvent, Position, Try
from doorstep.engine.journal.sealing import unsealed
from doorstep.engine.journal.store import Store
from doorstep.engine.model import AnyEvent, Chunk, Event

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).with_name("golden") / "format-1"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("lock", "durable")}


# Whose it is ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("open_umask")
async def test_the_folder_and_its_files_are_for_their_owner_alone(open_log: Any, events: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    async with open_log("disk", folder, []) as log:
        await (await log.take(events(1, 1), "shop")).stored()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"journal.db", "journal.db-wal", "journal.db-shm", "durable", "lock", "ballast"} <= modes.keys()
    assert set(modes.values()) == {0o600}


async def test_an_empty_folder_becomes_its_owners_alone_and_any_other_stays_as_it_is(
    open_log: Any, tmp_path: Path
) -> None:
    (tmp_path / "made").mkdir(mode=0o755)
    (tmp_path / "used").mkdir(mode=0o755)
    (tmp_path / "used" / "notes").write_text("")
    for name, mode in (("made", 0o700), ("used", 0o755)):
        async with open_log("disk", tmp_path / name, []):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


async def test_two_engines_never_share_a_journal(open_log: Any, events: Any, tmp_path: Path) -> None:
    said = f"{tmp_path} is in use by another doorstep; stop that one, or choose another data_dir"
    program = (
        "import sys; from pathlib import Path; from doorstep.engine.errors import JournalError\n"
        "from doorstep.engine.journal.store import Store\n"
        "try: Store(Path(sys.argv[1]))\n"
        "except JournalError as error: print(error)"
    )
    async with open_log("disk", tmp_path, []) as log:
        with pytest.raises(JournalError) as caught:
            async with open_log("disk", tmp_path, []):
                pass
        assert str(caught.value) == said
        other = await anyio.run_process(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        assert other.stdout.decode().strip() == said
        await (await log.take(events(1, 1), "shop")).stored()
    async with open_log("disk", tmp_path, []) as log:
        assert log.end == 2


# What is refused -----------------------------------------------------------------------------------------------------


async def test_another_format_is_refused_and_left_as_it_is(open_log: Any, tmp_path: Path) -> None:
    async with open_log("disk", tmp_path, []):
        pass
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.pragma("user_version", 2)
    connection.close()
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(JournalError, match="has format 2, and this version of Doorstep reads format 1"):
            async with open_log("disk", tmp_path, []):
                pass
    assert contents(tmp_path) == before


async def test_another_programs_database_is_refused_and_left_as_it_is(open_log: Any, tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')")
    connection.pragma("user_version", 1)
    connection.close()
    before = contents(tmp_path)
    with pytest.raises(JournalError, match="belongs to another program; choose another data_dir"):
        async with open_log("disk", tmp_path, []):
            pass
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", [b"dear diary", b"SQLite format 2\0" + bytes(500), bytes(16384)])
async def test_what_is_no_database_is_refused_and_left_as_it_is(open_log: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    with pytest.raises(JournalError, match="is no journal, or its beginning is damaged; `doorstep journal salvage`"):
        async with open_log("disk", tmp_path, []):
            pass
    assert contents(tmp_path) == {"journal.db": content}


async def test_a_folder_that_is_none_is_said_to_be_none(open_log: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file cannot be used: File exists; name a folder that may be made"):
        async with open_log("disk", tmp_path / "file", []):
            pass


@pytest.mark.backends
async def test_a_journal_that_is_refused_leaves_no_thread_behind(open_log: Any, tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"dear diary")
    before = threading.enumerate()
    with pytest.raises(JournalError, match="is no journal"):
        async with open_log("disk", tmp_path, [], threads=True):
            pass
    new = {*threading.enumerate()} - {*before}
    assert [thread.name for thread in new if thread.name.startswith("doorstep")] == []


async def test_a_journal_that_was_half_made_is_made_anew(open_log: Any, events: Any, tmp_path: Path) -> None:
    """The power went while it was being made: it has its name only when it is whole."""
    (tmp_path / "journal.db.new").write_bytes(b"half")
    (tmp_path / "journal.db.new-journal").write_bytes(b"half")
    async with open_log("disk", tmp_path, []) as log:
        assert await (await log.take(events(1, 1), "shop")).stored() == 1
    assert [name for name in contents(tmp_path) if name.startswith("journal.db.new")] == []


# What is said --------------------------------------------------------------------------------------------------------


async def test_what_was_acknowledged_and_is_missing_is_said(
    open_log: Any, events: Any, tmp_path: Path, caplog: Any
) -> None:
    async with open_log("disk", tmp_path, []) as log:
        log.account("a")
        await (await log.take(events(1, 2), "shop")).stored()
    shutil.copy(tmp_path / "journal.db", tmp_path / "backup")
    async with open_log("disk", tmp_path, []) as log:
        await (await log.take(events(3, 3), "shop")).stored()
    shutil.copy(tmp_path / "backup", tmp_path / "journal.db")
    stored: list[Chunk] = []
    with caplog.at_level(logging.ERROR, "doorstep.journal"):
        async with open_log("disk", tmp_path, stored) as log:
            account = log.account("a")
            assert isinstance(await account.read(1), Chunk)
            gap = await account.read(3)
            assert (gap.first, gap.last, gap.reason) == (3, 5, "damaged")
            await (await log.take(events(6, 1), "shop")).stored()
    assert [record.facts for record in caplog.records] == [
        {"journal": str(tmp_path), "first": 3, "last": 5, "count": 3},
    ]
    assert [chunk.first for chunk in stored] == [6]


async def test_lines_that_are_refused_today_are_events_all_the_same() -> None:
    track, odd = b'{"type":"track","userId":"u","event":"E","messageId":"m"}', b'{"type":"surprise","messageId":"n"}'
    restore = restorer("segment")
    assert [type(event) for event in restore([track, track])] == [Event, Event]
    restored = restore([track, odd, b"no longer JSON", track])
    assert [type(event) for event in restored] == [Event, AnyEvent, AnyEvent, Event]
    assert [event.messageId for event in restored] == ["m", "n", None, "m"]
    assert restorer("any")([odd])[0].messageId == "n"


# Format 1 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    folder = tmp_path / "golden"
    folder.mkdir()
    (folder / "journal.db").write_bytes(gzip.decompress((GOLDEN / "journal.db.gz").read_bytes()))
    shutil.copy(GOLDEN / "durable", folder)
    return folder


def test_a_journal_of_format_1_is_found_exactly(golden: Path) -> None:
    store = Store(golden)
    opened = store.opened()
    store.close(clean=True)
    assert (opened.id, opened.end, opened.oldest, opened.was_clean, opened.lost) == ("0f1e2d3c", 7, 1, True, None)
    [found] = opened.accounts.values()
    assert (found.name, found.position, found.standing.paused) == (
        "crm",
        Position(5, (OpenChunk(1, 3, b"\x03"),)),
        True,
    )
    assert found.parked == [
        ParkedEvent(
            number=2,
            line=b'{"type":"track","userId":"u","event":"E","messageId":"m-2"}',
            source="shop",
            received=1700000000.5,
            due=1700000100.0,
            waited_s=12.5,
            attempts=3,
            tries=[Try(1700000010.0, "http_500", 500), Try(1700000020.0, "timeout")],
            replay=None,
        )
    ]
    queries = Queries(golden)
    first = queries.chunk(1)
    queries.close()
    line = b'{"type":"track","userId":"u","event":"E","messageId":"m-%d"}'
    assert isinstance(first, StoredPieces)
    assert first.pieces == [
        Piece("shop", 1700000000.5, [line % 1, line % 2]),
        Piece("till", 1700000001.0, [line % 3]),
    ]


async def test_a_journal_of_format_1_goes_on(golden: Path, open_log: Any, events: Any) -> None:
    stored: list[Chunk] = []
    async with open_log("disk", golden, stored) as log:
        account = log.account("crm")
        chunks = [await account.read(number) for number in (1, 4, 5)]
        keys = [[envelope.key for envelope in chunk.envelopes] for chunk in chunks]
        assert keys == [["m-1", "m-2", "m-3"], ["m-4"], ["m-5", "m-6"]]
        assert [envelope.receipt.source for envelope in chunks[0].envelopes] == ["shop", "shop", "till"]
        await (await log.take(events(7, 1), "shop")).stored()
        await account.write_down()
        await anyio.sleep(2)
    assert [chunk.first for chunk in stored] == [7]


def test_the_tables_of_format_1_are_these(golden: Path, tmp_path: Path) -> None:
    """Whoever changes a table changes the format."""
    Store(tmp_path / "new").close(clean=True)
    schemas = []
    for folder in (golden, tmp_path / "new"):
        connection = apsw.Connection(str(folder / "journal.db"))
        schemas.append(connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall())
        heads = [connection.pragma(name) for name in ("user_version", "application_id", "page_size", "journal_mode")]
        assert heads == [1, 0x44537031, 16384, "wal"]
        connection.close()
    assert schemas[0] == schemas[1]


def test_a_gap_of_format_1_is_read(golden: Path) -> None:
    connection = apsw.Connection(str(golden / "journal.db"))
    rows: list[Any] = connection.execute("SELECT row FROM gaps").fetchall()
    connection.close()
    assert msgspec.msgpack.decode(unsealed(rows[0][0]), type=Gap) == Gap(4, 4, "expired", 1700000005.0)
