"""The tree as these tests look at it: its root, the imports of its files, and a copy of it to work in."""

from __future__ import annotations

import ast
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FROM_OUTSIDE = ("TOX", "PYTEST", "PYTHON", "VIRTUAL_ENV", "DOORSTEP", "COV_")
"""Variables of whoever runs the tests, which a fresh machine has not."""


class Import(NamedTuple):
    """One name that a file imports, wherever in the file: in a function and under TYPE_CHECKING counts too."""

    place: str
    """`engine/app.py:12`"""
    name: str
    """In full: `doorstep.engine.errors.Closed`, `anyio.abc.TaskGroup`."""
    is_relative: bool


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def trees() -> Callable[[str], dict[Path, ast.Module]]:
    return parsed


@functools.cache
def parsed(folder: str) -> dict[Path, ast.Module]:
    """The syntax tree of each Python file below a folder, by its path from the root. Read once: it takes a second."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@pytest.fixture(scope="session")
def imports() -> Callable[[str], list[Import]]:
    return imported


@functools.cache
def imported(folder: str) -> list[Import]:
    """What each of these files imports, in their order."""
    return [one for path, tree in parsed(folder).items() for one in imports_of(path, tree)]


@pytest.fixture(scope="session")
def imports_in() -> Callable[[str, str], list[Import]]:
    return lambda place, code: list(imports_of(Path(place), ast.parse(code)))


def imports_of(path: Path, tree: ast.Module) -> Iterator[Import]:
    package = ["doorstep", *path.parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(f"{path}:{node.lineno}", alias.name, False)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *([node.module] if node.module else [])]
            for alias in node.names:
                yield Import(f"{path}:{node.lineno}", ".".join([*module, alias.name]), node.level > 0)


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """What a commit of this tree would hold, committed, in a folder of its own."""
    if not (ROOT / ".git").exists():
        pytest.skip("an sdist is no checkout")
    return copied(tmp_path / "doorstep")


def copied(copy: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_symlink() or source.exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name, follow_symlinks=False)
    git = ["git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "A copy"]):
        subprocess.run([*git, *command], cwd=copy, timeout=30, check=True)
    return copy


@pytest.fixture
def plain_environment() -> dict[str, str]:
    """The variables of this process without those that tox, pytest or a virtual environment have put there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FROM_OUTSIDE)}
    folders = os.environ["PATH"].split(os.pathsep)
    return kept | {"PATH": os.pathsep.join(folder for folder in folders if folder != str(Path(sys.executable).parent))}
