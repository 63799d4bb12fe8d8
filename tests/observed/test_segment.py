"""Segment beside what was observed elsewhere: the batches that its own destination gives to its host are taken for requests."""

from __future__ import annotations

from collections.abc import Iterable

from doorstep.destinations.segment.destination import Segment
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed

DIFFERS = {
    "*.context.doorstep.via[0]": "the guard against loops",
    "*.context.consent": "theirs makes an empty one, which is a refusal, of none",
    "*.context.library.*": "theirs rebuilds the context, and loses what it has no field for; ours keeps it",
    "*.context.device.*": "likewise",
    "*.context.traits.*": "likewise",
    "*.context.timezone": "likewise",
    "*.context.groupId": "likewise",
    "*.context.location.*": "likewise",
    "*.context.referrer.*": "likewise",
    "*.context.traits": "theirs makes an empty object of none",
    "*.category": "of a page, theirs has it among the properties only",
    "*].properties.category": "likewise",
    "*].properties.name": "the name of a page or screen is beside its properties, where theirs repeats it",
    "10: *.properties.referrer": "theirs copies it from the context",
    "10: *.properties.search": "likewise",
}


def test_events_are_what_another_implementation_sends() -> None:
    found = observed("segment")

    def ours(vector: Vector) -> Iterable[Request]:
        return Tester(Segment, {"write_key": found.settings["source_write_key"]}, spec="any").requests(*vector.events)

    check(found.vectors, ours, DIFFERS)
