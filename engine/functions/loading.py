"""From a file to a function, or every problem that it has: each with the line of the file.

bytes -> compile -> execute, in a module of its own and within a time -> handlers, class Settings -> type[FunctionSettings]
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
import re
import sys
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..errors import ConfigError, Problem
from .declared import settings_of
from .function import HANDLERS, ON_BATCH, Function, FunctionSettings, Handler
from .interrupt import OutOfTime, place_of_error, within

LOAD_S = 5.0
"""How long executing a file may take."""
_NAMES = [*HANDLERS.values(), ON_BATCH]
_CAMEL = re.compile(r"on[A-Z]\w*")
_SHAPE = "(event, settings, ctx)"


def load_function(path: str, *, limit_s: float = LOAD_S) -> type[FunctionSettings]:
    """The Struct for the function's settings; the function itself is its `function`. Executes the file. Raises ConfigError."""
    source, code, tree = _compiled(path)
    name = f"doorstep_function_{re.sub(r'[^A-Za-z0-9_]', '_', Path(path).stem)}_{uuid.uuid4().hex}"
    module = ModuleType(name)
    module.__file__ = path
    # Dataclasses and the like look their module up there. No other load has this name; it goes with the function.
    sys.modules[name] = module
    try:
        within(limit_s, lambda: exec(code, module.__dict__), path)
        return _examined(path, source, module, tree)
    except ConfigError:
        del sys.modules[name]
        raise
    except TimeoutError as error:
        del sys.modules[name]
        message = f"takes longer than {limit_s:g} s to load, at {error}; do such work in a handler"
        raise _error(path, message, _line_in(str(error))) from None
    except BaseException as error:  # whatever a stranger's code does, SystemExit too, is that file's trouble
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _error(path, _told(error), place_of_error(error, path)[1]) from error


def _compiled(path: str) -> tuple[bytes, CodeType, ast.Module]:
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror or error}") from None
    try:
        tree = ast.parse(source, path)
        return source, compile(tree, path, "exec", dont_inherit=True), tree
    except SyntaxError as error:
        raise _error(path, f"is not Python: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _error(path, f"is not Python: {error}") from None


def _told(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"imports {error.name}, which is not installed; install it beside Doorstep"
    if isinstance(error, OutOfTime):
        return "takes too long to load"
    return f"cannot be loaded: {type(error).__name__}: {error}".removesuffix(": ")


def _examined(path: str, source: bytes, module: ModuleType, tree: ast.Module) -> type[FunctionSettings]:
    problems = [Problem("", message, path, line) for message, line in _misnamed(module, tree)]
    handlers: dict[str, Handler] = {}
    for name in _NAMES:
        value = vars(module).get(name)
        if value is None:
            continue
        line = _line_of(value, tree, name)
        wrong = _wrong_with(name, value)
        if wrong:
            problems.append(Problem("", wrong, path, line))
        handlers[name] = Handler(name, value, line or 0)
    if not handlers and not problems:
        problems.append(Problem("", f"has no handler; write at least one of {', '.join(_NAMES)}", path))
    by_type = {type_: handlers[name] for type_, name in HANDLERS.items() if name in handlers}
    digest = hashlib.sha256(source).hexdigest()[:32]
    function = Function(path, digest, by_type, handlers.get(ON_BATCH), module)
    struct = _settings(function, module, tree, problems)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    assert struct is not None
    weakref.finalize(function, sys.modules.pop, module.__name__, None).atexit = False
    return struct


def _misnamed(module: ModuleType, tree: ast.Module) -> Iterator[tuple[str, int | None]]:
    """Names that look like a slip: `onTrack`, `on_tracks`. A handler that is never called would lose events in silence."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in _NAMES:
            continue
        if _CAMEL.fullmatch(node.name):
            wanted = re.sub(r"(?<!^)(?=[A-Z])", "_", node.name).lower()
            near = difflib.get_close_matches(wanted, _NAMES, n=1, cutoff=0.85)
        else:
            near = difflib.get_close_matches(node.name, _NAMES, n=1, cutoff=0.85) if node.name.startswith("on_") else []
        if near:
            yield f"{node.name} is no handler; did you mean {near[0]}?", node.lineno


def _wrong_with(name: str, value: Any) -> str:
    if not callable(value) or isinstance(value, type):
        return f"{name} must be a function: `async def {name}{_SHAPE}`"
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        return f"{name} must not yield: it is called once and returns"
    try:
        inspect.signature(value).bind(None, None, None)
    except TypeError:
        return f"{name} must take three arguments: `async def {name}{_SHAPE if name != ON_BATCH else '(events, settings, ctx)'}`"
    except ValueError:  # written in C: it will be seen when it is called
        return ""
    return ""


def _settings(
    function: Function, module: ModuleType, tree: ast.Module, problems: list[Problem]
) -> type[FunctionSettings] | None:
    declared = vars(module).get("Settings")
    if declared is not None and (not isinstance(declared, type) or declared.__module__ != module.__name__):
        declared = None
    made = settings_of(function, declared, module.__dict__)
    if isinstance(made, type):
        return made
    lines = {
        node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else "": node.lineno
        for one in tree.body
        if isinstance(one, ast.ClassDef) and one.name == "Settings"
        for node in one.body
    }
    problems += [
        Problem("", f"Settings.{name} {message}", function.path, lines.get(name)) for name, message in made.items()
    ]
    return None


def _line_of(value: Any, tree: ast.Module, name: str) -> int | None:
    if isinstance(value, FunctionType):
        return value.__code__.co_firstlineno
    for node in tree.body:
        names = {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)}
        if name in names:
            return node.lineno
    return None


def _line_in(place: str) -> int | None:
    match = re.search(r":(\d+)", place)
    return int(match[1]) if match else None


def _error(path: str, message: str, line: int | None = None) -> ConfigError:
    return ConfigError([Problem("", message, path, line)])
