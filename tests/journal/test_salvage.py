"""Journals that are damaged in every way: what is whole comes out, in order and unaltered; what is not is named; nothing is touched."""

from __future__ import annotations

import io
import random
import shutil
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine.errors import ConfigError, JournalError
from doorstep.engine.journal.blob import joined
from doorstep.engine.journal.checking import Checked, check
from doorstep.engine.journal.commits import Arrival, Commit
from doorstep.engine.journal.records import Changes, DeadLetter, ParkedEvent, Position, Standing
from doorstep.engine.journal.salvage import Rescued, salvage
from doorstep.engine.journal.store import Store, hash_of
from doorstep.engine.journal.untouched import locked, untouched

NOW = 1_800_000_000.0
PAGE = 16 * 1024
CHUNK = 40


def line_of(number: int) -> bytes:
    """Of all sizes, and with the letters in it that a chunk begins with."""
    note = random.Random(number).randbytes(number * 37 % 900).hex()
    return b'{"messageId":"m-%d","note":"DSc1 %s"}' % (number, note.encode())


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
    return Changes(name=name, position=Position(scan), **{**facts, **more})


def fill(store: Store, chunks: int, start: int = 0) -> None:
    """Chunks of forty events and, between them, of one: those fit into their leaf."""
    first = start * (CHUNK + 1) + 1
    for _ in range(chunks):
        store.commit(Commit(arrivals=[arrival(range(first, first + CHUNK))], changes=[changes("hook", first)]))
        store.commit(Commit(arrivals=[arrival([first + CHUNK])]))
        first += CHUNK + 1


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Ten of each, closed well: all is in the main file."""
    folder = tmp_path / "journal"
    store = Store(folder)
    fill(store, 10)
    store.close(clean=True)
    (folder / "ballast").unlink()
    return folder


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The same, and ten more that are only in the WAL."""
    folder, image = tmp_path / "journal", tmp_path / "image"
    store = Store(folder)
    fill(store, 10)
    store.checkpoint()
    fill(store, 10, start=10)
    (folder / "ballast").unlink()
    shutil.copytree(folder, image)
    store.close(clean=True)
    (image / "journal.db-shm").unlink(missing_ok=True)
    assert (image / "journal.db-wal").stat().st_size > 10 * PAGE
    return image


def lines(first: int, last: int) -> list[bytes]:
    return [line_of(number) for number in range(first, last + 1)]


def rescue(folder: Path) -> tuple[Rescued, list[bytes]]:
    out = io.BytesIO()
    before = contents(folder)
    with locked(folder):
        rescued = salvage(folder, out)
    assert contents(folder) == before
    return rescued, out.getvalue().splitlines()


def verify(folder: Path) -> Checked:
    before = contents(folder)
    with locked(folder), untouched(folder) as connection:
        checked = check(connection, folder)
    assert contents(folder) == before
    return checked


