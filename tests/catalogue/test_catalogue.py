"""The catalogue: what is found, what is imported when, what a broken package does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import doorstep
import pytest
from doorstep.engine.catalogue import Catalogue, Found, describe
from doorstep.engine.errors import ConfigError
from doorstep.engine.scaffold import new_destination
from doorstep.engine.sdk import Destination, RequestDestination, Settings, Sink

ACME = """
from doorstep.engine.sdk import RequestDestination, Settings

class AcmeSettings(Settings, frozen=True):
    pass

class Acme(RequestDestination[AcmeSettings]):
    label = "Acme"
    description = "Third party."
    Settings = AcmeSettings
"""
SHOW = """
import json, sys
from doorstep.engine.catalogue import Catalogue
catalogue = Catalogue.discover()
before = [name for name in sys.modules if name.startswith(("acme", "doorstep.destinations."))]
entries, problems = catalogue.load_all()
print(json.dumps({
    "names": catalogue.names(), "imported": before, "problems": [problem.message for problem in problems],
    "sources": {entry.name: entry.source for entry in entries},
}))
"""


class PlainSettings(Settings, frozen=True):
    pass


class Plain(RequestDestination[PlainSettings]):
    label = "Plain"
    description = "For tests."
    Settings = PlainSettings


NAMED = {"label": "N", "description": "N", "Settings": PlainSettings}


def found(loaded: Any, name: str = "plain") -> Catalogue:
    return Catalogue([Found(name, "doorstep-plain 1.0", lambda: loaded)])


def install(site: Path, distribution: str, module: str, code: str, *points: str) -> None:
    """What pip would leave behind: a module, and a dist-info with entry points."""
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("\n".join(["[doorstep.destinations]", *points, ""]), encoding="utf-8")


def show(site: Path) -> dict[str, Any]:
    """What a fresh process sees with `site` among its packages."""
    parents = [str(Path(path).absolute().parent) for path in doorstep.__path__]
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *parents])},
    )
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_built_in_destinations_are_found_by_their_folders() -> None:
    names = Catalogue.discover().names()
    assert {"console", "webhook"} <= set(names)
    assert not [name for name in names if name.startswith("_")]


def test_every_built_in_destination_loads() -> None:
    entries, problems = Catalogue.discover().load_all()
    assert problems == []
    kinds = {entry.name: (entry.label, entry.kind, entry.source) for entry in entries}
    assert kinds["webhook"] == ("Webhook", "request", "builtin")
    assert kinds["console"] == ("Console", "sink", "builtin")


def test_an_entry_is_described_as_json_can_hold_it() -> None:
    described = describe(Catalogue.discover().load("console"))
    assert json.loads(json.dumps(described)) == {
        "name": "console",
        "label": "Console",
        "description": "Prints events to standard output, one line of JSON each.",
        "kind": "sink",
        "source": "builtin",
        "settings": [
            {
                "name": "pretty",
                "type": "boolean",
                "required": False,
                "default": False,
                "description": "Indented JSON over several lines, for people.",
                "examples": [],
                "secret": False,
            }
        ],
        "limits": {
            "max_events": 500,
            "max_bytes": 524288,
            "max_item_bytes": None,
            "max_wait_s": 0.1,
            "per_second": None,
            "in_flight": 1,
            "timeout_s": 15.0,
            "are_fixed": True,
        },
        "actions": [],
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("webhok", "there is no destination type 'webhok'; did you mean 'webhook'?"),
        ("_template", "there is no destination type '_template'; there are: console, webhook"),
    ],
)
def test_an_unknown_type_names_the_nearest(name: str, message: str) -> None:
    catalogue = Catalogue(Found(one, "builtin", lambda: Plain) for one in ("webhook", "console"))
    with pytest.raises(ConfigError) as raised:
        catalogue.load(name)
    assert [problem.message for problem in raised.value.problems] == [message]


def test_a_destination_is_imported_once() -> None:
    loads: list[int] = []

    def load() -> type[Destination[Any]]:
        loads.append(1)
        return Plain

    catalogue = Catalogue([Found("plain", "x", load)])
    assert catalogue.load("plain") is catalogue.load("plain")
    assert loads == [1]


def module_with(**values: Any) -> ModuleType:
    module = ModuleType("plain.destination")
    vars(module).update(values)
    return module


def defined_in(module: str, name: str, base: type[Any] = Plain) -> type[Any]:
    return type(name, (base,), {"__module__": module})


def test_a_module_stands_for_the_one_public_destination_that_it_defines() -> None:
    mine = defined_in("plain.destination", "Mine")
    module = module_with(
        Mine=mine, _Base=defined_in("plain.destination", "_Base"), Other=Plain, number=1, Settings=PlainSettings
    )
    assert found(module).load("plain").destination is mine


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (module_with(), "must define exactly one destination class without a leading underscore; it has none"),
        (
            module_with(A=defined_in("plain.destination", "A"), B=defined_in("plain.destination", "B")),
            "must define exactly one destination class without a leading underscore; it has A, B",
        ),
        (42, "42 is no subclass of ActionDestination, RequestDestination or Sink"),
        (defined_in("x", "Bare", Destination), "AttributeError"),
        (
            type("Neither", (Destination,), NAMED),
            "Neither must be an ActionDestination, a RequestDestination or a Sink",
        ),
        (type("Unlabelled", (Sink,), {"description": "N", "Settings": PlainSettings}), "no attribute 'label'"),
    ],
)
def test_what_is_no_destination_is_told_with_its_origin(loaded: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        found(loaded).load("plain")
    [problem] = raised.value.problems
    assert problem.message.startswith("the destination 'plain' (doorstep-plain 1.0) cannot be loaded: ")
    assert message in problem.message


def test_an_installed_package_is_found_and_a_broken_one_harms_nobody(tmp_path: Path) -> None:
    install(tmp_path, "doorstep-acme", "acme_class", ACME, "acme = acme_class:Acme", "acme_module = acme_class")
    install(
        tmp_path, "doorstep-broken", "acme_broken", "raise RuntimeError('no such luck')", "broken = acme_broken:Broken"
    )
    shown = show(tmp_path)
    assert {"acme", "acme_module", "broken", "console", "webhook"} <= set(shown["names"])
    assert shown["imported"] == []
    assert shown["problems"] == [
        "the destination 'broken' (doorstep-broken 1.2) cannot be loaded: RuntimeError: no such luck"
    ]
    assert (shown["sources"]["acme"], shown["sources"]["acme_module"]) == ("doorstep-acme 1.2", "doorstep-acme 1.2")
    assert shown["sources"]["webhook"] == "builtin"


def test_a_built_in_name_stays_built_in(tmp_path: Path) -> None:
    install(tmp_path, "doorstep-acme", "acme_class", ACME, "webhook = acme_class:Acme")
    assert show(tmp_path)["sources"]["webhook"] == "builtin"


def test_a_new_destination_among_the_built_in_ones_is_listed_at_once(tmp_path: Path) -> None:
    """In a copy of the package, so that the checkout stays as it is: as `doorstep new destination acme` works in a clone."""
    for path in doorstep.__path__:
        for package in ("engine", "destinations"):
            copy_package(Path(path).resolve() / package, tmp_path / "doorstep" / package)
    new_destination("acme", tmp_path / "doorstep" / "destinations")
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert json.loads(done.stdout)["sources"]["acme"] == "builtin"


def copy_package(source: Path, target: Path) -> None:
    for path in source.resolve().rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = target / path.relative_to(source.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
