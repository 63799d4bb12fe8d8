"""Values to Structs, with every problem on the way, not just the first.

    tree + Struct type -> Builder.build -> the Struct, or BROKEN and problems

msgspec's own decoder stops at the first problem, so this one walks the types (`msgspec.inspect`) beside the values. It knows no
setting by name: types, bounds, required keys and `__post_init__` are all there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import msgspec
from msgspec import inspect

from ..errors import Problem
from ..settings import decode_hook
from .document import BROKEN, Broken, Document, dotted
from .kinds import Help, bounds_of, closest, is_open, nearest, options, seen, toml, unwrap, wanted
from .positions import Path

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, bound: value > bound,
    "ge": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "le": lambda value, bound: value <= bound,
}


class Builder:
    """Builds the values of one document. Each call of `build` adds to `problems` and to `built`."""

    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self.built: dict[Path, Any] = {}
        """Every value so far, BROKEN ones too: what is wrong in one place need not hide what is wrong in another."""
        self._document = document

    def report(self, path: Path, message: str) -> None:
        """Notes a problem at `path`."""
        self.problems.append(self._document.problem(path, message))

    def report_in(self, file: str, line: int | None, path: Path, message: str) -> None:
        """Notes a problem of a file that the configuration names at `path`."""
        self.problems.append(Problem(dotted(path), message, file, line))

    def beside(self, path: Path, name: str) -> str:
        """The file `name`, written at `path`: relative to the file of the configuration that it is written in."""
        return str(FilePath(self._document.place(path).file).parent / name)

    def build(self, annotated: inspect.Type, value: Any, path: Path, outer: Help | None = None) -> Any:
        """`value` as an instance of the type; BROKEN, and problems, if it is none."""
        built = BROKEN if isinstance(value, Broken) else self._build(annotated, value, path, outer)
        self.built[path] = built
        return built

    def _build(self, annotated: inspect.Type, value: Any, path: Path, outer: Help | None) -> Any:
        type_, help_ = unwrap(annotated)
        help_ = help_ if help_.description else outer or help_
        if is_open(type_):
            return value if isinstance(value, dict) else self._wrong(type_, value, path, help_)
        match type_:
            case inspect.StructType():
                return self._struct(type_, value, path, help_)
            case inspect.UnionType():
                return self._union(type_, value, path, help_)
            case inspect.ListType() | inspect.VarTupleType():
                return self._list(type_, value, path, help_)
            case inspect.DictType():
                return self._table(type_, value, path, help_)
            case inspect.CustomType():
                return self._custom(type_, value, path, help_)
            case _:
                return self._scalar(type_, value, path, help_)

    def _wrong(self, type_: inspect.Type, value: Any, path: Path, help_: Help, hint: str = "") -> Any:
        reference = self._document.written.get(path)
        found = reference[0] if reference else seen(type_, value)
        self.report(path, f"expected {wanted(type_, help_)}, got {found}{hint}")
        return BROKEN

    # Tables and lists ------------------------------------------------------------------------------------------------

    def _struct(self, type_: inspect.StructType, value: Any, path: Path, help_: Help) -> Any:
        if not isinstance(value, dict):
            return self._wrong(type_, value, path, help_)
        fields = {field.encode_name: field for field in type_.fields}
        known = [*fields, *([type_.tag_field] if type_.tag_field else [])]
        for key in value:
            if key not in known:
                self.report((*path, key), f"unknown key{nearest(key, known)}")
        built: dict[str, Any] = {}
        for key, field in fields.items():
            if key in value:
                built[field.name] = self.build(field.type, value[key], (*path, key))
            elif field.required:
                built[field.name] = self._missing(field.type, (*path, key))
        return self._made(type_, built, path)

    def _missing(self, annotated: inspect.Type, path: Path) -> Any:
        type_, help_ = unwrap(annotated)
        self.report(path, f"is missing; write {wanted(type_, help_)}")
        return BROKEN

    def _made(self, type_: inspect.StructType, fields: dict[str, Any], path: Path) -> Any:
        """The Struct, unless a field is broken; its own check then still runs, on the default in place of that field."""
        broken = {name for name, value in fields.items() if value is BROKEN}
        if broken & {field.name for field in type_.fields if field.required}:
            return BROKEN
        try:
            struct = type_.cls(**{name: value for name, value in fields.items() if name not in broken})
        except ValueError as error:
            self._report_own(type_, str(error), fields, broken, path)
            return BROKEN
        return BROKEN if broken else struct

    def _report_own(
        self, type_: inspect.StructType, message: str, fields: dict[str, Any], broken: set[str], path: Path
    ) -> None:
        """What a Struct's own check says: one problem, or several, each of which begins with its field in backticks."""
        names = [field.name for field in type_.fields]
        for part in re.split(rf"; (?=`(?:{'|'.join(names)})`)", message):
            culprit = _culprit(part, names, fields)
            if not broken or (culprit and not broken.intersection(re.findall(r"\w+", part))):
                self.report((*path, *culprit), part.removeprefix(f"`{''.join(culprit)}`: "))

    def _union(self, type_: inspect.UnionType, value: Any, path: Path, help_: Help) -> Any:
        choices = options(type_)
        tagged = {c.tag: c for c in choices if isinstance(c, inspect.StructType) and c.tag_field}
        if tagged and isinstance(value, dict):
            return self._tagged(tagged, value, path)
        for choice in choices:
            if _takes(choice, value):
                return self.build(choice, value, path, help_)
        return self._wrong(type_, value, path, help_)

    def _tagged(self, choices: dict[Any, inspect.StructType], value: dict[str, Any], path: Path) -> Any:
        name = next(iter(choices.values())).tag_field or ""
        names = ", ".join(map(toml, choices))
        if name not in value:
            self.report((*path, name), f"is missing; write one of {names}")
            return BROKEN
        tag = value[name]
        if isinstance(tag, str) and tag in choices:
            return self.build(choices[tag], value, path)
        if not isinstance(tag, Broken):
            hint = nearest(tag, choices) if isinstance(tag, str) else f"; write one of {names}"
            self.report((*path, name), f"unknown {name} {toml(tag)}{hint}")
        return BROKEN

    def _list(self, type_: inspect.ListType | inspect.VarTupleType, value: Any, path: Path, help_: Help) -> Any:
        if not isinstance(value, list):
            return self._wrong(type_, value, path, help_)
        if type_.min_length is not None and len(value) < type_.min_length:
            self.report(path, f"has {len(value)} items, expected at least {type_.min_length}: {wanted(type_, help_)}")
            return BROKEN
        items = [self.build(type_.item_type, item, (*path, index)) for index, item in enumerate(value)]
        if BROKEN in items:
            return BROKEN
        return tuple(items) if isinstance(type_, inspect.VarTupleType) else items

    def _table(self, type_: inspect.DictType, value: Any, path: Path, help_: Help) -> Any:
        if not isinstance(value, dict):
            return self._wrong(type_, value, path, help_)
        items = {key: self.build(type_.value_type, item, (*path, key)) for key, item in value.items()}
        return BROKEN if BROKEN in items.values() else items

    # Single values ---------------------------------------------------------------------------------------------------

    def _custom(self, type_: inspect.CustomType, value: Any, path: Path, help_: Help) -> Any:
        try:
            decoded = decode_hook(type_.cls, value)
        except ValueError:
            return self._wrong(type_, value, path, help_)
        return decoded if _within(help_.bounds, decoded) else self._wrong(type_, value, path, help_)

    def _scalar(self, type_: inspect.Type, value: Any, path: Path, help_: Help) -> Any:
        """A value that came out of a reference is text, so it is read as the number or switch that belongs there."""
        plain = value
        if path in self._document.written and isinstance(value, str):
            plain = _read_as(type_, value)
        if isinstance(type_, inspect.StrType) and isinstance(plain, str) and "\0" in plain:
            self.report(path, "holds a NUL character; leave it out")
            return BROKEN
        if _fits(type_, plain) and _within(bounds_of(type_), plain):
            if help_.is_file:
                return self.beside(path, plain)
            return float(plain) if isinstance(type_, inspect.FloatType) else plain
        hint = ""
        if isinstance(type_, inspect.LiteralType) and isinstance(value, str) and path not in self._document.written:
            hint = closest(value, map(str, type_.values))
        return self._wrong(type_, value, path, help_, hint)


