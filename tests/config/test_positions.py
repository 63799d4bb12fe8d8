"""The scanner against `tomllib` (the same keys) and against a writer that knows where it put each key (the same lines)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from doorstep.engine.config.positions import Path, key_lines
from hypothesis import given, settings
from hypothesis import strategies as st

ONE_LINE = [
    "1",
    "1.5e3",
    "true",
    "nan",
    "1979-05-27 07:32:00",
    "07:32:00",
    '"]}#,=."',
    "'\"[x]'",
    '"a\\"b # \\\\"',
    '""',
    "''",
]
LINES = [
    '"""\n[x]\na = "" 1\n"""',
    "'''\n# 'x' ]\n'''",
    '"""two "" and five"""""',
    "''' }''' ",
    '"""\\\n  a\\""" b"""',
    '""""""',
]
KEYS = ["a", "b-c", "4", '"q.u"', "'li # t'", '"e\\"s\\u0041"', "x", "true", '""']
BLANKS = ["", "# [not] = here", "   # \" ''' {", "\t"]


class Writer:
    """Writes random TOML and notes the line of every key as it goes."""

    def __init__(self, data: st.DataObject) -> None:
        self.lines = [""]
        self.expected: dict[Path, int] = {}
        self.data = data

    def draw(self, options: list[Any]) -> Any:
        return self.data.draw(st.sampled_from(options))

    def put(self, text: str) -> None:
        first, *rest = text.split("\n")
        self.lines[-1] += first
        self.lines += rest

    def note(self, path: Path) -> None:
        self.expected.setdefault(path, len(self.lines))

    def keys(self, count: int) -> list[str]:
        return self.data.draw(st.lists(st.sampled_from(KEYS), max_size=count, unique=True))

    def pairs(self, path: Path, depth: int, separator: str, keys: list[str]) -> None:
        for index, key in enumerate(keys):
            self.put(separator if index and separator != "\n" else "")
            dotted = [key, *self.draw([[], [], ["x"], ['"q.u"', "a"]])]
            where = path
            for part in dotted:
                where = (*where, name(part))
                self.note(where)
            self.put(self.draw([".", " . "]).join(dotted) + self.draw(["=", " = ", "\t= "]))
            self.value(where, depth)
            if separator == "\n":
                self.put(self.draw(["\n", " # c\n", "\n\n"]))

    def value(self, path: Path, depth: int) -> None:
        kind = self.draw(["one", "one", "lines", "array", "table"]) if depth else "one"
        if kind in ("one", "lines"):
            self.put(self.draw(ONE_LINE if kind == "one" else LINES))
        elif kind == "table":
            self.put("{ ")
            self.pairs(path, depth - 1, " , ", self.keys(3))
            self.put(" }")
        else:
            self.array(path, depth)

    def array(self, path: Path, depth: int) -> None:
        self.put("[")
        for index in range(self.draw([0, 1, 3])):
            self.put(self.draw(["", "\n", " # [\n  "]))
            self.note((*path, index))
            self.value((*path, index), depth - 1)
            self.put(self.draw([",", " ,", " # ]\n,"]))
        self.put(self.draw(["", "\n"]) + "]")

    def document(self) -> str:
        self.pairs((), 2, "\n", self.keys(4))
        for key in self.keys(4):
            many = self.draw([0, 0, 1, 3])
            top = f"T{key}" if key[0] not in "\"'" else key[0] + "T" + key[1:]
            for index in range(many or 1):
                self.put(self.draw(BLANKS) + "\n")
                path: Path = (name(top),)
                self.note(path)
                if many:
                    path = (*path, index)
                    self.note(path)
                self.put(f"[[{top}]]\n" if many else f"[ {top} ]\n")
                self.pairs(path, 2, "\n", self.keys(3))
                self.inner(top, path)
        return "\n".join(self.lines)

    def inner(self, top: str, path: Path) -> None:
        """A table in the table (or in the last of its kind), and a list of tables in it."""
        self.note((*path, "In"))
        self.put(f"[{top} . In]\n")
        self.pairs((*path, "In"), 1, "\n", self.keys(2))
        for index in range(self.draw([0, 2])):
            self.note((*path, "list"))
            self.note((*path, "list", index))
            self.put(f'[[{top}."list"]] # c\n')
            self.pairs((*path, "list", index), 1, "\n", self.keys(2))


def name(key: str) -> str:
    return next(iter(tomllib.loads(f"{key} = 1")))


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


@settings(deadline=None)
@given(st.data())
def test_every_key_is_found_on_the_line_where_it_was_written(data: st.DataObject) -> None:
    writer = Writer(data)
    source = writer.document()
    tree = tomllib.loads(source)
    assert key_lines(source) == writer.expected
    assert set(writer.expected) == set(paths(tree))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", {}),
        ("# only a comment", {}),
        ("a = 1", {("a",): 1}),
        ("\n\na.b = 1\na.c = 2", {("a",): 3, ("a", "b"): 3, ("a", "c"): 4}),
        ('a = """\n\n"""\nb = 2', {("a",): 1, ("b",): 4}),
        ("[a.b]\n[a]\nc = 1", {("a",): 1, ("a", "b"): 1, ("a", "c"): 3}),
        ("[[a]]\n[[a]]\nb = 1", {("a",): 1, ("a", 0): 1, ("a", 1): 2, ("a", 1, "b"): 3}),
        ("[[a]]\n[a.b]\n[[a]]\n[a.b]", {("a",): 1, ("a", 0): 1, ("a", 0, "b"): 2, ("a", 1): 3, ("a", 1, "b"): 4}),
        ("a = [\n1,\n2]", {("a",): 1, ("a", 0): 2, ("a", 1): 3}),
    ],
)
def test_lines_of_small_texts(source: str, expected: dict[Path, int]) -> None:
    assert key_lines(source) == expected
