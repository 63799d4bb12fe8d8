"""Directives that give texts: `@path` reads, `@template` fills in, `@case` and `@replace` change."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import UnmappableEvent
from .nodes import NOTHING, Code, Keep, Scope, options_in
from .paths import Read, reader, split, unrooted
from .values import is_falsy, length, real_type, text_of, trimmed

Change: TypeAlias = Callable[[str], str]

_TRIPLE = re.compile(r"\{\{\{([^}]+)\}\}\}")
_DOUBLE = re.compile(r"\{\{([^}]+)\}\}")
_LONGEST_PATTERN = 10
_CASES: dict[object, Change] = {"lower": str.lower, "upper": str.upper}


# @path ---------------------------------------------------------------------------------------------------------------


def path(options: Any, scope: Scope, keep: Keep) -> Code:
    """What is at a path of the payload. The path itself can come from a directive."""
    if isinstance(options, str):
        return scope.path(split(unrooted(options)))
    read_path = scope.compile(options).run
    scope.anything()

    def run(payload: Any) -> Any:
        return reader(split(unrooted(_text("@path", read_path(payload)))))(payload)

    return Code(run).like(scope.path(()))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UnmappableEvent(f"{name}: expected string, got {real_type(value)}")
    return value


# @template -----------------------------------------------------------------------------------------------------------


def template(options: Any, scope: Scope, keep: Keep) -> Code:
    """A text with values in the place of `{{ path }}`."""
    if isinstance(options, str) and not _TRIPLE.search(options):
        return Code(_filled(options, scope))
    read_template = scope.compile(options).run
    scope.anything()  # what {{{ }}} brings in may hold {{ }}, and that can name anything
    return Code(lambda payload: render(_text("@template", read_template(payload)), payload))


def render(text: str, payload: Any) -> str:
    """`text` filled in: first `{{{ }}}`, then, in what has become of it, `{{ }}`."""

    def value(match: re.Match[str]) -> str:
        return text_of(reader(split(trimmed(match[1])))(payload))

    return _DOUBLE.sub(value, _TRIPLE.sub(value, text))


def _filled(text: str, scope: Scope) -> Read:
    """A template that is known, and has no `{{{ }}}`: taken apart once."""
    pieces = _DOUBLE.split(text)
    fixed, reads = pieces[::2], [scope.path(split(trimmed(name))).run for name in pieces[1::2]]
    if not reads:
        return lambda payload: text
    if len(reads) == 1:
        return _around(fixed[0], reads[0], fixed[1])

    def run(payload: Any) -> str:
        parts = [fixed[0]]
        for read, after in zip(reads, fixed[1:], strict=True):
            value = read(payload)
            parts += (value if type(value) is str else text_of(value), after)
        return "".join(parts)

    return run


def _around(before: str, read: Read, after: str) -> Read:
    def run(payload: Any) -> str:
        value = read(payload)
        return f"{before}{value if type(value) is str else text_of(value)}{after}"

    return run


def placeholders(text: str) -> list[str]:
    """The names between `{{` and `}}`, as they are written."""
    return re.findall(r"\{\{(.*?)\}\}", text)


# @case ---------------------------------------------------------------------------------------------------------------


def case(options: Any, scope: Scope, keep: Keep) -> Code:
    """A text in lower or upper case; what is no text as it is."""
    operator, value = options_in(options, "operator"), options_in(options, "value")
    if is_falsy(operator):
        return scope.failing('@case requires a "operator" key')
    if is_falsy(value):
        return NOTHING
    code = scope.compile(value, "value", keep=keep)
    change = _CASES.get(operator) if isinstance(operator, str) else None
    run = _changed(code.run, change) if change else _no_such_case(code.run)
    return Code(run).like(code)


def _changed(read: Read, change: Change) -> Read:
    def run(payload: Any) -> Any:
        value = read(payload)
        return change(value) if isinstance(value, str) else value

    return run


def _no_such_case(read: Read) -> Read:
    def run(payload: Any) -> Any:
        value = read(payload)
        if isinstance(value, str):
            raise UnmappableEvent('operator key should have a value of "lower" or "upper"')
        return value

    return run


# @replace ------------------------------------------------------------------------------------------------------------


def replace(options: Any, scope: Scope, keep: Keep) -> Code:
    """A text with something replaced, once or twice; "" for what is no text, number or bool, also for nothing at all."""
    value = options_in(options, "value")
    if is_falsy(value):
        return NOTHING
    read = scope.compile(value, "value").run
    changes = [_replacing(options, ""), _replacing(options, "2")] if options.get("pattern2") else [_replacing(options)]

    def run(payload: Any) -> str:
        text = read(payload)
        if isinstance(text, bool | int | float):
            text = text_of(text)
        if not isinstance(text, str):
            return ""
        for change in changes:
            text = change(text)
        return text

    return Code(run)


def _replacing(options: dict[str, Any], number: str = "") -> Change:
    pattern, replacement = options.get(f"pattern{number}"), options.get(f"replacement{number}")
    replacement = "" if replacement is None else replacement
    for name, text in (("pattern", pattern), ("replacement", replacement)):
        if not isinstance(text, str) or length(text) > _LONGEST_PATTERN:
            return _refusing(f'@replace requires a "{name}" less than 10 characters')
    assert isinstance(pattern, str)
    count = 0 if options.get("global", True) else 1
    if options.get("ignorecase") or "$" in replacement:
        flags = re.IGNORECASE if options.get("ignorecase") else re.NOFLAG
        expression, put = re.compile(re.escape(pattern), flags), _put(replacement)
        return lambda text: expression.sub(put, text, count)
    return lambda text: text.replace(pattern, replacement, count or -1)


def _refusing(message: str) -> Change:
    def change(text: str) -> str:
        raise UnmappableEvent(message)

    return change


def _put(replacement: str) -> Callable[[re.Match[str]], str]:
    """`$$` is a `$`, `$&` the match, ``$` `` what is before it, `$'` what is after; other `$` mean nothing."""
    meanings: dict[str, Callable[[re.Match[str]], str]] = {
        "$$": lambda match: "$",
        "$&": lambda match: match[0],
        "$`": lambda match: match.string[: match.start()],
        "$'": lambda match: match.string[match.end() :],
    }
    pieces = re.split(r"(\$[$&`'])", replacement)
    return lambda match: "".join(meanings[piece](match) if piece in meanings else piece for piece in pieces)
