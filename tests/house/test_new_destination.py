"""`doorstep new destination acme` in a checkout: one new folder, which passes its tests and is in the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from doorstep.engine.scaffold import Kind


@pytest.mark.long
def test_a_new_destination_of_each_kind_is_one_new_folder_that_works(
    copied_tree: Path, plain_environment: dict[str, str]
) -> None:
    destinations = copied_tree / "destinations"

    def python(*arguments: str) -> str:
        environment = plain_environment | {"PYTHONPATH": "_dev"}
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=copied_tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    names = {kind: f"acme_{kind}" for kind in get_args(Kind)}
    for kind, name in names.items():
        made = python("doorstep.engine.cli", "new", "destination", name, "--kind", kind)
        assert made.splitlines()[0] == f"made {destinations / name}"
    tested = python("pytest", "-rA", "-p", "no:cacheprovider", *(f"destinations/{name}" for name in names.values()))
    passed = {line.split("/")[1] for line in tested.splitlines() if line.startswith("PASSED destinations/")}
    assert passed == {*names.values()}
    listed = python("doorstep.engine.cli", "catalogue").splitlines()
    assert {*names.values()} <= {line.split()[0] for line in listed if line}
    assert changed_files(copied_tree) == [f"?? destinations/{name}/" for name in sorted(names.values())]


def changed_files(tree: Path) -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.splitlines()
