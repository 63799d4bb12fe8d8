"""Functions in a whole engine: behind an insert function, and beside a neighbour that spins."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.journal.desk import LetterQuery

pytestmark = pytest.mark.anyio

KEEP = """
from doorstep.engine.sdk import setting
class Settings:
    file: str = setting("Where to write", required=True)
def on_track(event, settings, ctx):
    with open(settings.file, "a") as file:
        file.write(event.event + " " + str(event.properties.get("plan")) + "\\n")
"""
ENRICH = """
from doorstep.engine.sdk import DropEvent
def on_track(event, settings, ctx):
    if event.event == "Secret":
        raise DropEvent
    if event.event == "Wrong":
        return 5
    event.properties["plan"] = "pro"
    return event
"""
SPIN = """
def on_track(event, settings, ctx):
    n = 0
    while True:
        n += 1
"""


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Any]:
    """Writes functions, and loads a configuration that names them."""

    def load(text: str, **functions: str) -> Any:
        for name, source in functions.items():
            (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        config = tmp_path / "doorstep.toml"
        config.write_text(
            '[engine]\ndurability = "memory"\n' + text.replace("OUT", str(tmp_path / "out")), encoding="utf-8"
        )
        return load_config(config)

    return load


def track(name: str) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "u-1"}


@pytest.mark.backends
async def test_an_insert_function_changes_drops_and_fails_before_a_destination_sees(
    configure: Callable[..., Any], tmp_path: Path
) -> None:
    config = configure(
        '[destinations.keep]\ntype = "function"\nsource = "keep.py"\nsettings = { file = "OUT" }\nin_flight = 1\n'
        '[functions.enrich]\nsource = "enrich.py"\nbefore = ["keep"]\n',
        keep=KEEP,
        enrich=ENRICH,
    )
    async with Engine(config) as engine:
        await engine.submit([track("One"), track("Secret"), track("Wrong"), track("Two")])
        await engine.drain()
        numbers = engine.statistics().destinations["keep"]
    assert (tmp_path / "out").read_text() == "One pro\nTwo pro\n"
    assert (numbers.delivered, numbers.filtered, numbers.dead_lettered) == (2, {"dropped_by_function": 1}, 1)


HALF = """
import json
def on_track(event, settings, ctx):
    ctx.log("title", json.loads(event.properties["payload"])["title"])
    raise ValueError("not a title")
"""


async def test_half_an_emoji_in_what_a_function_says_is_kept_with_the_dead_letter_and_ends_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "half.py").write_text(HALF)
    config = tmp_path / "doorstep.toml"
    config.write_text(
        f'[engine]\ndata_dir = "{tmp_path}/data"\n[destinations.f]\ntype = "function"\nsource = "half.py"\n'
    )
    async with Engine(load_config(config)) as engine:
        await engine.submit({**track("One"), "properties": {"payload": '{"title": "\\ud83d"}'}})
        await engine.drain()
        assert engine.statistics().destinations["f"].dead_lettered == 1
        with anyio.fail_after(5):
            while not (letters := await engine.desk.letters(LetterQuery())):
                await anyio.sleep(0.02)
    assert letters[0].excerpt == "ValueError: not a title (half.py:5 in on_track)\ntitle ?"


async def test_beside_a_function_that_spins_another_destination_goes_on(
    configure: Callable[..., Any], tmp_path: Path
) -> None:
    config = configure(
        '[destinations.keep]\ntype = "function"\nsource = "keep.py"\nsettings = { file = "OUT" }\n'
        '[destinations.spin]\ntype = "function"\nsource = "spin.py"\ntimeout = "1s"\n',
        keep=KEEP,
        spin=SPIN,
    )
    async with Engine(config) as engine:
        began = time.monotonic()
        for _ in range(10):
            await engine.submit([track("One")] * 100)
        with anyio.fail_after(20):
            while engine.statistics().destinations["keep"].delivered < 1000:
                await anyio.sleep(0.02)
        took_s = time.monotonic() - began
        with anyio.fail_after(20):
            while engine._fleet.state_of("spin").breaker.trips < 1:  # type: ignore[union-attr]
                await anyio.sleep(0.02)
        assert engine.statistics().destinations["spin"].delivered == 0
        await engine.stop(0)
    assert took_s < 5
    assert len((tmp_path / "out").read_text().splitlines()) == 1000
