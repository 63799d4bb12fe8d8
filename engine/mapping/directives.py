"""The table of directives: what is a right one, how it is compiled, which paths it mentions. One row is one directive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from . import additions, choosing, hashing, jsontext, rules, shapes, texts
from .nodes import Code, Compiles, Keep, Scope, options_in
from .rules import Rule, options

Mentioned: TypeAlias = Callable[[Any], list[str]]
"""The paths that a node mentions."""


class Directive(msgspec.Struct, frozen=True):
    """One row."""

    rule: Rule
    compile: Compiles
    mentions: Callable[[Any, Mentioned], list[str]] = lambda options, mentioned: []
    """The paths that its options mention, with the function for what is in them (`keys.field_value_keys`)."""
    ours: bool = False
    """Whether Segment's mappings do not have it."""


def _in(*names: str) -> Callable[[Any, Mentioned], list[str]]:
    """What is mentioned in the options of these names."""
    return lambda options, mentioned: [key for name in names for key in mentioned(options_in(options, name))]


def _paths_in(find: Callable[[str], list[str]]) -> Callable[[Any, Mentioned], list[str]]:
    """What is found in the options if they are a text, else what is mentioned there."""
    return lambda options, mentioned: find(options) if isinstance(options, str) else mentioned(options)


def _anywhere(options: Any, mentioned: Mentioned) -> list[str]:
    return mentioned(options)


def _liquid(options: Any, scope: Scope, keep: Keep) -> Code:
    from .liquid import compile_liquid  # the library takes 0.2 s, and most mappings do without it

    return compile_liquid(options, scope)


def _liquid_variables(text: str) -> list[str]:
    from .liquid import variables

    return variables(text)


DIRECTIVES: dict[str, Directive] = {
    "@path": Directive(rules.text_or_directive, texts.path, _paths_in(lambda path: [path])),
    "@template": Directive(rules.text_or_directive, texts.template, _paths_in(texts.placeholders)),
    "@literal": Directive(rules.whatever, choosing.literal),
    "@if": Directive(
        options(exists=rules.whatever, then=rules.whatever, **{"else": rules.whatever}),
        choosing.if_,
        _in("blank", "exists", "then", "else"),
    ),
    "@case": Directive(options(operator=rules.text(), value=rules.text_or_directive), texts.case, _in("value")),
    "@replace": Directive(
        options(
            {"pattern": rules.text(1, 10), "value": rules.text_or_directive},
            replacement=rules.text(0, 10),
            ignorecase=rules.boolean,
            **{"global": rules.boolean},
        ),
        texts.replace,
        _in("value"),
    ),
    "@arrayPath": Directive(rules.array_path, shapes.array_path, _anywhere),
    "@flatten": Directive(options({"value": rules.whatever}, separator=rules.text()), shapes.flatten, _in("value")),
    "@json": Directive(
        options({"value": rules.whatever, "mode": rules.one_of("encode", "decode")}), jsontext.json, _in("value")
    ),
    "@merge": Directive(
        options({"objects": rules.sources}, direction=rules.one_of("left", "right")), shapes.merge, _in("objects")
    ),
    "@transform": Directive(
        options({"apply": rules.object_or_directive, "mapping": rules.object_or_directive}),
        shapes.transform,
        _in("apply"),
    ),
    "@excludeWhenNull": Directive(rules.whatever, choosing.exclude_when_null),
    "@liquid": Directive(rules.text(), _liquid, _paths_in(_liquid_variables)),
    "@hash": Directive(hashing.hash_rule, hashing.hash_, _in("value"), ours=True),
    "@timestamp": Directive(additions.timestamp_rule, additions.timestamp, _in("value"), ours=True),
    "@currency": Directive(additions.currency_rule, additions.currency, _in("value", "currency"), ours=True),
    "@coalesce": Directive(rules.candidates, choosing.coalesce, _anywhere, ours=True),
}
