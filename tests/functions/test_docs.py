"""The Python side of docs/functions.md, run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_function_in_the_guide_passes_the_tests_in_the_guide(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"```python (\S+)\n(.*?)```", text, re.DOTALL))
    assert sorted(files) == ["teams.py", "test_teams.py"]
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PYTHONPATH": str(ROOT / "_dev"), "PATH": "/usr/bin:/bin"},
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_what_doorstep_new_function_makes_passes_its_tests(tmp_path: Path) -> None:
    from doorstep.engine.scaffold import new_function

    new_function("hook", tmp_path)
    new_function("enrich", tmp_path, "insert")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PYTHONPATH": str(ROOT / "_dev"), "PATH": "/usr/bin:/bin"},
    )
    assert "8 passed" in done.stdout, done.stdout + done.stderr
