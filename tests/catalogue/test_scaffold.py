"""`doorstep new destination`: names, places, and what it refuses."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import get_args

import pytest
from doorstep.engine.errors import ConfigError
from doorstep.engine.scaffold import Kind, default_directory, how_it_is_found, new_destination, new_function


def test_it_makes_one_folder_with_the_file_names_of_every_destination(tmp_path: Path) -> None:
    made = new_destination("acme_crm", tmp_path)
    assert made == tmp_path / "acme_crm"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "acme_crm/README.md",
        "acme_crm/__init__.py",
        "acme_crm/destination.py",
        "acme_crm/golden/identify.json",
        "acme_crm/golden/refused.json",
        "acme_crm/golden/track.json",
        "acme_crm/test_acme_crm.py",
    ]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_no_placeholder_is_left(tmp_path: Path, kind: Kind) -> None:
    made = new_destination("acme_crm", tmp_path, kind)
    texts = [path.read_text(encoding="utf-8") for path in made.rglob("*") if path.is_file()]
    assert [text for text in texts if "@@" in text] == []
    source = (made / "destination.py").read_text(encoding="utf-8")
    assert "class AcmeCrm(" in source
    assert 'label = "Acme Crm"' in source


def test_missing_parents_are_made(tmp_path: Path) -> None:
    assert (new_destination("acme", tmp_path / "a" / "b") / "destination.py").is_file()


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "1st", "a-b", "a b", "../acme", "a/b", "_acme", "acme_", "a__b", "class", "ünder", "acme\n", "a" * 65],
)
def test_a_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    rule = "use lower case letters, digits and single _, at most 64 characters, as in"
    with pytest.raises(ConfigError, match=f"cannot be a destination's name; {rule} `acme_crm`"):
        new_destination(name, tmp_path)
    with pytest.raises(ConfigError, match=f"cannot be a function's name; {rule} `teams`"):
        new_function(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["json", "types", "doorstep"])
def test_a_name_that_python_imports_something_else_for_is_refused(tmp_path: Path, name: str) -> None:
    rule = "its tests would import Python's own module of that name, or Doorstep; choose another"
    with pytest.raises(ConfigError, match=f"'{name}' cannot be a destination's name: {rule}"):
        new_destination(name, tmp_path)
    with pytest.raises(ConfigError, match=f"'{name}' cannot be a function's name: {rule}"):
        new_function(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_there_may_be_fits(tmp_path: Path) -> None:
    name = "a" * 64
    assert (new_destination(name, tmp_path) / f"test_{name}.py").is_file()
    assert new_function(name, tmp_path / "functions").is_file()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    made = new_destination("acme", tmp_path)
    (made / "destination.py").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already; nothing was changed"):
        new_destination("acme", tmp_path)
    assert (made / "destination.py").read_text(encoding="utf-8") == "mine"


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"file/acme cannot be made: Not a directory"):
        new_destination("acme", tmp_path / "file")


def test_in_a_checkout_it_goes_among_the_others(tmp_path: Path) -> None:
    assert default_directory(tmp_path) == tmp_path
    (tmp_path / "destinations" / "_template").mkdir(parents=True)
    assert default_directory(tmp_path) == tmp_path / "destinations"


def test_elsewhere_it_says_how_it_is_found(tmp_path: Path) -> None:
    hint = how_it_is_found(tmp_path / "acme_crm")
    assert '[project.entry-points."doorstep.destinations"]\nacme_crm = "acme_crm.destination:AcmeCrm"\n' in hint
    assert how_it_is_found(Path(str(importlib.resources.files("doorstep.destinations"))) / "acme_crm") == ""
