"""The destinations there are: folders of `doorstep.destinations`, and entry points of the same name in installed packages.

    discover (names only) -> load(name) (imports that one) -> Entry -> describe(entry) for whoever shows it

Nothing is imported before it is asked for, so that a start pays for the destinations it uses, and a third-party package that is
broken harms nobody who does not use it.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from .errors import ConfigError, Problem
from .functions import FunctionSink
from .sdk import ActionDestination, Destination, Limits, RequestDestination, Sink
from .sdk.describing import ActionInfo, actions_of
from .sdk.fields import Field, fields

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "doorstep.destinations"
"""The package whose folders are destinations, and the entry point group for those of others."""
BUILTIN = "builtin"

Kind = Literal["request", "sink"]


class Entry(msgspec.Struct, frozen=True):
    """One type of destination, loaded."""

    name: str
    """What a configuration has as `type`."""
    label: str
    description: str
    kind: Kind
    destination: type[Destination[Any]]
    settings: list[Field]
    limits: Limits
    source: str
    """`builtin`, or the distribution that it comes from: `doorstep-acme 1.2`."""
    actions: list[ActionInfo] = []
    """What it can do with events; [] for a type that has no actions."""


class Found(msgspec.Struct, frozen=True):
    """One type of destination, seen but not imported."""

    name: str
    source: str
    load: Callable[[], Any]
    """The class itself, or the module that holds it. Raises whatever the import raises."""


class Catalogue:
    """All destinations, by name. Discover again to see what was installed meanwhile.

    A name that two have goes to the built-in one, or to the first by distribution name. So who only loads built-in ones need not look
    for others, which takes longer than all else here.
    """

    def __init__(self, builtin: Iterable[Found], look: Callable[[], list[Found]] = list) -> None:
        self._builtin = {found.name: found for found in builtin}
        self._look = look
        self._entries: dict[str, Entry] = {}

    @classmethod
    def discover(cls) -> Catalogue:
        """Looks around."""
        return cls([*_builtin(), _FUNCTION], _installed)

    @cached_property
    def _found(self) -> dict[str, Found]:
        return {found.name: found for found in reversed(self._look())} | self._builtin

    def __repr__(self) -> str:
        return f"<Catalogue of {', '.join(self.names())}>"

    def names(self) -> list[str]:
        """The names to be used as `type`, sorted."""
        return sorted(self._found)

    def load(self, name: str) -> Entry:
        """Imports one. Raises ConfigError: an unknown name with the nearest known, a broken package with what is wrong with it."""
        found = self._builtin.get(name) or self._found.get(name)
        if found is None:
            raise ConfigError([Problem("", _unknown(name, self.names()))])
        if name not in self._entries:
            self._entries[name] = _entry(found)
        return self._entries[name]

    def load_all(self) -> tuple[list[Entry], list[Problem]]:
        """Every destination that can be loaded, by name, and what is wrong with the rest."""
        entries, problems = [], []
        for name in self.names():
            try:
                entries.append(self.load(name))
            except ConfigError as error:
                problems += error.problems
        return entries, problems


def describe(entry: Entry) -> dict[str, Any]:
    """An entry as JSON can hold it."""
    return {
        "name": entry.name,
        "label": entry.label,
        "description": entry.description,
        "kind": entry.kind,
        "source": entry.source,
        "settings": msgspec.to_builtins(entry.settings),
        "limits": msgspec.to_builtins(entry.limits),
        "actions": msgspec.to_builtins(entry.actions),
    }


_FUNCTION = Found("function", BUILTIN, lambda: FunctionSink)
"""The one type of the engine's own: it runs what users write, which no folder of `destinations` could."""


def _builtin() -> list[Found]:
    package = importlib.import_module(GROUP)
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
    return [
        Found(name, BUILTIN, partial(importlib.import_module, f"{GROUP}.{name}.destination"))
        for name in names
        if not name.startswith("_")
    ]


def _installed() -> list[Found]:
    from importlib import metadata  # here, because it takes as long as the rest of this room

    points = metadata.entry_points(group=GROUP)
    found = [Found(point.name, _source(point), point.load) for point in points]
    return sorted(found, key=lambda one: (one.source, one.name))


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _entry(found: Found) -> Entry:
    # Whatever a stranger's module does on import, it is told as that package's trouble: hence every Exception.
    try:
        destination = _destination_in(found.load())
        return Entry(
            found.name,
            destination.label,
            destination.description,
            _kind(destination),
            destination,
            fields(destination.Settings),
            destination.limits,
            found.source,
            actions_of(destination),
        )
    except Exception as error:
        message = f"the destination {found.name!r} ({found.source}) cannot be loaded: {type(error).__name__}: {error}"
        raise ConfigError([Problem("", message)]) from error


def _destination_in(loaded: Any) -> type[Destination[Any]]:
    """The class that was loaded, or the one public destination class that the loaded module defines."""
    if not isinstance(loaded, ModuleType):
        if not (isinstance(loaded, type) and issubclass(loaded, Destination)):
            raise TypeError(f"{loaded!r} is no subclass of ActionDestination, RequestDestination or Sink")
        return loaded
    classes = [
        value
        for name, value in vars(loaded).items()
        if isinstance(value, type)
        and issubclass(value, Destination)
        and value.__module__ == loaded.__name__
        and name[0] != "_"
    ]
    if len(classes) != 1:
        names = ", ".join(one.__name__ for one in classes) or "none"
        raise TypeError(
            f"{loaded.__name__} must define exactly one destination class without a leading underscore; it has {names}"
        )
    return classes[0]


def _kind(destination: type[Destination[Any]]) -> Kind:
    if issubclass(destination, RequestDestination | ActionDestination):
        return "request"
    if issubclass(destination, Sink):
        return "sink"
    raise TypeError(f"{destination.__name__} must be an ActionDestination, a RequestDestination or a Sink")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are: {', '.join(known)}"
    return f"there is no destination type {name!r}; {hint}"
