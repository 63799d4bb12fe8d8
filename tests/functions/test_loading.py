"""From a file to a function: what is wrong with one is told with its line, and nothing of it is left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
import pytest
from doorstep.engine.errors import ConfigError
from doorstep.engine.functions import load_function
from doorstep.engine.sdk import Secret
from doorstep.engine.sdk.fields import fields

OK = "async def on_track(event, settings, ctx):\n    return 1\n"
HANDLERS = "on_identify, on_track, on_page, on_screen, on_group, on_alias, on_delete, on_batch"

WRONG = {
    "a syntax error": ("def on_track(event:\n    pass\n", [(1, "is not Python: '(' was never closed")]),
    "an exception": ("x = 1\n\n1 / 0\n", [(3, "cannot be loaded: ZeroDivisionError: division by zero")]),
    "an exception below": (
        "def f():\n    raise KeyError('k')\n\nf()\n",
        [(2, "cannot be loaded: KeyError: 'k'")],
    ),
    "an exit": ("import sys\nsys.exit(3)\n", [(2, "cannot be loaded: SystemExit: 3")]),
    "a missing package": (
        "import no_such_package.x\n",
        [(1, "imports no_such_package, which is not installed; install it beside Doorstep")],
    ),
    "no handler": ("x = 1\n", [(None, f"has no handler; write at least one of {HANDLERS}")]),
    "a handler in Segment's spelling": (
        OK + "async def onTrack(event, settings):\n    pass\n",
        [(3, "onTrack is no handler; did you mean on_track?")],
    ),
    "a slip": (
        OK + "def on_pages(event, settings, ctx):\n    pass\n",
        [(3, "on_pages is no handler; did you mean on_page?")],
    ),
    "too few arguments": (
        "def on_track(event, settings):\n    pass\n",
        [(1, "on_track must take three arguments: `async def on_track(event, settings, ctx)`")],
    ),
    "too many arguments": (
        "def on_batch(a, b, c, d):\n    pass\n",
        [(1, "on_batch must take three arguments: `async def on_batch(events, settings, ctx)`")],
    ),
    "a value": (OK + "on_page = 5\n", [(3, "on_page must be a function: `async def on_page(event, settings, ctx)`")]),
    "a generator": (
        "async def on_track(event, settings, ctx):\n    yield 1\n",
        [(1, "on_track must not yield: it is called once and returns")],
    ),
    "settings": (
        "from doorstep.engine.sdk import setting\n"
        "class Settings:\n"
        "    url = setting('URL')\n"
        "    when: object = setting('When')\n"
        "    many: int = setting('Many', secret=True)\n"
        "    name: str = setting('Name', default=3)\n"
        "    both: str = setting('Both', default='x', required=True)\n"
        "    gone: Nothing = setting('Gone')\n" + OK,
        [
            (3, "Settings.url has no type; write `url: str = setting(...)`"),
            (
                4,
                "Settings.when is not of a type that settings can have; write str, bool, int, float, list[str] or dict[str, str]",
            ),
            (5, "Settings.many cannot be secret: only str, list[str] and dict[str, str] can"),
            (6, "Settings.name has a default of another type (int)"),
            (7, "Settings.both is required, so its default is never used; leave one of the two out"),
            (
                8,
                "Settings.gone is not of a type that settings can have; write str, bool, int, float, list[str] or dict[str, str]",
            ),
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in WRONG.items()])
def test_what_is_wrong_is_told_with_its_line(
    write_function: Callable[[str], str], text: str, expected: list[tuple[int | None, str]]
) -> None:
    path, modules = write_function(text), set(sys.modules)
    with pytest.raises(ConfigError) as caught:
        load_function(path)
    told = [(problem.line, problem.message) for problem in caught.value.problems]
    # A name that is nowhere makes all annotations strings, so all of them are refused; elsewhere the list is exact.
    assert [one for one in expected if one not in told] == [] or "Nothing" in text
    assert {problem.file for problem in caught.value.problems} == {path}
    assert {name for name in set(sys.modules) - modules if name.startswith("doorstep_function")} == set()


def test_a_file_that_is_not_there_is_a_problem() -> None:
    with pytest.raises(ConfigError, match=r"nowhere/f\.py: cannot be read: No such file or directory"):
        load_function("nowhere/f.py")


def test_a_file_that_does_not_end_is_a_problem_with_the_line_it_was_at(write_function: Callable[[str], str]) -> None:
    path = write_function("n = 0\nwhile True:\n    n += 1\n")
    with pytest.raises(
        ConfigError, match=r"takes longer than 0\.1 s to load, at teams\.py:[23]; do such work in a handler"
    ):
        load_function(path, limit_s=0.1)


def test_two_loads_of_one_file_share_nothing(write_function: Callable[[str], str]) -> None:
    path = write_function("seen = []\n" + OK)
    one, other = load_function(path).function, load_function(path).function
    assert one.module.seen is not other.module.seen
    assert one.digest == other.digest
    assert one.module.__name__ != other.module.__name__


def test_dataclasses_and_late_annotations_work(write_function: Callable[[str], str]) -> None:
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from doorstep.engine.sdk import setting\n"
        "@dataclass\n"
        "class Plan:\n"
        "    name: str\n"
        "    known: ClassVar[int] = 3\n"
        "class Settings:\n"
        "    plans: list[str] = setting('Plans', default=['pro'])\n" + OK
    )
    assert load_function(write_function(text))().plans == ["pro"]


def test_without_settings_there_is_an_api_key_as_in_segment(write_function: Callable[[str], str]) -> None:
    struct = load_function(write_function(OK))
    assert [(field.name, field.type, field.required, field.secret) for field in fields(struct)] == [
        ("apiKey", "secret", False, True)
    ]
    assert repr(struct(apiKey=Secret("k-123"))) == "FunctionSettings(apiKey=Secret('***'))"


def test_settings_are_what_their_declarations_say(write_function: Callable[[str], str]) -> None:
    text = (
        "from doorstep.engine.sdk import setting\n"
        "class Settings:\n"
        "    url: str = setting('Where to', required=True, secret=True, description='The webhook.')\n"
        "    on: bool = setting('On')\n"
        "    most: int = setting('Most', default=5)\n"
        "    share: float = setting('Share')\n"
        "    names: list[str] = setting('Names')\n"
        "    labels: dict[str, str] = setting('Labels', default={'a': 'b'}, secret=True)\n" + OK
    )
    struct = load_function(write_function(text))
    shown = [(f.name, f.type, f.required, f.default, f.description, f.secret) for f in fields(struct)]
    assert shown == [
        ("url", "secret", True, None, "The webhook.", True),
        ("on", "boolean", False, False, "On", False),
        ("most", "integer", False, 5, "Most", False),
        ("share", "number", False, 0.0, "Share", False),
        ("names", "list of string", False, [], "Names", False),
        ("labels", "table of secret", False, {"a": "***"}, "Labels", True),
    ]
    with pytest.raises(ValueError, match="`url`: is empty; it is required"):
        struct(url=Secret(""))
    one, other = struct(url=Secret("x")), struct(url=Secret("x"))
    assert one == other
    assert msgspec.structs.asdict(one)["names"] is not msgspec.structs.asdict(other)["names"]
