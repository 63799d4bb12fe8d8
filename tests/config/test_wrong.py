"""Wrong configurations as data: `wrong.txt` holds each text and, literally, every line that is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import check, load_config
from doorstep.engine.errors import ConfigError

TOKEN = "s3cr3t-t0ken-value"


def cases() -> list[tuple[str, str, list[str]]]:
    found = []
    for block in Path(__file__).with_name("wrong.txt").read_text("utf-8").split("=== ")[1:]:
        name, _, rest = block.partition("\n")
        text, _, expected = rest.partition("--- expected\n")
        found.append((name, text, expected.split("\n")))
    return [(name, text, [line for line in expected if line]) for name, text, expected in found]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(text, lines, id=name) for name, text, lines in cases()])
def test_every_problem_is_told_with_its_line(
    text: str, expected: list[str], catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("doorstep.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("doorstep.toml", environ={"TOKEN": TOKEN}, catalogue=catalogue)
    told = [str(problem) for problem in caught.value.problems]
    assert told == expected
    assert check(["doorstep.toml"], {"TOKEN": TOKEN}, catalogue) == caught.value.problems
    assert TOKEN not in str(caught.value)


def test_there_are_enough_of_them_and_no_two_have_one_name() -> None:
    names = [name for name, _, _ in cases()]
    assert len(set(names)) == len(names) >= 60
    assert all(expected for _, _, expected in cases())
