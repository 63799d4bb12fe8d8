"""The public surface is explicit, complete, documented and typed; and no module keeps anything that changes."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SURFACES = ("doorstep.engine", "doorstep.engine.sdk")
BEYOND = {
    "Catalogue": "for tests: a program takes what is installed",
    "Transport": "for tests",
    "NetSettings": "for tests",
    "Ingress": "what `doorstep run` serves; a program submits",
    "NetworkSettings": "read off a Config, never made by hand",
    "EngineSettings": "read off a Config, never made by hand",
    "DestinationSettings": "read off a Config, never made by hand",
    "HttpSettings": "read off a Config, never made by hand",
    "Mountable": "an Engine, as the mounted app sees it",
    "AlertSettings": "read off a Config, never made by hand",
    "AdminSettings": "read off a Config, never made by hand",
    "InsertSettings": "read off a Config, never made by hand",
    "StdinSettings": "read off a Config, never made by hand",
    "Event": "read off an Envelope, never made by hand",
    "AnyEvent": "read off an Envelope, never made by hand",
    "Receipt": "read off an Envelope, never made by hand",
    "Formed": "what the engine asks of a destination, never made by hand",
    "Use": "what the engine gives a destination, never made by hand",
}
"""Classes in public signatures that a program has no need to name, and why."""
CHANGERS = {
    *("append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse", "add", "discard", "update"),
    *("setdefault", "appendleft", "popleft", "difference_update", "intersection_update", "symmetric_difference_update"),
}
STATEFUL = {"deque", "defaultdict", "Counter", "OrderedDict", "count", "cycle", "Lock", "RLock", "Event", "ContextVar"}
"""What only makes sense to keep in order to change it."""
Trees = Callable[[str], dict[Path, ast.Module]]


def public(surface: str) -> dict[str, Any]:
    module = importlib.import_module(surface)
    return {name: getattr(module, name) for name in module.__all__}


def methods(one: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class itself defines."""
    for name, value in vars(one).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and not name.startswith("_"):
            yield name, function


def written_types(one: Any) -> Iterator[str]:
    """Every annotation that a reader of a public class or function sees."""
    if inspect.isfunction(one):
        yield from map(str, inspect.get_annotations(one).values())
    elif isinstance(one, type):
        yield from map(str, inspect.get_annotations(one).values())
        for _, function in [("__init__", vars(one).get("__init__")), *methods(one)]:
            if inspect.isfunction(function):
                yield from map(str, inspect.get_annotations(function).values())


def classes_named_in(one: Any) -> set[str]:
    """The classes of ours in the annotations of a public class or function."""
    there = vars(sys.modules[one.__module__])
    names = {name for text in written_types(one) for name in re.findall(r"\b[A-Z]\w+", text)}
    return {name for name in names if _is_ours(there.get(name))}


def _is_ours(value: Any) -> bool:
    return isinstance(value, type) and value.__module__.startswith("doorstep.")


@pytest.mark.parametrize("surface", SURFACES)
def test_every_public_name_is_there_once(surface: str) -> None:
    names = importlib.import_module(surface).__all__
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert set(public(surface)) == set(names)


def test_what_is_imported_late_is_what_type_checkers_are_told(trees: Trees) -> None:
    tree = trees("engine")[Path("engine/__init__.py")]
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        (f".{node.module}", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES"
    )
    assert told == {(home, name) for home, names in homes.items() for name in names}
    assert sorted(name for _, name in told) == sorted(public("doorstep.engine"))


@pytest.mark.parametrize("surface", SURFACES)
def test_every_public_name_is_documented(surface: str) -> None:
    announced = {name: one for name, one in public(surface).items() if inspect.isfunction(one) or isinstance(one, type)}
    silent = [name for name, one in announced.items() if not (one.__doc__ or "").strip()]
    for name, one in announced.items():
        if isinstance(one, type):
            silent += [
                f"{name}.{method}" for method, function in methods(one) if not inspect.getdoc(getattr(one, method))
            ]
    assert silent == []


@pytest.mark.parametrize("surface", SURFACES)
def test_every_public_function_says_what_it_takes_and_gives(surface: str) -> None:
    untyped = []
    for name, one in public(surface).items():
        functions = [(name, one)] if inspect.isfunction(one) else list(methods(one)) if isinstance(one, type) else []
        for called, function in functions:
            wanted = set(inspect.signature(function).parameters) - {"self", "cls"} | {"return"}
            untyped += [f"{name} {called} {left}" for left in wanted - set(inspect.get_annotations(function))]
    assert untyped == []


def test_what_public_signatures_name_is_public() -> None:
    names = {name for surface in SURFACES for name in public(surface)}
    named = {
        name
        for surface in SURFACES
        for one in public(surface).values()
        if _has_home(one)
        for name in classes_named_in(one)
    }
    assert named - names - set(BEYOND) == set()


def _has_home(one: Any) -> bool:
    return inspect.isfunction(one) or isinstance(one, type)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    engine: ModuleType = importlib.import_module("doorstep.engine")
    with pytest.raises(AttributeError, match=r"module 'doorstep\.engine' has no attribute 'Fleet'"):
        engine.Fleet  # noqa: B018


def test_importing_the_engine_imports_no_room() -> None:
    code = "import sys, doorstep.engine; print(sorted(name for name in sys.modules if name.startswith('doorstep.engine.')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"PYTHONPATH": str(Path(importlib.import_module("doorstep.engine").__path__[0]).parents[1])},
    )
    assert done.stdout.strip() == "[]"


def test_type_checkers_are_told_that_it_is_typed() -> None:
    assert (Path(importlib.import_module("doorstep.engine").__path__[0]) / "py.typed").is_file()


# No module-level state ------------------------------------------------------------------------------------------------


def changed_in(tree: ast.Module) -> set[str]:
    """Names of a module that its own code changes, or that hold what is only kept in order to be changed."""
    names = {name for node in tree.body for name in _assigned(node)}
    changed = {name for node in tree.body for name in _assigned(node) if _is_stateful(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            changed |= set(node.names)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed.add(ast.unparse(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGERS:
            changed.add(ast.unparse(node.func.value))
    return changed & (names | {"globals()"})


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_stateful(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in STATEFUL


def test_no_module_of_the_engine_keeps_anything_that_changes(trees: Trees) -> None:
    found = {f"{path}: {name}" for path, tree in trees("engine").items() for name in changed_in(tree)}
    assert found == {"engine/__init__.py: globals()"}, "there: public names, imported when they are first asked for"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("seen = []\ndef f(x): seen.append(x)", {"seen"}),
        ("by_name = {}\ndef f(x): by_name[x] = 1", {"by_name"}),
        ("by_name: dict[str, int] = {}\ndef f(x): del by_name[x]", {"by_name"}),
        ("total = 0\ndef f():\n    global total\n    total += 1", {"total"}),
        ("import itertools\nnumbers = itertools.count()", {"numbers"}),
        ("TABLE = {1: 2}\ndef f(x): return TABLE[x]", set()),
        ("TABLE = {1: 2}\ndef f(x):\n    seen = []\n    seen.append(TABLE[x])", set()),
    ],
)
def test_a_module_that_keeps_something_is_told_from_one_that_does_not(code: str, changed: set[str]) -> None:
    assert changed_in(ast.parse(code)) == changed