def said(checked: Checked) -> list[str]:
    return [str(finding) for finding in checked.findings]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def damage(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def zeroed(start: int, length: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[start : start + length] = bytes(length)

    return change


def page_with(folder: Path, what: bytes, skip: int = 0) -> int:
    """Where the page begins that holds `what`."""
    place = (folder / "journal.db").read_bytes().find(what)
    assert place > 0
    return place // PAGE * PAGE


# Nothing wrong -------------------------------------------------------------------------------------------------------


def test_a_journal_that_is_whole_is_said_to_be_and_comes_out_whole(closed):
    assert verify(closed) == Checked(chunks=20, events=410, findings=[])
    assert rescue(closed) == (Rescued(events=410, from_pages=0, missing=[]), lines(1, 410))


def test_what_is_only_in_the_wal_counts_and_comes_out(killed):
    assert verify(killed) == Checked(chunks=40, events=820, findings=[])
    assert rescue(killed) == (Rescued(events=820, from_pages=0, missing=[]), lines(1, 820))


def test_a_journal_that_is_in_use_is_not_looked_at(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(JournalError, match="in use by another doorstep"), locked(tmp_path):
        pass
    store.close(clean=True)
    with locked(tmp_path), pytest.raises(JournalError, match="in use"):
        Store(tmp_path)


def test_a_folder_without_a_journal_is_none(tmp_path):
    with pytest.raises(ConfigError, match="there is no journal in"), locked(tmp_path):
        pass


def test_an_empty_journal_is_whole_and_nothing_comes_out(tmp_path):
    Store(tmp_path).close(clean=True)
    assert verify(tmp_path) == Checked(chunks=0, events=0, findings=[])
    assert rescue(tmp_path) == (Rescued(events=0, from_pages=0, missing=[]), [])


# The main file -------------------------------------------------------------------------------------------------------


def test_one_flipped_bit_in_an_event_costs_its_chunk_and_is_named(closed):
    where = (closed / "journal.db").read_bytes().find(line_of(60)) + 9

    def flip(data: bytearray) -> None:
        data[where] ^= 1

    damage(closed / "journal.db", flip)
    assert said(verify(closed)) == ["events are damaged: 42 to 81"]
    rescued, out = rescue(closed)
    assert rescued == Rescued(events=370, from_pages=0, missing=[(42, 81)])
    assert out == lines(1, 41) + lines(82, 410)


def test_without_its_first_page_every_chunk_comes_out(closed):
    damage(closed / "journal.db", zeroed(0, PAGE))
    with pytest.raises(JournalError):
        verify(closed)
    assert rescue(closed) == (Rescued(events=410, from_pages=410, missing=[]), lines(1, 410))


def test_a_file_that_is_cut_off_gives_what_is_before(closed):
    size = (closed / "journal.db").stat().st_size

    def cut(data: bytearray) -> None:
        del data[size * 3 // 4 // PAGE * PAGE + 100 :]

    damage(closed / "journal.db", cut)
    rescued, out = rescue(closed)
    assert out == sorted(out, key=lambda line: int(line.split(b'"')[3][2:]))
    assert set(out) <= set(lines(1, 410))
    assert rescued.events == len(out) > 100


def test_chunks_that_the_tree_has_lost_are_found_by_their_headers(closed):
    """The leaf that SQLite finds bodies by is not a leaf any more, by one byte."""
    damage(closed / "journal.db", zeroed(page_with(closed, b"DSc1\0"), 1))
    assert any("SQLite" in line for line in said(verify(closed)))
    rescued, out = rescue(closed)
    assert out == lines(1, 410)
    assert rescued.missing == []
    assert rescued.from_pages > 0


def test_an_event_of_a_damaged_chunk_comes_out_if_it_is_parked_or_a_dead_letter(tmp_path):
    store = Store(tmp_path)
    waiting = ParkedEvent(number=3, line=line_of(3), source="shop", received=NOW, due=NOW)
    facts: dict[str, Any] = {"message_id": "m-5", "type": None, "event": None, "source": "shop", "received": NOW}
    facts |= {"reason": "http_400", "status": 400, "excerpt": "", "tries": [], "version": "", "first_at": NOW}
    dead = DeadLetter(destination="hook", number=5, line=line_of(5), last_at=NOW, **facts)
    changed = changes("hook", 9, parked={3: waiting}, dead=[dead])
    store.commit(Commit(arrivals=[arrival(range(1, 9))], changes=[changed]))
    store.work(lambda connection: connection.execute("UPDATE bodies SET body = substr(body, 1, 50)"))
    store.close(clean=True)
    assert rescue(tmp_path) == (
        Rescued(events=2, from_pages=0, missing=[(1, 2), (4, 4), (6, 8)]),
        [line_of(3), line_of(5)],
    )


def test_beside_a_letter_of_another_journal_nothing_is_missing(closed):
    store = Store(closed)
    facts: dict[str, Any] = {"message_id": "m-5", "type": None, "event": None, "source": "shop", "received": NOW}
    facts |= {"reason": "http_400", "status": 400, "excerpt": "", "tries": [], "version": "", "first_at": NOW}
    stranger = DeadLetter(destination="hook", number=1 - 2**40, line=line_of(999), last_at=NOW, origin="0a-1", **facts)
    store.commit(Commit(changes=[changes("hook", 411, dead=[stranger])]))
    store.close(clean=True)
    rescued, out = rescue(closed)
    assert out == [line_of(999), *lines(1, 410)]
    assert rescued.missing == []


@pytest.mark.parametrize("seed", range(20))
def test_no_flipped_byte_costs_more_than_its_own_chunk_or_alters_an_event(closed, seed):
    chance = random.Random(seed)
    size = (closed / "journal.db").stat().st_size

    def flip(data: bytearray) -> None:
        data[chance.randrange(size)] ^= chance.randrange(1, 256)

    damage(closed / "journal.db", flip)
    rescued, out = rescue(closed)
    gone = set(lines(1, 410)) - set(out)
    assert [line for line in lines(1, 410) if line not in gone] == out
    assert len(gone) <= CHUNK
    named = {number for first, last in rescued.missing for number in range(first, last + 1)}
    assert gone - set(lines(1, 41)) <= {line_of(number) for number in named} <= gone


# The WAL -------------------------------------------------------------------------------------------------------------


def test_from_the_wal_alone_its_chunks_come_out(killed):
    """The main file is all zeros: what is left is what had not been played back yet."""
    size = (killed / "journal.db").stat().st_size
    damage(killed / "journal.db", zeroed(0, size))
    _, out = rescue(killed)
    assert set(lines(411, 820)) <= set(out) <= set(lines(1, 820))


def test_a_damaged_frame_costs_no_chunk_that_is_not_in_it(killed):
    """SQLite reads a WAL up to its first damaged frame; the chunks behind it are whole all the same."""
    log = (killed / "journal.db-wal").read_bytes()
    where = next(place for number in range(510, 530) if (place := log.find(line_of(number))) > 0) + 5

    def flip(data: bytearray) -> None:
        data[where] ^= 4

    damage(killed / "journal.db-wal", flip)
    checked = verify(killed)
    assert "events that were acknowledged are missing: 493 to 820" in said(checked)
    rescued, out = rescue(killed)
    assert rescued.missing == [(493, 532)]
    assert out == lines(1, 492) + lines(533, 820)


def test_without_the_head_of_the_wal_its_chunks_come_out(killed):
    damage(killed / "journal.db-wal", zeroed(0, 32))
    assert set(rescue(killed)[1]) >= set(lines(452, 820))


def test_a_torn_end_of_the_wal_is_named(killed):
    def cut(data: bytearray) -> None:
        del data[-PAGE - 100 :]

    damage(killed / "journal.db-wal", cut)
    (finding,) = verify(killed).findings
    assert (finding.what, finding.last) == ("events that were acknowledged are missing", 820)


# What verify finds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE accounts SET row = x'0011'", "a row of accounts is damaged (hook)"),
        ("DELETE FROM bodies WHERE first = 42", "events are missing: 42 to 81"),
        ("DELETE FROM chunks WHERE first = 42", "a chunk is not listed: 42"),
        ("UPDATE ids SET hashes = x'0011' WHERE first = 42", "the index for explain is damaged: 42 to 81"),
        ("DELETE FROM ids WHERE first = 42", "the index for explain is incomplete: 42 to 81"),
        ("UPDATE chunks SET count = 39 WHERE first = 42", "events are not those that are listed: 42 to 80"),
        ("INSERT INTO parked VALUES('hook', 7, x'00')", "a row of parked is damaged (hook 7)"),
        ("INSERT INTO dead VALUES(9, 'hook', 7, 'r', 1.0, x'00')", "a row of dead is damaged (9)"),
        ("INSERT INTO replays VALUES(4, 'hook', x'00')", "a row of replays is damaged (4)"),
    ],
)
def test_each_kind_of_damage_is_named(closed, statement, finding):
    store = Store(closed)
    store.work(lambda connection: connection.execute(statement).fetchall())
    store.close(clean=True)
    assert said(verify(closed)) == [finding]


def test_a_damaged_side_file_is_named(closed):
    damage(closed / "durable", zeroed(3, 4))
    (closed / "durable").write_bytes(b"\1" * 12)
    assert said(verify(closed)) == [
        "the file `durable` is damaged: acknowledged events that are lost would not be noticed"
    ]


def test_a_journal_of_another_format_is_refused(closed):
    store = Store(closed)
    store.work(lambda connection: connection.pragma("user_version", 2))
    store.close(clean=True)
    with pytest.raises(JournalError, match="has format 2, and this version of Doorstep reads format 1"):
        verify(closed)
