"""Which line each key of a TOML text stands on: what `tomllib` knows and does not tell.

    source text -> scan (keys, and over values) -> {("destinations", "hook", "timeout"): 12, ("ingress", 1, "listen"): 9}

Only for text that `tomllib` accepted: the scanner relies on it being well-formed and checks nothing. A key is on the line where it
is first written; a table on the line of its header, or of the first key that implies it. Items of arrays have lines, too.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]
"""Where in the tree: keys of tables, indices of arrays."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_SPACE = re.compile(r"[ \t]*+")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_SCALAR = re.compile(
    r'''"""(?:\\.|[^"\\]|"(?!""))*+"{3,5}'''
    r"""|'''(?:[^']|'(?!''))*+'{3,5}"""
    r"""|"(?:\\.|[^"\\\n])*+"|'[^'\n]*'|[^,\]}\#\r\n]+""",
    re.DOTALL,
)
"""A string of any of the four kinds (the longest delimiter first), or whatever else goes on to the end of its value."""


def key_lines(source: str) -> dict[Path, int]:
    """The line, from 1, of every key, table and array item of `source`, which `tomllib` must have accepted."""
    scan = _Scan(source)
    scan.document()
    return scan.lines


class _Scan:
    def __init__(self, source: str) -> None:
        self.lines: dict[Path, int] = {}
        self._source = source
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", source)]
        self._tables: dict[Path, int] = {}
        """For each array of tables made by headers: the index of its last table."""

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._source):
            if self._source[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        start = self._at
        width = 2 if self._source.startswith("[[", start) else 1
        self._at += width
        *parents, last = self._keys()
        self._at += width
        path: Path = ()
        for key in parents:
            path = self._latest((*path, key), start)
        path = (*path, last)
        if width == 2:
            self._tables[path] = self._tables.get(path, -1) + 1
        return self._latest(path, start)

    def _latest(self, path: Path, start: int) -> Path:
        """`path`, or the last table in it if it is an array of tables: what a header means by it."""
        self._note(path, start)
        if path in self._tables:
            path = (*path, self._tables[path])
            self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        """A dotted key, and the space on either side of it."""
        keys: list[str] = []
        while not keys or self._source[self._at] == ".":
            self._at += bool(keys)
            self._skip(_SPACE)
            keys.append(_unquoted(self._take(_KEY)))
            self._skip(_SPACE)
        return keys

    def _value(self, path: Path) -> None:
        opening = self._source[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            item = (*path, index)
            self._note(item, self._at)
            self._value(item)
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Whether the array or table ends here; steps over its bracket, or over the comma before the next item."""
        self._skip(_BLANK)
        if self._source[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._source[self._at] != bracket:
            return False
        self._at += 1
        return True

    def _note(self, path: Path, at: int) -> None:
        if path not in self.lines:
            self.lines[path] = bisect_right(self._ends, at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._source, self._at)
        self._at = match.end() if match else self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._source, self._at)
        assert match is not None, "not well-formed TOML"
        self._at = match.end()
        return match[0]


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    name: str = tomllib.loads(f"key = {key}")["key"]
    return name