def _culprit(message: str, names: list[str], fields: dict[str, Any]) -> tuple[str, ...]:
    """The key that an error of a Struct's own check is about: (name,), or () if that stays open.

    That is the field named in backticks or by the first word, one that the user wrote before one that is absent; else the
    field whose value is repeated.
    """
    named = [*re.findall(r"`(\w+)`", message), *re.findall(r"^\w+", message)]
    repeated = [name for name, value in fields.items() if isinstance(value, str) and value and repr(value) in message]
    for name in [*(name for name in named if name in fields), *(name for name in named if name in names), *repeated]:
        return (name,)
    return ()


_PYTHON: dict[type, type] = {inspect.IntType: int, inspect.FloatType: float, inspect.BoolType: bool}


def _read_as(type_: inspect.Type, text: str) -> Any:
    target = _PYTHON.get(type(type_))
    try:
        return msgspec.convert(text, target, strict=False) if target else text
    except msgspec.ValidationError:
        return text


def _fits(type_: inspect.Type, value: Any) -> bool:
    match type_:
        case inspect.LiteralType(values=values):
            return any(value == known and type(value) is type(known) for known in values)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) != float("inf")
        case inspect.StrType(pattern=pattern, min_length=shortest):
            fits = isinstance(value, str) and len(value) >= (shortest or 0)
            return fits and (pattern is None or re.search(pattern, value) is not None)
        case _:
            return True


def _takes(type_: inspect.Type, value: Any) -> bool:
    """Whether `value` is of the kind of this option of a union, so that its problems are that option's."""
    match type_:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.ListType() | inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.CustomType():
            return isinstance(value, str)
        case _:
            return _fits(type_, value)


def _within(bounds: dict[str, Any], value: Any) -> bool:
    return value == value and all(_COMPARE[name](value, bound) for name, bound in bounds.items())
