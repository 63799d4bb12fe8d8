"""From an event to what a destination wants of it: mappings, compiled once.

    mapping -> validation -> nodes -> CompiledMapping          checked and compiled when the configuration is read
    line -> EventReader -> a dict of what is read -> CompiledMapping -> a payload -> FieldStage -> a payload that fits

This room decides and does nothing else: it imports `model`, `privacy` and `errors`, and no loop, clock, socket or randomness.
It is usable alone:
`compile_mapping({"email": {"@path": "$.traits.email"}})(event)`.

A mapping is JSON. A value stands for itself; an object with one key that begins with @ is a directive, and gives what the
row of that name in `directives.DIRECTIVES` says. docs/mapping.md has all of them with examples.

Where it comes from
-------------------
It is Segment's mapping kit, bug for bug: an exported mapping does here what it does there, with the same messages when it is
wrong. What JavaScript has to do with it is in `values`. Directives of ours (`@hash`, `@timestamp`, `@currency`, `@coalesce`) are
marked in the table. Where we differ on purpose:

- an int keeps its digits in a text, where JavaScript rounds it to 53 bits (what `@json` decodes is rounded, as there);
- half of an emoji (`@path` to `name[0]`) is U+FFFD: it could not be sent;
- members of JavaScript's prototypes (`toString`) cannot be reached;
- `@liquid`: dates are in UTC, and `increment` counts from 0 whatever the event has under that name; the filter `escape_mrkdwn` is ours.
"""

from __future__ import annotations

from ..errors import MappingError, UnmappableEvent
from ..model.decode import UNDECODABLE
from .compiled import CompiledMapping, compile_mapping, validate_mapping
from .directives import DIRECTIVES, Directive
from .fields import Choice, Condition, Field, When
from .keys import field_value_keys
from .reader import EventReader
from .stage import FieldStage, compile_fields

__all__ = [
    "DIRECTIVES",
    "UNDECODABLE",
    "Choice",
    "CompiledMapping",
    "Condition",
    "Directive",
    "EventReader",
    "Field",
    "FieldStage",
    "MappingError",
    "UnmappableEvent",
    "When",
    "compile_fields",
    "compile_mapping",
    "field_value_keys",
    "validate_mapping",
]
