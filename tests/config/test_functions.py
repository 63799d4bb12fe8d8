"""Functions in a configuration: found beside it, checked with it, told apart by their content."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import Config, changes, load_config, sources, version
from doorstep.engine.errors import ConfigError
from doorstep.engine.functions import FunctionSettings
from doorstep.engine.functions.settings import inserts_before

TEAMS = """
from doorstep.engine.sdk import setting
class Settings:
    url: str = setting("Where to", required=True)
    plans: list[str] = setting("Plans")
async def on_track(event, settings, ctx):
    return 1
"""
ENRICH = "def on_track(event, settings, ctx):\n    return event\n"
TEXT = """
[destinations.teams]
type = "function"
source = "functions/teams.py"
settings = { url = "https://a.example/" }
[functions.enrich]
source = "functions/enrich.py"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "etc" / "functions"
    made.mkdir(parents=True)
    (made / "teams.py").write_text(TEAMS, "utf-8")
    (made / "enrich.py").write_text(ENRICH, "utf-8")
    return made


def load(text: str = TEXT) -> Config:
    Path("etc/doorstep.toml").write_text(text, "utf-8")
    return load_config("etc/doorstep.toml", environ={}, catalogue=Catalogue.discover())


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_function_is_found_beside_the_configuration_with_what_its_type_says(folder: Path) -> None:
    config = load()
    teams = config.destinations["teams"]
    assert isinstance(teams.settings, FunctionSettings)
    assert (teams.source, teams.settings.url, teams.settings.plans) == (
        "etc/functions/teams.py",
        "https://a.example/",
        [],
    )  # type: ignore[attr-defined]
    assert (teams.timeout, teams.in_flight, teams.batch.max_events) == (5.0, 10, 100)
    assert list(inserts_before(config.functions, "teams")) == ["enrich"]
    assert sources(config) == {"etc/functions/teams.py", "etc/functions/enrich.py"}


def test_on_batch_has_segments_flush(folder: Path) -> None:
    (folder / "teams.py").write_text(TEAMS.replace("on_track(event", "on_batch(events"), "utf-8")
    batch = load().destinations["teams"].batch
    assert (batch.max_events, batch.max_wait) == (20, 10.0)


def test_what_is_wrong_in_a_file_is_told_with_its_line(folder: Path) -> None:
    (folder / "enrich.py").write_text("def on_track(event):\n    pass\n", "utf-8")
    (folder / "teams.py").write_text(TEAMS.replace("async def", "async deff"), "utf-8")
    assert problems(TEXT) == [
        (
            "etc/functions/enrich.py:1: functions.enrich.source: "
            "on_track must take three arguments: `async def on_track(event, settings, ctx)`"
        ),
        "etc/functions/teams.py:6: destinations.teams.source: is not Python: invalid syntax",
    ]


def test_what_is_wrong_about_a_function_is_told_as_of_every_destination(folder: Path) -> None:
    text = """[destinations.teams]
type = "function"
source = "functions/teams.py"
settings = { ulr = "x", plans = "pro" }
[destinations.none]
type = "function"
[destinations.hook]
type = "console"
source = "functions/teams.py"
[functions.enrich]
source = "functions/gone.py"
before = ["teams", "temas"]
"""
    assert problems(text) == [
        'etc/doorstep.toml:4: destinations.teams.settings.ulr: unknown key; did you mean "url"?',
        "etc/doorstep.toml:4: destinations.teams.settings.url: is missing; write a string (Where to)",
        "etc/doorstep.toml:4: destinations.teams.settings.plans: expected a list, each a string (Plans), got a string",
        'etc/doorstep.toml:5: destinations.none.source: is missing; write the Python file of the function, such as "functions/teams.py"',
        'etc/doorstep.toml:9: destinations.hook.source: is for type = "function" only; leave it out',
        "etc/doorstep.toml:11: functions.enrich.source: the file functions/gone.py cannot be read: No such file or directory",
        'etc/doorstep.toml:12: functions.enrich.before[1]: no destination is named "temas"; did you mean "teams"?',
    ]


def version_of(config: Config) -> str:
    return version(config.destinations["teams"], inserts_before(config.functions, "teams"))


def test_the_same_files_loaded_again_change_nothing(folder: Path) -> None:
    old, new = load(), load()
    assert not changes(old, new)
    assert version_of(old) == version_of(new)


@pytest.mark.parametrize(
    ("file", "path"), [("teams.py", "destinations.teams.source"), ("enrich.py", "functions.enrich.source")]
)
def test_an_edited_file_is_a_change_and_another_version(folder: Path, file: str, path: str) -> None:
    old = load()
    (folder / file).write_text((folder / file).read_text("utf-8") + "# edited\n", "utf-8")
    new = load()
    assert changes(old, new).changed == {"teams": [path]}
    assert version_of(old) != version_of(new)
