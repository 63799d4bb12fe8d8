"""`doorstep journal`: verify and salvage, from outside."""

from __future__ import annotations

import errno
import os
import re
import stat

import pytest


@pytest.fixture
def lines(doorstep_cli, events, write_config):
    write_config('[destinations.out]\ntype = "console"\n')
    lines = events(500)
    assert doorstep_cli("run", input=b"\n".join(lines)).returncode == 0
    return lines


def flip(path, what):
    data = bytearray(path.read_bytes())
    data[data.find(what)] ^= 1
    path.write_bytes(data)


def test_a_whole_journal_is_ok(invoke, lines):
    done = invoke("journal", "verify")
    assert (done.exit_code, done.stdout) == (0, "ok\n")
    assert done.stderr.startswith("500 events in ")


def test_damage_is_named_and_the_rest_rescued_into_a_new_file(invoke, lines, tmp_path):
    flip(tmp_path / "doorstep-data" / "journal.db", b'"m-77"')
    checked = invoke("journal", "verify")
    assert checked.exit_code == 3
    damaged = re.fullmatch(r"events are damaged: (\d+ to \d+)\n", checked.stdout)
    assert damaged
    done = invoke("journal", "salvage", "doorstep-data", "rescued.ndjson")
    assert done.exit_code == 3
    assert done.stderr.splitlines()[0] == f"missing: {damaged[1]}"
    first, last = map(int, damaged[1].split(" to "))
    assert (tmp_path / "rescued.ndjson").read_bytes().splitlines() == lines[: first - 1] + lines[last:]


def test_all_of_a_whole_journal_comes_out_for_its_owner_alone(invoke, lines, tmp_path):
    done = invoke("journal", "salvage", "doorstep-data", "rescued.ndjson")
    assert (done.exit_code, done.stderr) == (0, "500 events rescued, 0 of them page by page\n")
    rescued = tmp_path / "rescued.ndjson"
    assert rescued.read_bytes().splitlines() == lines
    assert stat.S_IMODE(rescued.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "arguments",
    [["-c", "doorstep.toml"], ["--data-dir", "doorstep-data", "-"], ["doorstep-data"], ["doorstep-data", "-"]],
)
def test_without_a_file_it_comes_out_on_standard_output_from_the_journal_that_is_meant(doorstep_cli, lines, arguments):
    done = doorstep_cli("journal", "salvage", *arguments)
    assert (done.returncode, done.stderr) == (0, b"500 events rescued, 0 of them page by page\n")
    assert done.stdout.splitlines() == lines


def test_more_names_than_two_are_a_slip(invoke, lines):
    done = invoke("journal", "salvage", "doorstep-data", "a", "b")
    assert done.exit_code == 2
    assert "one journal, and one file to write to" in done.stderr


def test_a_file_that_is_there_is_not_overwritten(invoke, lines, tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = invoke("journal", "salvage", "doorstep-data", "mine")
    assert done.exit_code == 2
    assert "mine cannot be written: File exists" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_disk_that_fails_as_the_journal_is_read_is_no_failure_of_the_file_that_is_written(
    invoke, lines, tmp_path, monkeypatch
):
    """Nothing can be read from the second half on: as of a file that is cut off there, what is before comes out."""
    pread, half = os.pread, (tmp_path / "doorstep-data" / "journal.db").stat().st_size // 2

    def failing(descriptor, length, offset):
        if offset >= half:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    done = invoke("journal", "salvage", "doorstep-data", "rescued.ndjson")
    assert (done.exit_code, done.stderr.splitlines()[0][:9]) == (3, "missing: ")
    assert "cannot be written" not in done.stderr


def test_a_journal_in_use_is_75(invoke, lines, tmp_path):
    from doorstep.engine.journal.store import Store

    store = Store(tmp_path / "doorstep-data")
    codes = [invoke("journal", *command).exit_code for command in (["verify"], ["salvage", "doorstep-data", "out"])]
    store.close(clean=True)
    assert codes == [75, 75]
    assert not (tmp_path / "out").exists()


def test_where_there_is_none_it_is_said(invoke, tmp_path):
    assert invoke("journal", "verify", "--data-dir", tmp_path).exit_code == 78
    assert invoke("journal", "salvage", tmp_path, "out").exit_code == 78
