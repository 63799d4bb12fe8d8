"""`doorstep new destination`: a folder copied from a template, names filled in, that passes its tests untouched."""

from __future__ import annotations

import importlib.resources
import keyword
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from .errors import ConfigError, Problem

Kind = Literal["actions", "request", "sink"]

_PACKAGE = "doorstep.destinations"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUFFIX = ".tmpl"  # keeps pytest, linters, and the wheel's exclusion of tests away from the templates


def new_destination(name: str, directory: Path, kind: Kind = "actions") -> Path:
    """Makes `directory/name` and returns it. Raises ConfigError for a bad name, or a folder that is there already."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise _error(
            f"{name!r} cannot be a destination's name; use lower case letters, digits and single _, as in `acme_crm`"
        )
    target = directory / name
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        raise _error(f"{target} is there already; nothing was changed") from None
    except OSError as error:
        raise _error(f"{target} cannot be made: {error.strerror}") from error
    _copy(importlib.resources.files(_PACKAGE) / "_template" / kind, target, _words(name))
    return target


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
            text = source.read_text(encoding="utf-8")
            path.write_text(re.sub(r"@@(\w+)@@", lambda match: words[match[1]], text), encoding="utf-8")


def _error(message: str) -> ConfigError:
    return ConfigError([Problem("", message)])
