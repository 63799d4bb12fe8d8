"""From files to a `Config`: every problem of them in one go, each with its file, line and key.

files -> document -> build -> destinations, functions -> checks -> Config, or all Problems -> linting -> warnings
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import Any

import msgspec
from msgspec import inspect

from ..catalogue import Catalogue
from ..errors import ConfigError, Problem
from .build import Builder
from .checks import check_alerts, check_destinations, check_engine, check_ingresses, check_network
from .destinations import apply_type
from .document import Document, overlay, parse, read, resolve
from .functions import apply_functions
from .linting import lint
from .positions import Path
from .settings import Config, DestinationSettings

Paths = str | os.PathLike[str]


def load_config(
    *paths: Paths, text: str | None = None, environ: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> Config:
    """The configuration in `paths`, merged in that order (a later one wins), and in `text` (TOML) after them.

    `environ` is what `${env:NAME}` reads, the process's own by default; `catalogue` what `type` chooses from. Blocks: reads
    files. Raises ConfigError with all problems there are.
    """
    config, problems, _ = _read(paths, text, environ, catalogue or Catalogue.discover())
    if config is None or problems:
        raise ConfigError(problems)
    return config


class Examined(msgspec.Struct, frozen=True):
    """What there is to say about a configuration, in the order of its lines."""

    config: Config | None
    """None if there are problems."""
    problems: list[Problem]
    warnings: list[Problem]
    """What is valid and hardly meant. None of a configuration that has problems."""
    document: Document | None = None
    """What it was built from; None if there are problems."""

    def at(self, path: Path, message: str) -> Problem:
        """What is found out later, and belongs to `path`: with its file and line."""
        return Problem("", message) if self.document is None else self.document.problem(path, message)


def examine(
    paths: Sequence[Paths], environ: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> Examined:
    """The configuration in `paths`, read as `load_config` does, and as a linter does. Never raises ConfigError."""
    catalogue = catalogue or Catalogue.discover()
    config, problems, document = _read(paths, None, environ, catalogue)
    if config is None or problems or document is None:
        return Examined(None, problems, [])
    found = [document.problem(warned.path, warned.message) for warned in lint(config, catalogue)]
    return Examined(config, [], _in_order(found, document.files), document)


def check(
    paths: Sequence[Paths], environ: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> list[Problem]:
    """All that is wrong with the configuration in `paths`, in the order of its lines; empty if `load_config` takes it."""
    return examine(paths, environ, catalogue).problems


def _read(
    paths: Sequence[Paths], text: str | None, environ: Mapping[str, str] | None, catalogue: Catalogue
) -> tuple[Config | None, list[Problem], Document | None]:
    parts = [read(os.fspath(path)) for path in paths] + ([parse(text)] if text is not None else [])
    problems = [part for part in parts if isinstance(part, Problem)]
    documents = [part for part in parts if isinstance(part, Document)]
    if not parts:
        problems = [Problem("", "there is no configuration; name a file")]
    if problems:
        return None, problems, None
    document, problems = resolve(reduce(overlay, documents), os.environ if environ is None else environ)
    config, more = _build(document, catalogue)
    return config, _in_order(problems + more, document.files), document


@cache
def _shape() -> inspect.Type:
    """What a whole file may hold. Asked for once: to find it out takes ten times as long as all else that is done with a small file."""
    return inspect.type_info(Config)


def _build(document: Document, catalogue: Catalogue) -> tuple[Config | None, list[Problem]]:
    builder = Builder(document)
    tree = document.tree
    config = builder.build(_shape(), tree, ())
    destinations = _destinations(builder, catalogue, tree)
    functions = apply_functions(builder, tree)
    check_engine(builder, document.tree)
    check_network(builder)
    check_destinations(builder, tree, check_ingresses(builder, tree))
    check_alerts(builder, tree)
    if not isinstance(config, Config) or builder.problems:
        return None, builder.problems
    return msgspec.structs.replace(config, destinations=destinations, functions=functions), []


def _destinations(builder: Builder, catalogue: Catalogue, tree: dict[str, Any]) -> dict[str, DestinationSettings]:
    tables = tree.get("destinations")
    found = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        destination = apply_type(builder, catalogue, name, table) if isinstance(table, dict) else None
        if destination is not None:
            found[name] = destination
    return found


def _in_order(problems: list[Problem], files: list[str]) -> list[Problem]:
    """By file and line; one that has no line comes first."""
    ranks = {file: rank for rank, file in enumerate(files)}
    return sorted(problems, key=lambda problem: (ranks.get(problem.file, -1), problem.line or 0))
