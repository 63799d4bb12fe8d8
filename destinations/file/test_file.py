"""Files beyond what every sink has to pass: whole or not there, nothing replaced, what a full disk or a wrong folder means."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any, ClassVar

import anyio
import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Verdict
from doorstep.engine.sdk.conformance import SinkConformance
from doorstep.engine.sdk.testing import Tester

from .destination import File

PAGE = b'{"type":"page","userId":"u-1","messageId":"m-1"}'
OTHER = b'{"type":"page","userId":"u-2","messageId":"m-2"}'
NAME = "events.00000000000000000001-bde2b409.ndjson"


class TestFile(SinkConformance):
    destination = File
    settings: ClassVar = {"folder": "{tmp_path}"}


def written(folder: Path, *events: bytes, first: int = 1, **settings: Any) -> Verdict:
    tester = Tester(File, {"folder": str(folder), **settings})

    async def write() -> Verdict:
        return await tester.write(*events, first=first)

    return anyio.run(write)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_names_sort_as_the_events_came(tmp_path: Path) -> None:
    for first in (1, 9, 10, 2**40):
        written(tmp_path, PAGE, first=first)
    assert [name[:27] for name in names(tmp_path)] == [
        "events.00000000000000000001",
        "events.00000000000000000009",
        "events.00000000000000000010",
        "events.00000001099511627776",
    ]


def test_other_events_with_the_same_number_are_another_file(tmp_path: Path) -> None:
    """A replay of some, or a new journal that counts from 1."""
    for events in ((PAGE, OTHER), (PAGE,), (OTHER,), (PAGE, OTHER)):
        assert written(tmp_path, *events) == DELIVERED
    assert len(names(tmp_path)) == 3


def test_compressed_files_are_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        written(tmp_path / folder, PAGE, gzip=True)
    [first, again] = sorted(tmp_path.rglob("*.ndjson.gz"))
    assert first.name == f"{NAME}.gz"
    assert gzip.decompress(first.read_bytes()) == PAGE + b"\n"
    assert first.read_bytes() == again.read_bytes()


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    assert written(tmp_path / "a" / "b", PAGE) == DELIVERED
    assert names(tmp_path) == [f"a/b/{NAME}"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def seen_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name} {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    assert written(tmp_path / "new", PAGE) == DELIVERED
    assert steps == [
        f"sync {tmp_path.name}",
        f"sync .{NAME}.tmp",
        f"rename .{NAME}.tmp {NAME}",
        "sync new",
    ]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, full)
    verdict = written(tmp_path, PAGE)
    assert isinstance(verdict, Failure)
    assert (verdict.fault, verdict.reason) == (Fault.TRANSIENT, "disk_full")
    assert names(tmp_path) == []


def test_what_a_crash_left_unfinished_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    for name in (f".{NAME}.tmp", ".events.old.00000000000000000001-bde2b409.ndjson.tmp", "events.tmp", "notes.txt"):
        (tmp_path / name).write_bytes(b"half")
    written(tmp_path, OTHER, first=2)
    assert [name for name in names(tmp_path) if not name.startswith("events.0")] == [
        ".events.old.00000000000000000001-bde2b409.ndjson.tmp",
        "events.tmp",
        "notes.txt",
    ]


def test_a_file_where_the_folder_should_be_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        verdict = written(folder, PAGE)
        assert isinstance(verdict, Failure)
        assert (verdict.fault, verdict.reason) == (Fault.CONFIGURATION, "not_a_folder")


def test_a_short_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:7])

    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Short(path, "wb"))
    written(tmp_path, PAGE)
    monkeypatch.undo()
    assert (tmp_path / NAME).read_bytes() == PAGE + b"\n"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"prefix": "../up"}, "`prefix`"),
        ({"prefix": ".hidden"}, "`prefix`"),
        ({"columns": {"a": "b"}}, "`columns` are for"),
        ({"format": "csv", "columns": {}}, "`columns` must have one"),
        ({"folder": ""}, "folder"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        Tester(File, {"folder": "x", **settings})
