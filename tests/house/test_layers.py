"""The picture of DESIGN.md, section 3, held: imports go downward only, and rooms on one line do not know each other."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

LAYERS = (
    ("cli",),
    ("app",),
    ("tester",),
    ("planning",),
    ("config",),
    ("pipeline", "ingress", "catalogue", "scaffold", "admin"),
    ("delivery",),
    ("functions",),
    ("journal", "net"),
    ("sdk", "telemetry"),
    ("policy", "routing", "mapping"),
    ("privacy",),
    ("model",),
    ("settings",),
    ("errors", "units", "clock", "secret", "text", "version", "waker"),
)
HEIGHT = {room: -row for row, rooms in enumerate(LAYERS) for room in rooms}
PURE = ("policy", "routing", "mapping", "privacy", "model")
IMPURE = {
    *(
        "anyio",
        "trio",
        "asyncio",
        "sniffio",
        "uvloop",
        "http",
        "aiohttp",
        "httpcore2",
        "httpx2",
        "socket",
        "ssl",
        "select",
    ),
    *("selectors", "os", "io", "pathlib", "tempfile", "shutil", "subprocess", "signal", "threading", "multiprocessing"),
    *("concurrent", "queue", "time", "random", "secrets", "uuid", "logging", "sys", "contextvars"),
}
"""What waits, reads a clock, draws lots, touches the machine, or talks."""
CLOCKS = {"now", "utcnow", "today"}
IMPORTS_BY_NAME = {
    "engine/__init__.py": "a public name when it is first asked for",
    "engine/catalogue.py": "the destinations, which nobody may know by name",
    "engine/cli/commands.py": "the command that is used",
}
"""Files that import what no `import` statement shows, and what that is."""


class Import(Protocol):
    """As in conftest.py."""

    place: str
    name: str
    is_relative: bool


Imports = Callable[[str], list[Import]]
Trees = Callable[[str], dict[Path, ast.Module]]


def room_of(name: str) -> str | None:
    """The room of something imported, or of a file; "" for the engine's public surface; None for what is not the engine's."""
    parts = name.split(":")[0].removesuffix(".py").replace("/", ".").removeprefix("doorstep.").split(".")
    if parts[0] != "engine":
        return None
    return parts[1] if parts[1:2] and parts[1] != "__init__" else ""


def edges(imports: Iterable[Import]) -> Iterator[tuple[Import, str, str]]:
    """Each import from one room of the engine into another, with both rooms."""
    for one in imports:
        room, other = room_of(one.place), room_of(one.name)
        if room and other is not None and room != other:
            yield one, room, other


def shown(imports: Iterable[Import]) -> list[str]:
    return [f"{one.place} imports {one.name}" for one in imports]


def test_every_room_is_in_the_picture(root: Path) -> None:
    rooms = {
        path.stem for path in (root / "engine").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert rooms - {"__init__"} <= set(HEIGHT)


def test_contributors_are_shown_this_picture(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = [tuple(line.strip().split("   ")[0].split(" | ")) for line in text.splitlines() if line.startswith("    ")]
    here = [tuple(room for room in rooms if next((root / "engine").glob(f"{room}*"), None)) for rooms in LAYERS]
    wanted = [rooms for rooms in here if rooms]
    assert [rooms for rooms in shown if rooms[0] in HEIGHT] == wanted


def test_imports_go_downward_only(imports: Imports) -> None:
    below = [one for one, room, other in edges(imports("engine")) if HEIGHT.get(other, 1) >= HEIGHT[room]]
    assert shown(below) == []


def test_the_engine_imports_itself_relatively(imports: Imports) -> None:
    assert shown(one for one in imports("engine") if not one.is_relative and one.name.startswith("doorstep")) == []


def test_pure_rooms_import_nothing_that_waits_reads_a_clock_or_touches_the_machine(imports: Imports) -> None:
    impure = [one for one in imports("engine") if room_of(one.place) in PURE and one.name.split(".")[0] in IMPURE]
    assert shown(impure) == []


def test_pure_rooms_ask_no_clock(trees: Trees) -> None:
    asked = [
        f"{path}:{node.lineno} {node.func.attr}()"
        for path, tree in trees("engine").items()
        if room_of(str(path)) in PURE
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert asked == []


def test_modules_do_not_import_each_other_in_circles(imports: Imports, trees: Trees) -> None:
    modules = {f"doorstep.{path.with_suffix('').as_posix().replace('/', '.')}" for path in trees("engine")}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for one in imports("engine"):
        module = f"doorstep.{one.place.split(':')[0].removesuffix('.py').replace('/', '.')}"
        graph[module] |= {name for name in (one.name, one.name.rpartition(".")[0]) if name in modules}
    graphlib.TopologicalSorter(graph).prepare()


def test_nothing_knows_a_destination_by_name(imports: Imports) -> None:
    named = [
        one for folder in ("engine", "bench") for one in imports(folder) if "destinations" in one.name.split(".")[:2]
    ]
    assert shown(named) == []


def test_nothing_else_is_imported_by_a_name_that_is_put_together(trees: Trees) -> None:
    names = {"import_module", "__import__"}
    found = {
        path.as_posix()
        for path, tree in trees("engine").items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in names) or (isinstance(node, ast.Attribute) and node.attr in names)
    }
    assert found == set(IMPORTS_BY_NAME)


def test_a_destination_knows_the_sdk_and_itself(imports: Imports) -> None:
    strange = [one for one in imports("destinations") if not may_import(one)]
    assert shown(strange) == []


def may_import(one: Import) -> bool:
    """Whether a destination may: the SDK, what is in its own folder, and what is none of ours."""
    own = f"doorstep.destinations.{one.place.split('/')[1]}."
    if one.name.split(".")[0] == "doorstep":
        return one.name.startswith(("doorstep.engine.sdk.", own))
    return one.name.split(".")[0] not in ("engine", "destinations", "bench")


# That these tests can fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "code", "name"),
    [
        ("engine/policy/retry.py", "from ..delivery.plan import Plan", "doorstep.engine.delivery.plan.Plan"),
        ("engine/policy/retry.py", "from .. import delivery", "doorstep.engine.delivery"),
        ("engine/policy/retry.py", "from .due import seconds_left", "doorstep.engine.policy.due.seconds_left"),
        ("engine/policy/__init__.py", "from . import due", "doorstep.engine.policy.due"),
        ("engine/app.py", "if True:\n    from .net import wire", "doorstep.engine.net.wire"),
        ("engine/app.py", "def f():\n    import asyncio.events", "asyncio.events"),
        ("destinations/webhook/destination.py", "from ..console import x", "doorstep.destinations.console.x"),
    ],
)
def test_an_import_is_read_as_the_interpreter_reads_it(
    imports_in: Callable[[str, str], list[Import]], place: str, code: str, name: str
) -> None:
    assert [one.name for one in imports_in(place, code)] == [name]


@pytest.mark.parametrize(
    ("place", "code", "is_upward"),
    [
        ("engine/policy/retry.py", "from ..delivery import Plan", True),
        ("engine/policy/retry.py", "from ..routing import Route", True),
        ("engine/privacy/fields.py", "from ..routing import Route", True),
        ("engine/routing/table.py", "from ..privacy import consents", False),
        ("engine/errors.py", "from .model import Event", True),
        ("engine/policy/retry.py", "from .. import Engine", True),
        ("engine/delivery/actor.py", "from ..policy import due", False),
        ("engine/delivery/actor.py", "from .state import DestinationState", False),
    ],
)
def test_upward_and_sideways_imports_are_told_from_others(
    imports_in: Callable[[str, str], list[Import]], place: str, code: str, is_upward: bool
) -> None:
    found = [one for one, room, other in edges(imports_in(place, code)) if HEIGHT.get(other, 1) >= HEIGHT[room]]
    assert bool(found) is is_upward


@pytest.mark.parametrize(
    ("code", "is_allowed"),
    [
        ("from doorstep.engine.sdk import Batch", True),
        ("import msgspec", True),
        ("from .destination import Webhook", True),
        ("from doorstep.engine.model.event import Event", False),
        ("from doorstep.engine import Engine", False),
        ("from ..console.destination import Console", False),
        ("from doorstep.destinations.console.destination import Console", False),
        ("import destinations.console", False),
    ],
)
def test_what_a_destination_may_not_import_is_told_from_what_it_may(
    imports_in: Callable[[str, str], list[Import]], code: str, is_allowed: bool
) -> None:
    [one] = imports_in("destinations/webhook/destination.py", code)
    assert may_import(one) is is_allowed
