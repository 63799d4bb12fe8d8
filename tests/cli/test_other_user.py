"""A journal that is another user's: whoever may not use it is told so, and by whom it can be."""

from __future__ import annotations

import pytest
from doorstep.engine.admin.place import open_place
from doorstep.engine.journal.store import Store

COMMANDS = [
    "dlq ls",
    "dlq show 1",
    "dlq purge --yes",
    "dlq replay",
    "explain m-1",
    "pause hook",
    "resume hook",
    "forget hook --yes",
    "replay hook --since 1h",
    "journal verify",
    "journal salvage",
]


@pytest.fixture
def journal(tmp_path):
    """A journal as an engine makes it: its folder is for its user alone."""
    folder = tmp_path / "journal"
    Store(folder).close(clean=True)
    return folder


def said_of(path):
    message = f"{path} cannot be used: Permission denied; ask as the user that the engine runs as"
    return 78, b"", f"configuration: engine.data_dir: {message}\n".encode()


@pytest.mark.parametrize("command", [*COMMANDS, "status", "tail"])
def test_a_folder_that_may_not_be_looked_into_is_named_by_every_command(for_another_user, journal, command):
    done = for_another_user(*command.split(), "--data-dir", journal)
    assert (done.returncode, done.stdout, done.stderr) == said_of(journal)


@pytest.mark.parametrize("command", ["dlq ls", "status", "tail"])
def test_an_engine_that_may_not_be_asked_is_not_taken_for_none(for_another_user, journal, command):
    journal.chmod(0o755)
    place = open_place(journal)
    try:
        done = for_another_user(*command.split(), "--data-dir", journal)
    finally:
        place.listener.close()
        place.remove()
    assert (done.returncode, done.stdout, done.stderr) == said_of(journal)


def test_an_engine_whose_place_may_not_be_read_is_not_taken_for_none(for_another_user, journal):
    journal.chmod(0o755)
    (journal / "admin").write_text("/tmp/doorstep-elsewhere/admin.sock\n")
    (journal / "admin").chmod(0o600)
    done = for_another_user("status", "--data-dir", journal)
    assert (done.returncode, done.stdout, done.stderr) == said_of(journal)


@pytest.mark.parametrize("command", ["run --no-input", "dlq ls"])
def test_a_file_that_may_not_be_written_to_is_named_before_anything_is_made_beside_it(
    for_another_user, journal, write_config, command
):
    write_config('[engine]\ndata_dir = "journal"\n[destinations.out]\ntype = "console"\n')
    (journal / "journal.db-shm").touch()
    journal.chmod(0o777)
    for path in journal.iterdir():
        path.chmod(0o666)
    for name in ("journal.db", "journal.db-shm"):
        (journal / name).chmod(0o444)
    names = {path.name for path in journal.iterdir()}
    done = for_another_user(*command.split())
    advice = "may not be read and written by this user; allow it, or run this as a user that may"
    assert done.returncode == 78
    assert done.stderr.decode().splitlines() == [
        f"configuration: engine.data_dir: journal/journal.db {advice}",
        f"configuration: engine.data_dir: journal/journal.db-shm {advice}",
    ]
    assert {path.name for path in journal.iterdir()} == names


@pytest.mark.parametrize("command", ["journal verify", "journal salvage"])
@pytest.mark.parametrize("name", ["lock", "journal.db", "journal.db-wal"])
def test_a_file_that_may_not_be_read_is_named_and_its_events_are_not_missing(for_another_user, journal, command, name):
    journal.chmod(0o755)
    (journal / "journal.db-wal").touch()
    for path in journal.iterdir():
        path.chmod(0o600 if path.name == name else 0o644)
    done = for_another_user(*command.split(), "--data-dir", journal)
    assert (done.returncode, done.stdout, done.stderr) == said_of(journal / name)
