"""Compiles the nodes of a mapping to closures: plain values, lists, objects; a directive by its row in the table.

    Scope.compile(node) -> Code         Code.run(payload) -> value

What can be known beforehand is known beforehand: whether a value is constant, whether it can be UNDEFINED, which parts of
the event it reads. So the result is clean as it is built, and is walked again only where it cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NoReturn, Protocol, TypeAlias

import msgspec

from ..errors import Problem, UnmappableEvent
from .paths import Keys, Read, reader
from .values import UNDEFINED

Place: TypeAlias = tuple[str, ...]
"""Where a node is in its mapping."""


class Keep(IntEnum):
    """Which keys that hold UNDEFINED an object must keep: in `@merge` a later undefined value wins over an earlier one."""

    NOTHING = 0
    OWN = 1
    """Those of the object itself."""
    ALL = 2
    """Those of everything in it too: for `@flatten`, which makes them its own."""

    @property
    def inside(self) -> Keep:
        """What the values of such an object must keep."""
        return Keep.ALL if self is Keep.ALL else Keep.NOTHING


class Code(msgspec.Struct, frozen=True):
    """A compiled node."""

    run: Read
    undefined: bool = False
    """Whether its value can be UNDEFINED."""
    gaps: bool = False
    """Whether its value can be an object that has keys with UNDEFINED: only if those were to be kept."""
    holed: bool = False
    """Whether UNDEFINED can be deeper inside, or in a list."""
    constant: bool = False

    def like(self, *others: Code) -> Code:
        """This one, when its value can also be that of the others."""
        all_ = (self, *others)
        return Code(
            self.run,
            undefined=any(code.undefined for code in all_),
            gaps=any(code.gaps for code in all_),
            holed=any(code.holed for code in all_),
        )


class Compiles(Protocol):
    """What the table of directives has of each: options, scope, what to keep -> Code."""

    def __call__(self, options: Any, scope: Scope, keep: Keep, /) -> Code: ...


class Scope:
    """What the payload of a node is (the event, an item of a list, the result of another mapping), and where the node is."""

    __slots__ = ("_directives", "_holed", "place", "reads", "warnings")

    def __init__(
        self, directives: Mapping[str, Compiles], reads: set[Keys], warnings: list[Problem], place: Place, holed: bool
    ) -> None:
        self._directives = directives
        self.reads = reads
        """The paths of the payload that are read; `()` is all of it."""
        self.warnings = warnings
        """What will fail each time that it is reached."""
        self.place = place
        self._holed = holed

    def compile(self, node: Any, *at: str, keep: Keep = Keep.NOTHING) -> Code:
        """`node`, which is at `at` below this place."""
        if isinstance(node, dict):
            name = directive_of(node)
            if name is None:
                return self.below(*at)._object(node, keep)
            return self.below(*at, name)._directive(name, node[name], keep)
        if node is UNDEFINED:  # an option that is not there, of a directive in a list: nobody has checked it
            return NOTHING
        return self.below(*at)._list(node, keep) if isinstance(node, list) else constant(node)

    def below(self, *at: str) -> Scope:
        """The same payload, further down in the mapping."""
        return Scope(self._directives, self.reads, self.warnings, self.place + at, self._holed) if at else self

    def of(self, payload: Code) -> Scope:
        """A scope in which the payload is what `payload` gives. What is read of that, is not read of the event."""
        return Scope(self._directives, set(), self.warnings, self.place, payload.gaps or payload.holed)

    def path(self, keys: Keys) -> Code:
        """What is at `keys` of the payload."""
        self.reads.add(keys)
        return Code(reader(keys), undefined=True, gaps=self._holed, holed=self._holed)

    def anything(self) -> None:
        """Notes that only an event tells what is read of it."""
        self.reads.add(())

    def failing(self, message: str) -> Code:
        """A node that fails whenever it is reached."""
        self.warnings.append(Problem("/" + "/".join(self.place), message))

        def run(payload: Any) -> NoReturn:
            raise UnmappableEvent(message)

        return Code(run)

    def _directive(self, name: str, options: Any, keep: Keep) -> Code:
        compile_ = self._directives.get(name)
        if compile_ is None:
            return self.failing(f"{name} is not a valid directive, got undefined")
        return compile_(options, self, keep)

    def _object(self, node: dict[str, Any], keep: Keep) -> Code:
        codes = {key: self.compile(value, key, keep=keep.inside) for key, value in node.items()}
        if all(code.constant for code in codes.values()):
            return constant({key: code.run(None) for key, code in codes.items()})
        gaps = bool(keep) and any(code.undefined for code in codes.values())
        return Code(_object_run(codes, bool(keep)), gaps=gaps, holed=any(c.gaps or c.holed for c in codes.values()))

    def _list(self, node: list[Any], keep: Keep) -> Code:
        codes = [self.compile(value, str(position), keep=keep.inside) for position, value in enumerate(node)]
        if all(code.constant for code in codes):
            return constant([code.run(None) for code in codes])
        runs = [code.run for code in codes]
        holed = any(code.undefined or code.gaps or code.holed for code in codes)
        return Code(lambda payload: [run(payload) for run in runs], holed=holed)


def directive_of(node: Mapping[str, Any]) -> str | None:
    """The name of the directive that an object is: its first key with an @, if all others are that too, or `_metadata`."""
    found = None
    for key in node:
        if key[:1] == "@":
            found = found or key
        elif key != "_metadata":
            return None
    return found


def constant(value: Any) -> Code:
    """The same for every payload; shared, not copied."""
    return Code(lambda payload: value, constant=True)


NOTHING = Code(lambda payload: UNDEFINED, undefined=True)
"""Always UNDEFINED."""


def _object_run(codes: dict[str, Code], keep: bool) -> Read:
    runs = [(key, code.run) for key, code in codes.items()]
    if keep or not any(code.undefined for code in codes.values()):
        return lambda payload: {key: run(payload) for key, run in runs}

    base = {key: code.run(None) if code.constant else None for key, code in codes.items()}
    runs = [(key, code.run) for key, code in codes.items() if not code.constant]

    def run_all(payload: Any) -> dict[str, Any]:
        result = base.copy()  # with what never changes, and in the order of the mapping
        for key, run in runs:
            value = run(payload)
            if value is UNDEFINED:
                del result[key]
            else:
                result[key] = value
        return result

    return run_all


def options_in(options: Any, name: str) -> Any:
    """An option by name; UNDEFINED where it is not there, or where the options are no object."""
    return options.get(name, UNDEFINED) if isinstance(options, dict) else UNDEFINED
