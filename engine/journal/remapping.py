"""Dead letters with a mapping applied: what was given up because of its content goes out again as it should have been. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import MappingError, UnmappableEvent
from ..mapping import UNDECODABLE, CompiledMapping, compile_mapping
from ..text import placed
from .records import DeadLetter

Judge = Callable[[bytes], Any]
"""An event, or a tuple that says why it is none: `LineDecoder.judge`."""


def mapping_of(text: str) -> CompiledMapping:
    """The mapping that a replay was given, as JSON. Raises ValueError with all that is wrong with it."""
    try:
        return compile_mapping(msgspec.json.decode(text))
    except UNDECODABLE as error:
        raise ValueError(f"the mapping is no JSON: {placed(error, text)}") from None
    except MappingError as error:
        raise ValueError(f"the mapping is wrong: {error}") from None


def remapped(letter: DeadLetter, mapping: CompiledMapping, judge: Judge) -> DeadLetter | None:
    """`letter` with what the mapping makes of its event, under the event's own id; None if that is no event."""
    try:
        made = mapping(msgspec.json.decode(letter.line))
        if not isinstance(made, dict):
            return None
        if letter.message_id is not None:
            made = {**made, "messageId": letter.message_id}
        line = msgspec.json.encode(made)
    except (UnmappableEvent, *UNDECODABLE):
        return None
    event = judge(line)
    if isinstance(event, tuple):
        return None
    return msgspec.structs.replace(letter, line=line, type=event.type, event=event.event)
