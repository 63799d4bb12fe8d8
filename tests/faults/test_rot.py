"""Bit rot: one wound, and an honest report of where it is."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bench.faults import Damage, damage

CONTENT = bytes(range(256)) * 40


@pytest.mark.parametrize("kind", ["bit", "byte"])
def test_a_flip_changes_the_byte_that_it_names_and_no_other(tmp_path: Path, kind: str) -> None:
    random, path = Random(5), tmp_path / "f"
    differences = set()
    for _ in range(300):
        path.write_bytes(CONTENT)
        done = damage(path, random.random, (kind,))  # type: ignore[arg-type]  # a parameter is any str to mypy
        now = path.read_bytes()
        assert [at for at in range(len(CONTENT)) if now[at] != CONTENT[at]] == [done.offset]
        assert len(now) == done.size == len(CONTENT)
        differences.add(now[done.offset] ^ CONTENT[done.offset])
    assert len(differences) > 100 if kind == "byte" else differences == {1, 2, 4, 8, 16, 32, 64, 128}


def test_a_truncation_leaves_what_was_before_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    done = damage(path, Random(2).random, ("truncate",))
    assert path.read_bytes() == CONTENT[: done.offset]
    assert (done.kind, done.size) == ("truncate", len(CONTENT))
    assert done.offset < done.size


def test_every_kind_of_wound_comes_up_at_every_part_of_the_file(tmp_path: Path) -> None:
    random, path = Random(11), tmp_path / "f"
    done = []
    for _ in range(500):
        path.write_bytes(CONTENT)
        done.append(damage(path, random.random))
    assert {one.kind for one in done} == {"bit", "byte", "truncate"}
    assert {one.offset * 10 // len(CONTENT) for one in done} == set(range(10))


def test_the_pages_and_frames_that_are_hit() -> None:
    file = Path("rows.db")
    assert list(Damage(file, "bit", 4095, 16384).pages(4096)) == [1]
    assert list(Damage(file, "byte", 4096, 16384).pages(4096)) == [2]
    assert list(Damage(file, "truncate", 8192, 16384).pages(4096)) == [3, 4]
    assert list(Damage(file, "truncate", 8191, 16384).pages(4096)) == [2, 3, 4]
    assert Damage(file, "bit", 31, 99999).frame(4096) is None
    assert Damage(file, "bit", 32, 99999).frame(4096) == 0
    assert Damage(file, "bit", 32 + 4120, 99999).frame(4096) == 1


def test_an_empty_file_has_nothing_to_damage(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    with pytest.raises(ValueError, match="nothing to damage"):
        damage(path, Random(1).random)
