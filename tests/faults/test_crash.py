"""Crash images: exactly the states that are legal, and they tell a database that keeps its word from one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw
import pytest

from bench.faults import (
    Delete,
    Disk,
    FailedSync,
    FaultyVfs,
    Image,
    Open,
    Record,
    RecordingVfs,
    Sync,
    Truncate,
    Write,
    crash_images,
    images,
)

Connect = Callable[..., apsw.Connection]
Insert = Callable[[apsw.Connection, Record, range], None]
A, B = b"a" * 1024, b"b" * 1024


def states(*operations: Open | Write | Truncate | Sync | FailedSync | Delete, file: str = "f") -> set[bytes | None]:
    """Every content that `file` has in 400 images after these operations; None: there is no such file."""
    record = Record()
    for one in operations:
        record.add(one)
    made = images(record, len(record), Random(7).random, 400)
    return {None if file not in one.files else bytes(one.files[file]) for one in made}


def test_what_a_sync_covers_survives_and_nothing_else_is_certain() -> None:
    assert states(Open("f", b""), Write("f", 0, A), Sync("f", 2)) == {A}
    assert states(Open("f", b""), Write("f", 0, A), Sync("f", 1)) == {b"", A[:512], A}


def test_unsynced_writes_survive_in_any_combination_with_zeros_in_the_gaps() -> None:
    both = states(Open("f", b""), Write("f", 0, b"a"), Write("f", 3, b"b"))
    assert both == {b"", b"a", b"\0\0\0b", b"a\0\0b"}


def test_a_torn_write_ends_at_a_sector_of_the_file_or_loses_whole_pages() -> None:
    torn = states(Open("f", bytes(8192)), Write("f", 4000, b"x" * 4192))
    ends = {one.rindex(b"x") + 1 for one in torn if one and b"x" in one}
    assert ends <= {4096, 4608, 5120, 5632, 6144, 6656, 7168, 7680, 8192}
    assert bytes(4096) + b"x" * 4096 in torn  # the first page of two was not written yet, the second was
    assert bytes(4000) + b"x" * 96 + bytes(4096) in torn


def test_a_truncation_is_kept_or_dropped_and_may_grow_a_file() -> None:
    assert states(Open("f", b"abcd"), Truncate("f", 2)) == {b"abcd", b"ab"}
    assert states(Open("f", b"ab"), Truncate("f", 4), Sync("f", 2)) == {b"ab\0\0"}


def test_a_new_file_is_certain_once_it_or_its_folder_is_synced() -> None:
    made = (Open("f", None), Write("f", 0, b"a"))
    assert states(*made) == {None, b"", b"a"}
    assert states(*made, Sync("f", 2)) == {b"a"}
    assert states(*made, Open("g-wal", None), Sync("g-wal", 3, folder=True)) == {b"", b"a"}
    late = (Open("g-wal", None), Open("f", None), Sync("g-wal", 1, folder=True))
    assert states(*late) == {None, b""}  # made while the sync was under way


def test_a_deletion_is_certain_once_the_folder_is_synced_and_a_new_file_may_take_the_name() -> None:
    old = Open("f", b"old")
    assert states(old, Delete("f", False)) == {b"old", None}
    assert states(old, Delete("f", True)) == {None}
    again = (old, Delete("f", False), Open("f", None), Write("f", 0, b"new"))
    assert states(*again) == {b"old", None, b"", b"new"}
    assert states(*again, Sync("f", 4)) == {b"new"}


def test_a_write_beside_sqlite_needs_no_open() -> None:
    assert states(Write("durable", 0, b"7"), Write("durable", 0, b"8"), file="durable") == {None, b"", b"7", b"8"}


def test_no_later_sync_covers_what_a_failed_sync_gave_up() -> None:
    failed = (Open("f", b"...."), Write("f", 0, b"abc"), FailedSync("f", 2))
    assert states(*failed, Sync("f", 3)) == {b"....", b"abc."}
    assert states(*failed, Write("f", 1, b"X"), Sync("f", 4)) == {b".X..", b"aX..", b".Xc.", b"aXc."}
    assert states(*failed, Write("f", 0, b"XYZ"), Sync("f", 4)) == {b"XYZ."}
    assert states(*failed, Truncate("f", 1), Sync("f", 4)) == {b".", b"a"}


def test_the_first_images_are_kept_dropped_and_a_prefix_and_one_is_enough_when_all_is_synced() -> None:
    record = Record()
    record.add(Open("f", b""))
    for n in range(4):
        record.add(Write("f", n, b"%d" % n))
    made = list(images(record, 5, Random(1).random, 6))
    assert [one.variant for one in made] == [
        "kept",
        "dropped",
        "prefix",
        "all but the first",
        "the last alone",
        "random",
    ]
    assert [bytes(one.files["f"]) for one in made[:2]] == [b"0123", b""]
    assert [bytes(one.files["f"]) for one in made[3:5]] == [b"\x00123", b"\0\0\x003"]
    assert bytes(made[2].files["f"]) in {b"", b"0", b"01", b"012", b"0123"}
    record.add(Sync("f", 5))
    assert [one.variant for one in images(record, 6, Random(1).random)] == ["kept"]


def test_a_disk_goes_forward_only_and_says_what_is_pending() -> None:
    record = Record()
    record.add(Open("f", b""))
    record.add(Write("f", 0, b"a"))
    disk = Disk(record)
    disk.advance(2)
    assert repr(disk) == "<Disk at boundary 2: 1 names, 1 changes pending>"
    assert disk.pending() == [Write("f", 0, b"a")]
    with pytest.raises(ValueError, match="at boundary 2 already"):
        disk.advance(1)


def test_an_image_is_exactly_what_the_folder_holds_afterwards(folder: Path) -> None:
    for name in ("rows.db-shm", "ballast"):
        (folder / name).write_bytes(b"left over")
    Image(3, "kept", {"rows.db": bytearray(b"new")}).write_to(folder, keep=["ballast"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"rows.db": b"new", "ballast": b"left over"}


def written(connect: Connect, insert: Insert, synchronous: str) -> Record:
    """Some 300 commits, with checkpoints, deletions, and a close and a new start in the middle."""
    with RecordingVfs("crash") as vfs:
        for numbers in (range(90), range(90, 180)):
            connection = connect("crash", synchronous)
            insert(connection, vfs.record, numbers)
            connection.close()
        return vfs.record


def owed(record: Record, boundary: int) -> set[int]:
    """The rows that were acked before the boundary, without those that were about to go."""
    marks = [mark for mark in record.marks_before(boundary) if isinstance(mark, tuple)]
    gone = max((n for word, n in marks if word == "gone"), default=-1)
    return {n for word, n in marks if word == "acked" and n > gone}


def survivors(folder: Path) -> set[int] | None:
    """The rows of the database in `folder`, None if it is damaged or has no such table."""
    connection = apsw.Connection(str(folder / "rows.db"))
    try:
        if connection.pragma("integrity_check") != "ok":
            return None
        return {n for (n,) in connection.execute("select n from rows")}
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError):
        return None
    finally:
        connection.close()


def losses(record: Record, folder: Path, boundaries: int) -> tuple[int, int, int]:
    """(images, images that lack an acked row, images that do not open whole although a row was acked)."""
    random, scratch = Random(3), folder / "image"
    places = sorted(random.randrange(len(record) + 1) for _ in range(boundaries))
    made = lost = broken = 0
    for image in crash_images(record, places, random.random):
        image.write_to(scratch)
        rows, debt = survivors(scratch), owed(record, image.boundary)
        made += 1
        broken += rows is None and bool(debt)
        lost += bool(debt - (rows or set()))
    return made, lost, broken


def test_full_sync_loses_no_acked_row_in_any_image_and_every_image_is_whole(
    folder: Path, connect: Connect, insert: Insert
) -> None:
    made, lost, broken = losses(written(connect, insert, "FULL"), folder, 150)
    assert made > 700
    assert (lost, broken) == (0, 0)


@pytest.mark.parametrize(("synchronous", "breaks"), [("NORMAL", False), ("OFF", True)])
def test_the_images_find_a_database_that_acks_before_it_syncs(
    folder: Path, connect: Connect, insert: Insert, synchronous: str, breaks: bool
) -> None:
    """NORMAL may roll back commits but stays whole, OFF may be ruined: what SQLite's own documentation says of them."""
    record = written(connect, insert, synchronous)
    made, lost, broken = losses(record, folder, 40)
    assert made > 200
    assert lost > 20
    assert (broken > 20) is breaks


def test_a_mark_that_comes_before_its_commit_is_found(folder: Path, connect: Connect) -> None:
    with RecordingVfs("early") as vfs:
        connection = connect("early")
        for n in range(60):
            vfs.record.mark(("acked", n))
            connection.execute("insert into rows values (?, zeroblob(3000))", (n,))
        connection.close()
    _, lost, _ = losses(vfs.record, folder, 60)
    assert lost > 100


def test_syncs_that_fail_now_and_then_cost_no_acked_row_in_any_image(folder: Path, connect: Connect) -> None:
    with FaultyVfs("failing") as vfs:
        connection = connect("failing")
        for n in range(120):
            if n % 6 == 0:
                vfs.fail("sync", 1 + n % 4)
            try:
                connection.execute("insert into rows values (?, zeroblob(?))", (n, n * 331 % 6000))
            except apsw.IOError:
                continue
            vfs.record.mark(("acked", n))
        assert len(vfs.failed) == 20
        vfs.heal()
        connection.close()
    made, lost, broken = losses(vfs.record, folder, 60)
    assert made > 300
    assert (lost, broken) == (0, 0)
