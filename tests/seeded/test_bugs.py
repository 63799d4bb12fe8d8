"""The list of seeded bugs stays true to the code: each could be put in, and names tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_of_at_least_twenty_bugs_can_be_put_in_at_one_place_and_has_tests_that_should_notice() -> None:
    bugs = tomllib.loads((Path(__file__).parent / "bugs.toml").read_text())["bug"]
    assert len({bug["name"] for bug in bugs}) == len(bugs) >= 20
    for bug in bugs:
        source = ROOT / bug["file"]
        assert source.exists(), bug["name"]
        assert source.read_text().count(bug["old"]) == 1, bug["name"]
        assert bug["new"] != bug["old"]
        assert all((ROOT / test).exists() for test in bug["tests"]), bug["name"]
