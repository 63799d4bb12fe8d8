"""Functions in a configuration: their files are loaded here, so that what is wrong in one is a problem like any other."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from ..errors import ConfigError
from ..functions import FunctionSettings, InsertSettings, load_function
from ..settings import Settings
from .build import Builder
from .kinds import nearest, toml
from .positions import Path
from .settings import Config


def function_of(builder: Builder, path: Path) -> type[FunctionSettings] | None:
    """The function that the table at `path` names as its `source`; None, and problems, if it cannot be used. Executes the file."""
    source = builder.built.get((*path, "source"))
    if not isinstance(source, str):
        return None
    file = builder.beside((*path, "source"), source)
    try:
        open(file, "rb").close()
    except OSError as error:
        builder.report((*path, "source"), f"the file {source} cannot be read: {error.strerror or error}")
        return None
    try:
        return load_function(file)
    except ConfigError as error:
        for problem in error.problems:
            builder.report_in(problem.file, problem.line, (*path, "source"), problem.message)
        return None


def settings_of(builder: Builder, function: type[FunctionSettings], table: dict[str, Any], path: Path) -> Any:
    """`settings` of the table at `path`, as the function's own Struct."""
    return builder.build(inspect.type_info(function), table.get("settings", {}), (*path, "settings"))


def sources(config: Config) -> set[str]:
    """The files of all functions of a configuration."""
    inserts = {one.source for one in config.functions.values()}
    return inserts | {one.source for one in config.destinations.values() if one.source is not None}


def apply_functions(builder: Builder, tree: dict[str, Any]) -> dict[str, InsertSettings]:
    """`[functions.NAME]`, complete. Those with problems are left out."""
    tables, destinations = tree.get("functions"), tree.get("destinations")
    names = list(destinations) if isinstance(destinations, dict) else []
    found = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        made = _insert(builder, name, table, names) if isinstance(table, dict) else None
        if made is not None:
            found[name] = made
    return found


def _insert(builder: Builder, name: str, table: dict[str, Any], destinations: list[str]) -> InsertSettings | None:
    path: Path = ("functions", name)
    before = builder.built.get((*path, "before"))
    for index, destination in enumerate(before if isinstance(before, tuple) else ()):
        if destination not in destinations:
            message = f"no destination is named {toml(destination)}{nearest(destination, destinations)}"
            builder.report((*path, "before", index), message)
    function = function_of(builder, path)
    if function is None:
        return None
    settings = settings_of(builder, function, table, path)
    insert = builder.built.get(path)
    if not isinstance(settings, Settings) or not isinstance(insert, InsertSettings):
        return None
    return msgspec.structs.replace(insert, source=function.function.path, settings=settings)
