"""What stands beside the file: the ballast, put aside whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from doorstep.engine.journal import folder as folder_module
from doorstep.engine.journal.folder import Folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Folder]:
    place = Folder(tmp_path)
    yield place
    place.close()


def test_the_ballast_is_put_aside_given_up_and_put_aside_again(place: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", 2**20)
    ballast = place.path / "ballast"
    assert place.first_ballast()
    assert (ballast.stat().st_size, ballast.stat().st_blocks * 512 >= 2**20) == (2**20, True)
    assert (place.release_ballast(), place.release_ballast()) == (True, False)
    assert not ballast.exists()
    assert place.refill_ballast()
    assert ballast.stat().st_size == 2**20


def test_a_ballast_that_a_crash_left_half_made_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for one, it would let events have all of the disk, and give no room when it is given up."""

    class Killed(BaseException):
        pass

    def fallocate(descriptor: int, offset: int, size: int) -> None:
        raise Killed

    place = Folder(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", fallocate)
        with pytest.raises(Killed):
            place.refill_ballast()
    place.close()
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "durable", "ballast.new"}
    place = Folder(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "durable"}
    assert place.refill_ballast()
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "durable", "ballast"}
    place.close()


def test_on_a_small_disk_half_of_what_is_left_is_put_aside_and_on_a_full_one_it_says_so(
    place: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, most = 3 * 2**20, 2 * 2**20

    def fallocate(descriptor: int, offset: int, size: int) -> None:
        if size > most:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, size)

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free // 4096, f_frsize=4096))
    monkeypatch.setattr(folder_module, "BALLAST_BYTES", 16 * 2**20)
    assert place.first_ballast()
    assert (place.path / "ballast").stat().st_size == 1.5 * 2**20
    place.release_ballast()
    free, most = 2**20, 0
    assert not place.first_ballast()
    assert {path.name for path in place.path.iterdir()} == {"lock", "durable"}
    free = 2**30
    assert place.first_ballast(), "a limit on the size of files is not a full disk"
