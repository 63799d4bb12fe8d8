"""What `doorstep test` prints, as transcripts: golden/*.txt holds commands, and literally what each answers, with its exit code.

`python tests/tester/test_golden.py` writes the answers anew; read the difference as a newcomer would.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from doorstep.engine.cli.test import test_command as command_of_test

HERE = Path(__file__).parent
FILES = sorted((HERE / "golden").glob("*.txt"))
NOW = 1764410400.0
PROMPT = "$ doorstep test "


def transcript(file: Path) -> Iterator[tuple[str, str]]:
    """Each command, and the answer."""
    for block in f"\n{file.read_text('utf-8')}".split(f"\n{PROMPT}")[1:]:
        command, _, answer = block.partition("\n")
        yield command, answer.rstrip("\n")


def answered(command: str) -> str:
    """What it prints now, and its exit code where that is not 0."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: NOW)
        done = CliRunner().invoke(command_of_test, shlex.split(command))
    return f"{done.output.rstrip()}\n[exit code {done.exit_code}]" if done.exit_code else done.output.rstrip()


def pairs() -> list[tuple[str, str]]:
    return [pair for file in FILES for pair in transcript(file)]


@pytest.mark.parametrize(("command", "expected"), [pytest.param(*pair, id=pair[0]) for pair in pairs()])
def test_the_answer_is_the_golden_one(command: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    assert answered(command) == expected


def test_no_answer_holds_a_secret_and_there_are_enough_of_them() -> None:
    told = "\n".join(answer for _, answer in pairs())
    assert told.count(" -> ") >= 40
    assert "s3cr3t" not in told
    assert "a-key-of-the-code" not in told


if __name__ == "__main__":
    os.chdir(HERE)
    for golden in FILES:
        blocks = [f"{PROMPT}{command}\n{answered(command)}\n" for command, _ in transcript(golden)]
        golden.write_text("\n".join(blocks), "utf-8")
