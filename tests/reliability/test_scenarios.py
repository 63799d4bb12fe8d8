"""Short forms on a real engine: what needs no disk at once, the rest as soon as the engine has a journal on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from doorstep.engine import load_config
from doorstep.engine.errors import ConfigError

from bench import reliability
from bench.reliability.record import Skip, judged
from bench.reliability.scenarios import SCENARIOS

MEMORY: dict[str, dict[str, object]] = {
    "poison": {"events": 3000},
    "unauthorized": {"events": 2000, "quiet_s": 0.3},
}
DISK: dict[str, dict[str, object]] = {
    "kill": {},
    "restart": {"most_s": 0.1, "rate": 10_000},
    "explain": {"questions": 20},
    "replay": {"kills": 1},
}
"""They mostly wait, so they run side by side."""
PLAYS = 3

pytestmark = [pytest.mark.long, pytest.mark.timeout(200)]


def missed(name: str, changes: dict[str, object]) -> dict[str, float]:
    """The figures of goals that a short form, changed so, did not meet.

    What took too long is measured again: a machine with much else to do makes times longer, and nothing makes them shorter than
    they are. All else has to hold each time.
    """
    for _ in range(PLAYS):
        late = missed_once(name, changes)
        if not late or not all(metric.endswith("_s") for metric in late):
            break
    return late


def missed_once(name: str, changes: dict[str, object]) -> dict[str, float]:
    """The same of a single play."""
    scenario = SCENARIOS[name]
    figures = scenario.play(msgspec.structs.replace(scenario.short, **changes))
    return {verdict.metric: figures[verdict.metric] for verdict in judged(scenario, figures, True) if not verdict.met}


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[dict[str, float]]]]:
    """What those of `DISK` that were asked for missed, as it becomes known."""
    wanted = [name for name in DISK if any(item.name.endswith(f"[{name}]") for item in request.session.items)]
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(missed, name, DISK[name]) for name in wanted}


@pytest.mark.parametrize("name", MEMORY)
def test_a_promise_is_kept_in_memory(name: str) -> None:
    assert missed(name, {**MEMORY[name], "durability": "memory"}) == {}


@pytest.mark.parametrize("name", DISK)
def test_a_promise_is_kept_on_disk(name: str, disk: None, request: pytest.FixtureRequest) -> None:
    played: dict[str, Future[dict[str, float]]] = request.getfixturevalue("played")  # not before `disk` has let us
    assert played[name].result(190) == {}


def test_an_engine_without_a_journal_is_caught() -> None:
    assert missed("kill", {"kills": 1, "durability": "memory", "idle_s": 0.5})["lost"] > 0


@pytest.mark.usefixtures("disk")
def test_the_engine_survives_a_full_disk() -> None:
    try:
        assert missed("full-disk", {"cycles": 1}) == {}
    except Skip as skip:
        pytest.skip(str(skip))


@pytest.mark.usefixtures("disk")
def test_each_message_id_goes_out_once() -> None:
    try:
        load_config(text='[[ingress]]\ntype="tcp"\nlisten=":1"\ndedup="24h"\n[destinations.x]\ntype="console"')
    except ConfigError as error:
        pytest.skip(f"this engine has no dedup: {error}")
    assert missed("dedup", {"lines": 8000, "faults": 2}) == {}


def test_the_engine_is_a_program_that_is_run_but_where_the_journal_itself_is_tried() -> None:
    """As the first screen of the room says."""
    root = Path(reliability.__file__).parent
    importing = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        if re.search(r"^\s*(from|import) doorstep", file.read_text("utf-8"), re.MULTILINE)
    }
    assert importing == {
        "alone/found.py",
        "alone/life.py",
        "scenarios/bit_rot.py",
        "scenarios/crash_images.py",
        "scenarios/explain.py",
        "scenarios/io_faults.py",
        "scenarios/sync_order.py",
    }
