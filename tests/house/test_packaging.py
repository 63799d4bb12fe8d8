"""What is shipped: a wheel built from the sdist holds both packages, the templates and the command, and nothing of the workshop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import doorstep.engine
import pytest

LOOPS = {"trio", "uvloop"}
"""Asked for and imported nowhere: anyio runs on them."""
BROUGHT_BY_AUTHORS = {"pytest", "hypothesis"}
"""For `doorstep.engine.sdk.conformance`, which a running engine never imports."""


class Built(NamedTuple):
    """What was built."""

    sdist: dict[str, bytes]
    """Files by their path below the folder that the sdist is."""
    wheel: dict[str, bytes]
    metadata: Any


class Import(Protocol):
    """As in conftest.py."""

    place: str
    name: str
    is_relative: bool


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """As a release is built: the sdist, and the wheel from it. Without the network: hatchling is here already."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    [metadata] = [text for name, text in files.items() if name.endswith(".dist-info/METADATA")]
    return Built(unpacked(sdist), files, Parser().parsestr(metadata.decode()))


def unpacked(sdist: Path) -> dict[str, bytes]:
    with tarfile.open(sdist) as archive:
        files = [(member.name.partition("/")[2], archive.extractfile(member)) for member in archive.getmembers()]
        return {name: file.read() for name, file in files if file is not None}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def python_files(root: Path, folder: str) -> set[str]:
    """The modules of a package, tests apart."""
    paths = (path.relative_to(root) for path in (root / folder).rglob("*.py"))
    return {f"doorstep/{path.as_posix()}" for path in paths if not path.name.startswith("test_")}


def test_the_wheel_holds_every_module_of_both_packages(built: Built, root: Path) -> None:
    wanted = python_files(root, "engine") | python_files(root, "destinations")
    assert {name for name in built.wheel if name.endswith(".py")} == {*wanted, "doorstep/__main__.py"}
    assert {"doorstep/engine/app.py", "doorstep/destinations/webhook/destination.py"} <= wanted


def test_the_wheel_holds_the_templates_with_their_goldens(built: Built, root: Path) -> None:
    templates = [path.relative_to(root).as_posix() for path in (root / "destinations" / "_template").rglob("*.tmpl")]
    assert {f"doorstep/{name}" for name in templates} <= set(built.wheel)
    assert "destinations/_template/request/golden/track.json.tmpl" in templates


def test_the_wheel_holds_the_console(built: Built, root: Path) -> None:
    console = {path.relative_to(root).as_posix() for path in (root / "engine/admin/console").iterdir()}
    assert len(console) > 10
    assert {f"doorstep/{name}" for name in console} <= set(built.wheel)


def test_the_wheel_is_typed_and_has_the_licence_and_the_command(built: Built) -> None:
    assert "doorstep/engine/py.typed" in built.wheel
    [points] = [text for name, text in built.wheel.items() if name.endswith("entry_points.txt")]
    assert points.decode().split("\n") == ["[console_scripts]", "doorstep = doorstep.engine.cli:main", ""]
    assert [name.partition("/")[2] for name in built.wheel if "licenses" in name] == ["licenses/LICENSE"]


def test_the_wheel_holds_nothing_of_the_workshop(built: Built) -> None:
    tops = {name.partition("/")[0] for name in built.wheel}
    assert tops == {"doorstep", f"doorstep-{built.metadata['Version']}.dist-info"}
    odd = [
        name
        for name in built.wheel
        if re.search(r"(^|/)(test_[^/]*\.py|tests|_dev|golden/[^/]*\.json|__pycache__)(/|$)", name)
    ]
    assert odd == []
    assert "doorstep/__init__.py" not in built.wheel, "a namespace: others may have a doorstep.something, too"


def test_the_sdist_holds_what_a_packager_needs_to_build_and_test_it(built: Built, project: dict[str, Any]) -> None:
    wanted = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert sorted(name for name in wanted if not any(_is_below(file, name) for file in built.sdist)) == []
    odd = [
        file for file in built.sdist if not any(_is_below(file, name) for name in [*wanted, "PKG-INFO", ".gitignore"])
    ]
    assert odd == []
    assert {
        "tests/conftest.py",
        "destinations/webhook/test_webhook.py",
        "bench/scenarios.py",
        "examples/functions/teams.py",
    } <= set(built.sdist)


def test_the_sdist_holds_no_records_of_runs(built: Built) -> None:
    assert [name for name in built.sdist if name.startswith("bench/results/")] == [], "of one machine, and they grow"


def test_neither_is_big(built: Built) -> None:
    assert sum(map(len, built.wheel.values())) < 2_300_000  # fourteen destinations are 0.3 MB of it
    assert sum(map(len, built.sdist.values())) < 6_000_000


def _is_below(file: str, name: str) -> bool:
    return file == name or file.startswith(f"{name}/")


IMPORTED_AS = {"prometheus-client": "prometheus_client", "python-liquid": "liquid", "zlib-ng": "zlib_ng"}
NEVER_IMPORTED = {"tzdata"}
"""Data: `zoneinfo` looks there where the machine has no time zones of its own."""


def test_what_the_engine_imports_is_what_it_asks_for(
    imports: Callable[[str], list[Import]], project: dict[str, Any]
) -> None:
    ours = {"doorstep", "engine", "destinations"}
    tops = {
        one.name.split(".")[0] for folder in ("engine", "destinations") for one in imports(folder) if _is_shipped(one)
    }
    imported = tops - ours - sys.stdlib_module_names - BROUGHT_BY_AUTHORS
    asked_for = {re.split(r"[<>=!~\[; ]", line)[0] for line in project["project"]["dependencies"]}
    assert imported | LOOPS == {IMPORTED_AS.get(name, name) for name in asked_for} - NEVER_IMPORTED


def _is_shipped(one: Import) -> bool:
    return "/test_" not in one.place


def test_the_metadata_says_what_people_look_for(built: Built) -> None:
    assert (built.metadata["Name"], built.metadata["License-Expression"]) == ("doorstep", "Apache-2.0")
    assert built.metadata["Requires-Python"] == ">=3.11"
    assert built.metadata["Description-Content-Type"] == "text/markdown"
    assert built.metadata.get_payload().startswith("# Doorstep")


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="outside tox the checkout itself is tested")
def test_under_tox_the_installed_package_is_what_is_tested() -> None:
    assert "site-packages" in Path(doorstep.engine.__file__ or "").parts
