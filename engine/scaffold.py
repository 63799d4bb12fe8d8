"""`doorstep new`: a destination's folder or a function's file copied from a template, names filled in, with tests that pass untouched."""

from __future__ import annotations

import importlib.resources
import keyword
import re
import sys
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from .errors import ConfigError, Problem

Kind = Literal["actions", "request", "sink"]
FunctionKind = Literal["destination", "insert"]

_PACKAGE = "doorstep.destinations"
_FUNCTIONS = f"{__package__}.functions"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MOST_CHARS = 64
"""Of a name, as in a configuration; a file's may have 255, and some are put around it."""
_TAKEN = sys.stdlib_module_names | {"doorstep"}
"""Modules that a test would import in place of what was made."""
_SUFFIX = ".tmpl"  # keeps pytest, linters, and the wheel's exclusion of tests away from the templates


def new_destination(name: str, directory: Path, kind: Kind = "actions") -> Path:
    """Makes `directory/name` and returns it. Raises ConfigError for a bad name, or a folder that is there already."""
    _expect_name(name, "destination", "acme_crm")
    target = directory / name
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        raise _error(f"{target} is there already; nothing was changed") from None
    except OSError as error:
        raise _error(f"{target} cannot be made: {error.strerror}") from error
    _copy(importlib.resources.files(_PACKAGE) / "_template" / kind, target, _words(name))
    return target


def new_function(name: str, directory: Path, kind: FunctionKind = "destination") -> Path:
    """Makes `directory/name.py`, with its test beside it, and returns it. Raises ConfigError as `new_destination` does."""
    _expect_name(name, "function", "teams")
    made = {f"{name}.py": f"{kind}.py", f"test_{name}.py": f"test_{kind}.py"}
    for file in made:
        if (directory / file).exists():
            raise _error(f"{directory / file} is there already; nothing was changed")
    template = importlib.resources.files(_FUNCTIONS) / "_template"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, source in made.items():
            (directory / file).write_text(_filled(template / f"{source}{_SUFFIX}", _words(name)), encoding="utf-8")
    except OSError as error:
        raise _error(f"{directory / name}.py cannot be made: {error.strerror}") from error
    return directory / f"{name}.py"


def how_it_is_used(made: Path, kind: FunctionKind) -> str:
    """What a configuration has to say for the function just made to be called."""
    if kind == "insert":
        return f'[functions.{made.stem}]\nsource = "{made}"\nbefore = ["hook"]          # absent: all destinations\n'
    settings = 'settings = { url = "https://example.com/in", api_key = "${env:API_KEY}" }'
    return f'[destinations.{made.stem}]\ntype = "function"\nsource = "{made}"\n{settings}\n'


def default_directory(here: Path) -> Path:
    """Where a new destination goes unless told: among the others in a checkout of Doorstep, else right `here`."""
    inside = here / "destinations"
    return inside if (inside / "_template").is_dir() else here


def how_it_is_found(made: Path) -> str:
    """What is left to do before the catalogue lists the destination just made; empty for one among the built-in ones."""
    if made.parent.resolve() == Path(str(importlib.resources.files(_PACKAGE))).resolve():
        return ""
    class_name = _words(made.name)["Class"]
    return (
        f"To have it found, add this to the pyproject.toml of the package that {made.name}/ is in, and install that package:\n\n"
        f'[project.entry-points."{_PACKAGE}"]\n'
        f'{made.name} = "{made.name}.destination:{class_name}"\n'
    )


def _expect_name(name: str, what: str, example: str) -> None:
    """Raises ConfigError for a name that no module of a user's can have."""
    refused = f"{name!r} cannot be a {what}'s name"
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _MOST_CHARS:
        rule = f"use lower case letters, digits and single _, at most {_MOST_CHARS} characters, as in `{example}`"
        raise _error(f"{refused}; {rule}")
    if name in _TAKEN:
        raise _error(f"{refused}: its tests would import Python's own module of that name, or Doorstep; choose another")


def _words(name: str) -> dict[str, str]:
    """What stands for `@@...@@` in a template."""
    parts = name.split("_")
    return {
        "name": name,
        "NAME": name.upper(),
        "Class": "".join(part.capitalize() for part in parts),
        "label": " ".join(part.capitalize() for part in parts),
    }


def _copy(template: Traversable, target: Path, words: dict[str, str]) -> None:
    for source in template.iterdir():
        path = target / source.name.removesuffix(_SUFFIX).replace("test_name", f"test_{words['name']}")
        if source.is_dir():
            path.mkdir()
            _copy(source, path, words)
        elif source.name.endswith(_SUFFIX):
            path.write_text(_filled(source, words), encoding="utf-8")


def _filled(source: Traversable, words: dict[str, str]) -> str:
    return re.sub(r"@@(\w+)@@", lambda match: words[match[1]], source.read_text(encoding="utf-8"))


def _error(message: str) -> ConfigError:
    return ConfigError([Problem("", message)])
