"""Shows that the tests see what they are for: seeds each bug of `bugs.toml` into a copy of the tree and runs its tests, which must fail.

    python tests/seeded/show.py            all of them, a few minutes
    python tests/seeded/show.py sync ack   those with one of these words in their name

Exit code 1 if a bug was not noticed. The tests must pass without any bug, or the answer means nothing: that is seen to first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300.0
COPIED = (
    "engine",
    "destinations",
    "bench",
    "tests",
    "_dev",
    "docs",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "LICENSE",
)


def main(words: list[str]) -> int:
    """Returns the exit code."""
    bugs = tomllib.loads((ROOT / "tests/seeded/bugs.toml").read_text())["bug"]
    bugs = [bug for bug in bugs if not words or any(word in bug["name"] for word in words)]
    with tempfile.TemporaryDirectory(prefix="seeded-") as folder:
        tree = copied(Path(folder))
        if not passes(tree, sorted({test for bug in bugs for test in bug["tests"]})):
            print("the tests fail without any bug: mend them first")
            return 1
        missed = [bug["name"] for bug in bugs if not noticed(tree, bug)]
    print(f"{len(bugs) - len(missed)} of {len(bugs)} bugs were noticed")
    return 1 if missed else 0


def copied(folder: Path) -> Path:
    """The tree as it is now, without what is only there in passing."""
    ignore = shutil.ignore_patterns("__pycache__", ".cache", "results")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def noticed(tree: Path, bug: dict[str, Any]) -> bool:
    """Whether at least one of its tests fails with the bug; the tree is as before afterwards."""
    file, began = tree / bug["file"], time.monotonic()
    sound = file.read_text()
    if sound.count(bug["old"]) != 1:
        raise SystemExit(
            f"{bug['name']}: `old` must occur once in {bug['file']}, and does {sound.count(bug['old'])} times"
        )
    file.write_text(sound.replace(bug["old"], bug["new"]))
    try:
        was_noticed = not passes(tree, bug["tests"])
    finally:
        file.write_text(sound)
    print(f"{'noticed' if was_noticed else 'MISSED '}  {time.monotonic() - began:5.1f} s  {bug['name']}", flush=True)
    return was_noticed


def passes(tree: Path, tests: list[str]) -> bool:
    """Whether all of these tests pass there. One that never ends has failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=ci", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree / "_dev"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1):
        raise SystemExit(f"the tests did not run:\n{done.stdout.decode()[-2000:]}{done.stderr.decode()[-2000:]}")
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
