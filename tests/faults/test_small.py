"""Small disks: full when they say so, well again afterwards, and never left behind."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from bench.faults import can_mount, limited_files, limited_folder

mounts = pytest.mark.skipif(not can_mount(), reason="mounting needs root")


def mounted() -> str:
    return Path("/proc/self/mounts").read_text()


@mounts
def test_a_small_folder_is_full_when_it_says_so_and_gone_afterwards() -> None:
    with limited_folder(256 * 1024) as folder:
        assert str(folder) in mounted()
        (folder / "f").write_bytes(bytes(256 * 1024))
        with pytest.raises(OSError, match="No space left") as raised:
            (folder / "g").write_bytes(b"x")
        assert raised.value.errno == errno.ENOSPC
    assert str(folder) not in mounted()
    assert not folder.exists()


@mounts
def test_a_small_folder_goes_away_although_a_file_in_it_is_open() -> None:
    with limited_folder(64 * 1024) as folder:
        held = (folder / "f").open("wb")
    assert str(folder) not in mounted()
    held.close()


@mounts
def test_a_database_on_a_full_disk_says_full_and_goes_on_when_there_is_space() -> None:
    with limited_folder(1024 * 1024) as folder:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(512 * 1024))
        connection = apsw.Connection(str(folder / "rows.db"))
        connection.pragma("journal_mode", "wal")
        connection.execute("create table rows(data blob)")
        with pytest.raises(apsw.FullError):
            connection.executemany("insert into rows values (zeroblob(?))", [(50_000,)] * 100)
        count = connection.execute("select count(*) from rows").get
        assert 0 < count < 100
        ballast.unlink()
        connection.execute("insert into rows values (zeroblob(50000))")
        assert connection.execute("select count(*) from rows").get == count + 1
        assert connection.pragma("integrity_check") == "ok"
        connection.close()


def test_a_limited_process_cannot_grow_a_file_until_the_limit_is_lifted(tmp_path: Path) -> None:
    program = """
import sys
for line in sys.stdin:
    try:
        with open(sys.argv[1], "wb") as file:
            file.write(bytes(int(line)))
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "f")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(size: int) -> str:
            print(size, file=process.stdin, flush=True)
            return process.stdout.readline().strip()  # type: ignore[union-attr]  # asserted above

        assert ask(5000) == "written"
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        with limited_files(process.pid, 4096):
            assert ask(4096) == "written"
            assert ask(5000) == os.strerror(errno.EFBIG)
        assert ask(5000) == "written"
        assert resource.prlimit(process.pid, resource.RLIMIT_FSIZE) == before
        with limited_files(process.pid, 4096):
            process.stdin.close()
            process.wait(10)
