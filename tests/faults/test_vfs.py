"""The two VFS under a plain WAL database: what is recorded, and what the program sees of each fault."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import apsw
import pytest

from bench.faults import Delete, FailedSync, Fault, FaultyVfs, Mark, Open, Record, RecordingVfs, Sync, Truncate, Write

Connect = Callable[..., apsw.Connection]
Insert = Callable[[apsw.Connection, Record, range], None]


def numbers(connection: apsw.Connection) -> list[int]:
    return [n for (n,) in connection.execute("select n from rows order by n")]


def code_of(error: apsw.Error) -> int:
    """`extendedresult`, which the stubs of apsw do not mention."""
    return int(vars(error)["extendedresult"])


def add(connection: apsw.Connection, *rows: int) -> None:
    for n in rows:
        connection.execute("insert into rows values (?, zeroblob(5000))", (n,))


def test_the_record_holds_every_byte_that_is_in_the_files(folder: Path, connect: Connect, insert: Insert) -> None:
    with RecordingVfs("whole") as vfs:
        connection = connect("whole")
        insert(connection, vfs.record, range(40))

        written = {"rows.db": bytearray(), "rows.db-wal": bytearray()}
        for one in vfs.record.operations:
            match one:
                case Write(file, offset, data) if file in written:
                    gap = max(0, offset - len(written[file]))
                    written[file] += bytes(gap)
                    written[file][offset : offset + len(data)] = data
                case Truncate(file, size):
                    del written[file][size:]
        assert written["rows.db"] == (folder / "rows.db").read_bytes()
        assert written["rows.db-wal"] == (folder / "rows.db-wal").read_bytes()
        connection.close()


def test_a_full_commit_is_writes_then_a_sync_then_the_mark(connect: Connect) -> None:
    with RecordingVfs("order") as vfs:
        connection = connect("order")
        connection.pragma("wal_autocheckpoint", 0)
        add(connection, 1)
        start = len(vfs.record)
        add(connection, 2)
        place = vfs.record.mark("acked")

        operations = vfs.record.operations[start:]
        assert {type(one) for one in operations[:-2]} == {Write}
        assert operations[-2:] == [Sync("rows.db-wal", place - 1), Mark("acked")]
        connection.close()


def test_opens_tell_new_files_from_old_and_deletions_are_recorded(folder: Path, connect: Connect) -> None:
    with RecordingVfs("first") as vfs:
        connection = connect("first")
        add(connection, 1)
        connection.close()
        opened = [one for one in vfs.record.operations if isinstance(one, Open)]
        assert opened == [Open("rows.db", None), Open("rows.db-journal", None), Open("rows.db-wal", None)]
        assert vfs.record.operations[-1] == Delete("rows.db-wal", False)

        again = len(vfs.record)
        connection = connect("first")
        add(connection, 2)
        connection.close()
        assert [one for one in vfs.record.operations[again:] if isinstance(one, Open)] == [Open("rows.db-wal", None)]

    before = (folder / "rows.db").read_bytes()
    with RecordingVfs("second") as vfs:
        connection = connect("second")
        assert numbers(connection) == [1, 2]
        assert vfs.record.operations[0] == Open("rows.db", before)
        connection.close()


def test_an_empty_file_that_the_program_made_itself_is_a_new_one(folder: Path, connect: Connect) -> None:
    (folder / "rows.db").touch()
    with RecordingVfs("touched") as vfs:
        connect("touched").close()
        assert vfs.record.operations[0] == Open("rows.db", None)


def test_a_reader_in_another_thread_shares_the_wal_with_the_writer(connect: Connect) -> None:
    with RecordingVfs("shared"):
        writer = connect("shared")
        add(writer, 0)
        reader, stop, seen = connect("shared"), Event(), list[int]()

        def read() -> None:
            while not stop.is_set():
                seen.append(len(numbers(reader)))

        thread = Thread(target=read)
        thread.start()
        add(writer, *range(1, 200))
        stop.set()
        thread.join()

        assert seen == sorted(seen)
        assert len(numbers(reader)) == 200
        reader.close()
        writer.close()


def test_a_name_is_taken_once_and_free_after_close() -> None:
    vfs = RecordingVfs("once")
    assert repr(vfs) == "<RecordingVfs 'once'>"
    with pytest.raises(ValueError, match="a VFS named 'once' already"):
        RecordingVfs("once")
    vfs.close()
    vfs.close()
    assert "once" not in apsw.vfs_names()
    with pytest.raises(apsw.SQLError, match="no such vfs: once"):
        apsw.Connection(":memory:", vfs="once")


def test_a_closed_vfs_without_connections_is_freed_and_one_with_them_goes_on(connect: Connect) -> None:
    free, used = RecordingVfs("free"), RecordingVfs("used")
    connect("free").close()
    connection = connect("used")
    freed = weakref.ref(free)
    free.close()
    used.close()
    del free, used
    gc.collect()

    assert freed() is None
    add(connection, 1, 2)
    assert numbers(connection) == [1, 2]
    connection.close()


@pytest.mark.parametrize(
    ("kind", "fault", "error", "code"),
    [
        ("write", Fault.IO_ERROR, apsw.IOError, apsw.SQLITE_IOERR_WRITE),
        ("write", Fault.DISK_FULL, apsw.FullError, apsw.SQLITE_FULL),
        ("write", Fault.SHORT_WRITE, apsw.FullError, apsw.SQLITE_FULL),
        ("sync", Fault.IO_ERROR, apsw.IOError, apsw.SQLITE_IOERR_FSYNC),
        ("sync", Fault.DISK_FULL, apsw.IOError, apsw.SQLITE_IOERR_FSYNC),
    ],
)
def test_a_fault_in_a_commit_is_seen_as_its_error_and_heals(
    folder: Path, connect: Connect, kind: str, fault: Fault, error: type[apsw.Error], code: int
) -> None:
    with FaultyVfs("faulty") as vfs:
        connection = connect("faulty")
        add(connection, 1)
        vfs.fail(kind, 1, fault, times=None, file="-wal")  # type: ignore[arg-type]  # a parameter is any str to mypy
        for n in (2, 3):
            with pytest.raises(error) as raised:
                add(connection, n)
            assert code_of(raised.value) == code
        assert {one.fault for one in vfs.failed} == {fault}
        assert connection.get_autocommit()

        vfs.heal()
        add(connection, 4)
        assert numbers(connection) == [1, 4]
        assert connection.pragma("integrity_check") == "ok"
        connection.close()


def test_a_file_that_cannot_be_opened_or_read_is_told_and_heals(connect: Connect, folder: Path) -> None:
    with FaultyVfs("faulty") as vfs:
        add(connect("faulty"), 1)
        vfs.fail("open")
        with pytest.raises(apsw.CantOpenError):
            apsw.Connection(str(folder / "rows.db"), vfs="faulty")

        second = apsw.Connection(str(folder / "rows.db"), vfs="faulty")
        vfs.fail("read", times=None)
        with pytest.raises(apsw.IOError) as raised:
            second.execute("select * from rows")
        assert code_of(raised.value) == apsw.SQLITE_IOERR_READ
        vfs.heal()
        assert numbers(second) == [1]
        second.close()


@pytest.mark.parametrize("kind", ["write", "sync", "truncate"])
def test_a_checkpoint_that_fails_is_forgiven_as_on_a_real_disk(connect: Connect, kind: str) -> None:
    """The commit before it is durable: an exception here (as of a VFS written in Python) would be a failure that no disk has."""
    with FaultyVfs("faulty") as vfs:
        connection = connect("faulty")
        vfs.fail(kind, times=None, file=".db")  # type: ignore[arg-type]  # a parameter is any str to mypy
        add(connection, *range(20))
        assert {(one.kind, one.file) for one in vfs.failed} == {(kind, "rows.db")}
        vfs.heal()
        assert numbers(connection) == list(range(20))
        connection.close()


def test_the_kth_operation_fails_and_as_many_after_it_as_told(connect: Connect) -> None:
    with FaultyVfs("faulty") as vfs:
        connection = connect("faulty")
        connection.pragma("wal_autocheckpoint", 0)  # a checkpoint syncs the WAL too
        add(connection, 1)
        vfs.fail("sync", 2, times=2, file="-wal")
        outcomes = []
        for n in range(2, 7):
            try:
                add(connection, n)
                outcomes.append("ok")
            except apsw.IOError:
                outcomes.append("failed")
        assert outcomes == ["ok", "failed", "failed", "ok", "ok"]
        assert [one.kind for one in vfs.failed] == ["sync", "sync"]

        vfs.fail("sync", 100)
        vfs.reset()
        assert (vfs.counts(), vfs.failed) == ({}, [])
        add(connection, 7)
        assert vfs.counts()["sync"] >= 1
        connection.close()


def test_any_counts_operations_of_every_kind_together(connect: Connect) -> None:
    with FaultyVfs("faulty") as vfs:
        connection = connect("faulty")
        connection.pragma("wal_autocheckpoint", 0)
        add(connection, 1)
        outcomes = []
        for k in range(1, 30):
            vfs.fail("any", k, file="-wal")
            try:
                add(connection, 100 + k)
                outcomes.append("ok")
            except apsw.IOError:
                outcomes.append(vfs.failed[-1].kind)
        # A header and a page for each frame, then the sync; a fault that is due later than that never comes.
        writes = outcomes.count("write")
        assert writes >= 4
        assert outcomes == ["write"] * writes + ["sync"] + ["ok"] * (28 - writes)
        connection.close()


def test_operations_are_counted_from_one() -> None:
    with FaultyVfs("faulty") as vfs:
        with pytest.raises(ValueError, match="counted from 1"):
            vfs.fail("write", 0)
        with pytest.raises(ValueError, match="counted from 1"):
            vfs.fail("write", times=0)


def test_a_short_write_leaves_half_of_the_bytes_and_a_failed_sync_is_recorded(connect: Connect) -> None:
    with FaultyVfs("faulty") as vfs:
        connection = connect("faulty")
        add(connection, 1)
        start = len(vfs.record)
        vfs.fail("write", 2, Fault.SHORT_WRITE, file="-wal")  # a frame is a header of 24 bytes, then the page
        with pytest.raises(apsw.FullError):
            add(connection, 2)
        sizes = [len(one.data) for one in vfs.record.operations[start:] if isinstance(one, Write)]
        assert sizes == [24, 2048]

        vfs.fail("sync", file="-wal")
        with pytest.raises(apsw.IOError):
            add(connection, 2)
        assert vfs.record.operations[-1] == FailedSync("rows.db-wal", len(vfs.record) - 1)
        connection.close()
