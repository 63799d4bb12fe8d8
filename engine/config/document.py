"""Configuration as text: files read and merged, references filled in, and where each value came from.

    files -> parse -> overlay (later wins) -> resolve (${env:...}, ${file:...}) -> Document(tree, places, written)

Knows TOML and nothing of what the keys mean. Resolving comes after merging, so that a reference which a later file overrules may
be missing, and so that a file's path is relative to the file that names it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, Final

import msgspec

from ..errors import Problem
from .positions import Path, key_lines


class Broken(Enum):
    """Stands for a value of which it is already known, and reported, that it is wrong."""

    BROKEN = "broken"


BROKEN: Final = Broken.BROKEN

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\})?")
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_SCHEME = re.compile(r"^[a-z]+://")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Place(msgspec.Struct, frozen=True):
    """Where something is written; `file` is "" for a text that is no file."""

    file: str
    line: int


class Document(msgspec.Struct):
    """A tree of TOML values, and where each key of it stands."""

    tree: dict[str, Any] = {}
    places: dict[Path, Place] = {}
    written: dict[Path, tuple[str, str]] = {}
    """For each string that held references: (these, as it became). Only the former may be shown."""
    files: list[str] = []

    def place(self, path: Path) -> Place:
        """Of `path`, or of the nearest table around it that is written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place(self.files[0] if len(self.files) == 1 else "", 0)

    def problem(self, path: Path, message: str) -> Problem:
        """What is wrong at `path`, without the value of any reference there."""
        place = self.place(path)
        return Problem(dotted(path), self._veiled(path, message), place.file, place.line or None)

    def _veiled(self, path: Path, message: str) -> str:
        for where, (reference, value) in self.written.items():
            if where[: len(path)] == path:
                message = veil(message, value, reference)
        return message


def dotted(path: Path) -> str:
    """`destinations.hook.batch`, `ingress[1].listen`, `destinations."my hook"`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            quoted = key if _BARE_KEY.fullmatch(key) else msgspec.json.encode(key).decode()
            text += f".{quoted}" if text else quoted
    return text


def veil(message: str, value: str, reference: str) -> str:
    """`message` with `value` shown as what it was written as.

    Errors of a destination's own checks may repeat a part of a value, too; eight characters in a row are enough to be silent.
    """
    if len(value) >= 4:
        message = message.replace(value, reference)
    telling = _SCHEME.sub("", value)
    shown = message.replace(reference, "")
    if any(telling[start : start + 8] in shown for start in range(len(telling) - 7)):
        return f"is refused (the reason is withheld: it repeats the value of {reference})"
    return message


# Reading and merging -------------------------------------------------------------------------------------------------


def read(file: str) -> Document | Problem:
    """The document in `file`; a Problem if it cannot be read or is not TOML."""
    try:
        text = FilePath(file).read_text("utf-8-sig")
    except OSError as error:
        return Problem("", f"cannot be read: {error.strerror or error}", file)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem("", "is not UTF-8; save it as UTF-8", file, line)
    return parse(text, file)


def parse(text: str, file: str = "") -> Document | Problem:
    """The document in `text`; a Problem at the place where it stops being TOML."""
    try:
        tree = tomllib.loads(text)
        lines = key_lines(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        return _syntax_problem(str(error), text, file)
    except RecursionError:
        return Problem("", "is nested too deeply to be read", file)
    return Document(tree, {path: Place(file, line) for path, line in lines.items()}, {}, [file])


def _syntax_problem(message: str, text: str, file: str) -> Problem:
    match = _SYNTAX.fullmatch(message)
    if match is None:
        return Problem("", f"is not TOML: {message}", file)
    if match[2] is None:
        return Problem("", f"is not TOML: {match[1]} at the end of the file", file, text.rstrip("\n").count("\n") + 1)
    return Problem("", f"is not TOML: {match[1]} in column {match[3]}", file, int(match[2]))


def overlay(base: Document, later: Document) -> Document:
    """Both in one: tables are merged however deep they are, everything else is replaced by `later`."""
    replaced: set[Path] = set()
    tree = _merged(base.tree, later.tree, (), replaced)
    kept = {
        path: place
        for path, place in base.places.items()
        if not any(path[:length] in replaced for length in range(1, len(path) + 1))
    }
    return Document(tree, kept | later.places, {}, base.files + later.files)


def _merged(base: dict[str, Any], later: dict[str, Any], path: Path, replaced: set[Path]) -> dict[str, Any]:
    tree = dict(base)
    for key, value in later.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            tree[key] = _merged(base[key], value, (*path, key), replaced)
        else:
            tree[key] = value
            replaced.add((*path, key))
    return tree


# References ----------------------------------------------------------------------------------------------------------


def resolve(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    """`document` with every reference filled in; a string whose reference is missing becomes BROKEN, with a Problem."""
    resolver = _Resolver(document, environ)
    tree = resolver.value(document.tree, ())
    return Document(tree, document.places, resolver.written, document.files), resolver.problems


class _Resolver:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.written: dict[Path, tuple[str, str]] = {}
        self.problems: list[Problem] = []
        self._document = document
        self._environ = environ

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) and "${" in value else value

    def _text(self, raw: str, path: Path) -> Any:
        folder = FilePath(self._document.place(path).file).parent
        failures: list[str] = []
        references: list[str] = []

        def fill(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            references.append("${" + match[1].partition(":-")[0] + "}")
            try:
                return self._look_up(match, folder)
            except LookupError as error:
                failures.append(str(error.args[0]))
                return ""

        text = _REFERENCE.sub(fill, raw)
        if failures:
            self.problems += [self._document.problem(path, failure) for failure in failures]
            return BROKEN
        if references:
            self.written[path] = (" ".join(references), text)
        return text

    def _look_up(self, match: re.Match[str], folder: FilePath) -> str:
        """What one reference stands for. Raises LookupError with what is wrong."""
        kind, colon, name = match[1].partition(":")
        source: Callable[[str, FilePath], str] | None = {"env": self._variable, "file": self._file}.get(kind)
        if not match[2]:
            raise LookupError("a ${ has no closing brace; write ${env:NAME}, or $${ for a literal ${")
        if "${" in match[1]:
            raise LookupError(f"{match[0]} has a ${{ within; a default is plain text")
        if source is None or not colon or not name:
            raise LookupError(
                f"{match[0]} is no reference; write ${{env:NAME}}, ${{env:NAME:-default}} or ${{file:PATH}}, "
                "or $${ for a literal ${"
            )
        return source(name, folder)

    def _variable(self, name: str, folder: FilePath) -> str:
        """As in a shell, the default also stands in for a variable that is empty."""
        name, has_default, default = name.partition(":-")
        if name not in self._environ and not has_default:
            raise LookupError(f"the environment variable {name} is not set; set it or write ${{env:{name}:-default}}")
        value = self._environ.get(name, "")
        try:
            value.encode()  # Python holds the bytes of others as surrogates
        except UnicodeEncodeError:
            raise LookupError(f"the environment variable {name} is not UTF-8 text") from None
        return value or default

    def _file(self, name: str, folder: FilePath) -> str:
        try:
            text = (folder / name).read_text("utf-8")
        except OSError as error:
            raise LookupError(f"the file {name} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise LookupError(f"the file {name} is not UTF-8 text") from None
        except ValueError as error:  # a NUL in its name
            raise LookupError(f"the file {name!r} cannot be read: {error}") from None
        return text.removesuffix("\n").removesuffix("\r")
