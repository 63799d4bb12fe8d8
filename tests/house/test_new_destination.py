"""`doorstep new destination acme` in a checkout: one new folder, which passes its tests and is in the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from doorstep.engine.scaffold import Kind


@pytest.mark.long
@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_new_destination_is_one_new_folder_that_works(
    shared_tree: Path, plain_environment: dict[str, str], kind: str
) -> None:
    def python(*arguments: str) -> str:
        environment = plain_environment | {"PYTHONPATH": "_dev"}
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=shared_tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    made = python("doorstep.engine.cli", "new", "destination", "acme", "--kind", kind)
    assert made.splitlines()[0] == f"made {shared_tree / 'destinations' / 'acme'}"
    tested = python("pytest", "-q", "-p", "no:cacheprovider", "destinations/acme")
    assert " passed" in tested.splitlines()[-1]
    listed = python("doorstep.engine.cli", "catalogue").splitlines()
    assert "acme" in [line.split()[0] for line in listed]
    assert changed_files(shared_tree) == ["?? destinations/acme/"]


def changed_files(tree: Path) -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.splitlines()
