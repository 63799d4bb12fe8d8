"""`@liquid`: templates with logic, rendered by python-liquid as the reference's engine would.

Limits are the reference's: 1000 characters, no tags that repeat or include, no filters that search or sort. A render is
bounded besides: nothing loops, and no text grows over MAX_TEXT, whatever filters are chained.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NoReturn, TextIO

from liquid import Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.for_tag import BreakTag, ContinueTag
from liquid.exceptions import LiquidError, LiquidSyntaxError, StopRender
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.template import BoundTemplate
from liquid.token import Token
from liquid.utils import ReadOnlyChainMap

from ..errors import UnmappableEvent
from .liquid_filters import DISABLED_FILTERS, FILTERS, MAX_TEXT, adapted, disabled, shown
from .nodes import Code, Scope, constant
from .paths import Keys
from .values import length, real_type

LONGEST = 1000
DISABLED_TAGS = ("case", "for", "include", "layout", "render", "tablerow")

_OPENING = re.compile(r"\{\{|\{%")
_LAST_OPENING = re.compile(r"(\{\{(?!.*\}\})|\{%(?!.*%\}))", re.DOTALL)
_SNAPSHOT = 32
"""Characters of a template that a message quotes."""
_DERIVED = frozenset({"size", "first", "last"})
"""What can be asked of a value without being a key in it."""


def compile_liquid(text: Any, scope: Scope) -> Code:
    """A template, parsed once. The names in it are the fields of the payload."""
    if not isinstance(text, str):
        return scope.failing(f"liquid template value must be a string, got {real_type(text)}")
    if not text:
        return constant("")
    if length(text) > LONGEST:
        return scope.failing(f"liquid template values are limited to {LONGEST} characters")
    try:
        template = _environment().from_string(text)
    except LiquidError as error:
        return scope.failing(_message(error, text))
    scope.reads.update(map(_read, _variables(template)))

    def run(payload: Any) -> str:
        try:
            return template.render(payload if isinstance(payload, dict) else {})
        except LiquidError as error:
            raise UnmappableEvent(_message(error, text)) from None
        except Exception as error:  # a library's filters meet whatever events hold: the event's fault, not the engine's
            raise UnmappableEvent(f"@liquid: {type(error).__name__}: {error}") from error

    return Code(run)


def variables(text: str) -> list[str]:
    """The paths that a template mentions; none if it is not well-formed."""
    try:
        template = _environment().from_string(text)
    except LiquidError:
        return []
    return [".".join(map(str, _read(segments))) for segments in _variables(template)]


def _variables(template: BoundTemplate) -> list[Any]:
    found = template.analyze().variables.values()
    return [variable.segments for several in found for variable in several]


def _read(segments: list[Any]) -> Keys:
    """What of the payload such a path needs: all keys up to one that only an event tells, or that is none."""
    keys: list[str] = []
    for segment in segments:
        if not isinstance(segment, str) or segment in _DERIVED:
            break
        keys.append(segment)
    return tuple(keys)


# Messages ------------------------------------------------------------------------------------------------------------


def _message(error: LiquidError, text: str) -> str:
    """In the reference's form: what, and where the statement begins."""
    unclosed = _LAST_OPENING.search(text) if isinstance(error, LiquidSyntaxError) else None
    if unclosed:
        return f"{_unclosed(text[unclosed.start() :])}{_place(text, unclosed.start())}"
    at = error.token.start_index if error.token is not None else 0
    begin = max((match.start() for match in _OPENING.finditer(text) if match.start() <= at), default=0)
    return f"{error.message}{_place(text, begin)}"


def _unclosed(rest: str) -> str:
    quoted = rest if len(rest) <= _SNAPSHOT else f"{rest[: _SNAPSHOT - 3]}..."
    return f'{"output" if rest.startswith("{{") else "tag"} "{quoted}" not closed'


def _place(text: str, index: int) -> str:
    before = text[:index]
    return f", line:{before.count(chr(10)) + 1}, col:{index - before.rfind(chr(10))}"


# The library, set up -------------------------------------------------------------------------------------------------


class _Context(RenderContext):
    """Names are looked up in what was assigned, the payload, and counters; the library's own `now` is none of them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    template_class = _Template
    output_stream_limit = MAX_TEXT
    local_namespace_limit = 32 * MAX_TEXT


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(shown(self.expression.evaluate(context)))


class _EchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(shown(self.expression.evaluate(context)))


class _CycleNode(CycleNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        name = shown(self.group.evaluate(context)) if self.group else ""
        values = [argument.evaluate(context) for argument in self.args]
        at = context.cycle(name or str(values), len(values))
        return buffer.write(shown(values[at])) if at < len(values) else 0


class _StopNode(Node):
    """`break` and `continue` outside a loop: nothing more is rendered."""

    def __str__(self) -> str:
        return "{% break %}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> NoReturn:
        raise StopRender


class _Output(Output):
    node_class = _OutputNode


class _Echo(EchoTag):
    node_class = _EchoNode


class _Cycle(CycleTag):
    node_class = _CycleNode


class _Break(BreakTag):
    def parse(self, stream: TokenStream) -> Any:
        return _StopNode(stream.current)


class _Continue(ContinueTag):
    def parse(self, stream: TokenStream) -> Any:
        return _StopNode(stream.current)


def _disabled_tag(tag_name: str) -> type[Tag]:
    class Disabled(Tag):
        name = tag_name
        block = False

        def parse(self, stream: TokenStream) -> NoReturn:
            token: Token = stream.current
            raise LiquidSyntaxError(f'tag "{tag_name}" is disabled', token=token)

    return Disabled


@cache
def _environment() -> Environment:
    """The one that every template is of: nothing in it changes."""
    environment = _Environment(strict_filters=False)
    tags: list[type[Tag]] = [_Output, _Echo, _Cycle, _Break, _Continue, *map(_disabled_tag, DISABLED_TAGS)]
    for tag in tags:
        environment.add_tag(tag)
    for name, filter_ in list(environment.filters.items()):
        environment.add_filter(name, adapted(name, filter_))
    for name, filter_ in FILTERS.items():
        environment.add_filter(name, filter_)
    for name in DISABLED_FILTERS:
        environment.add_filter(name, disabled(name))
    return environment
