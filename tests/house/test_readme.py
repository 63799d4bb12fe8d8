"""README.md does what it says: its commands and examples are run (`sessions.py` says how), its tables and links looked up."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from doorstep.engine.policy.retry import RetrySettings, timetable
from doorstep.engine.sdk import Fault, fault_of_status

from .sessions import Block, Received, Terminal, a_receiver, blocks_of, sessions_of

DEEDS = {None: "delivered", Fault.TRANSIENT: "tried again", Fault.CONFIGURATION: "held", Fault.EVENT: "given up"}


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def blocks(readme: str) -> list[Block]:
    return blocks_of(readme)


@pytest.mark.long
def test_every_session_prints_what_the_readme_shows(
    tmp_path: Path, blocks: list[Block], plain_environment: dict[str, str]
) -> None:
    assert len([block for block in blocks if block.language == "console"]) >= 4
    with a_receiver() as (address, received):
        terminal = Terminal(tmp_path, blocks, address, plain_environment)
        terminal.follow(sessions_of(blocks))
    events = (terminal.folder / "events.ndjson").read_bytes().splitlines()
    first, *others = received
    assert first == Received("/in", None, b"[" + b",".join(events[:6]) + b"]")
    assert sorted(other.path for other in others) == ["/crm", "/crm", "/lake"], (
        "lake takes what comes from the shop, no program"
    )
    assert {other.authorization for other in others if other.path == "/crm"} == {"Bearer t0ken"}
    assert b"\n".join([*events[:6], b""]) in [other.body for other in others]


def test_the_example_is_of_real_events_one_of_each_type(root: Path, blocks: list[Block]) -> None:
    real = (root / "tests" / "data" / "sdk-events.ndjson").read_text(encoding="utf-8").splitlines()
    [events] = [block.text.splitlines() for block in blocks if block.file == "events.ndjson"]
    assert set(events) < set(real)
    types = [json.loads(event)["type"] for event in events]
    assert types == ["identify", "track", "group", "page", "screen", "alias", "track"]
    assert set(types) == {json.loads(event)["type"] for event in real}, "no SDK sent a delete"


def test_ci_runs_the_readmes_second_command_and_no_other_tests(root: Path, blocks: list[Block]) -> None:
    _, test_command = set_up_commands(blocks)
    script = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    code = [line for line in script if line and not line.startswith("#")]
    assert code[:2] == ["set -eu", 'cd "$(dirname "$0")/.."']
    assert code[-1] == test_command
    assert [line for line in code[:-1] if re.search("tox|pytest", line)] == []
    assert os.access(root / ".ci" / "run", os.X_OK)


def test_the_table_of_answers_is_what_the_engine_does(readme: str) -> None:
    rows = re.findall(r"^\| ([^|]*\d\d[^|]*) \| \*\*(.+?)\*\*", readme, re.MULTILINE)
    said = {int(code): deed for codes, deed in rows for code in re.findall(r"\b\d{3}\b", codes)}
    assert said == {status: DEEDS[fault_of_status(status)] for status in said}
    assert {408, 429, 503, 401, 404, 400, 413, 422} <= set(said)
    assert (fault_of_status(200), fault_of_status(302), fault_of_status(418)) == (
        None,
        Fault.CONFIGURATION,
        Fault.EVENT,
    )


@pytest.mark.parametrize(
    ("preset", "tries", "hours"), [("segment", "9", (0, 4)), ("customerio", "14", (0, 3)), ("webhook", "10", (60, 91))]
)
def test_the_table_of_presets_is_the_engines_own(readme: str, preset: str, tries: str, hours: tuple[int, int]) -> None:
    [(said_tries, said_hours)] = re.findall(rf"^\| `{preset}`[^|]*\| (\w+) \|[^|]*\| ([^|]*) \|", readme, re.MULTILINE)
    table = timetable(msgspec.convert({"preset": preset}, RetrySettings))
    assert said_tries == tries == str(len(table))
    assert tuple(round(seconds / 3600) for seconds in table[-1]) == hours
    assert str(hours[1]) in said_hours


@pytest.mark.parametrize(
    "file", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md", "destinations/README.md"]
)
def test_every_link_leads_somewhere(root: Path, file: str) -> None:
    text = (root / file).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not ((root / file).parent / link).exists()] == []


def test_every_room_is_in_the_readmes_table(root: Path, readme: str) -> None:
    rooms = {path.parent.relative_to(root).as_posix() for path in (root / "engine").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| \[`(engine/\w+)`\]", readme, re.MULTILINE))


# In a fresh copy, over the network: `tox -e readme` --------------------------------------------------------------------


def set_up_commands(blocks: list[Block]) -> tuple[str, str]:
    """The two `sh` blocks: the demo, and the tests."""
    demo, tests = (block.text.strip() for block in blocks if block.language == "sh")
    return demo, tests


def fresh(command: str, tree: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.fresh
@pytest.mark.timeout(420)
def test_the_first_command_ends_in_a_demo(
    copied_tree: Path, blocks: list[Block], plain_environment: dict[str, str]
) -> None:
    shown = fresh(set_up_commands(blocks)[0], copied_tree, plain_environment)
    numbers = re.findall(r"^(healthy|flaky|dead) +working +([\d,]+) +0 +0 +0 +0 ", shown, re.MULTILINE)
    assert [name for name, _ in numbers[-3:]] == ["healthy", "flaky", "dead"]
    assert len({count for _, count in numbers[-3:]}) == 1


@pytest.mark.fresh
@pytest.mark.timeout(420)
def test_the_second_command_passes_the_checks(
    copied_tree: Path, blocks: list[Block], plain_environment: dict[str, str]
) -> None:
    """One environment of them: all of them would be what runs this test."""
    shown = fresh(set_up_commands(blocks)[1], copied_tree, plain_environment | {"TOXENV": "lint,types"})
    assert re.search(r"^ +lint: OK", shown, re.MULTILINE)
    assert re.search(r"^ +types: OK", shown, re.MULTILINE)
