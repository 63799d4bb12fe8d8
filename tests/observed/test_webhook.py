"""The webhook beside what was observed elsewhere: whole events, and events in a shape of the user's."""

from __future__ import annotations

from collections.abc import Iterable

from doorstep.destinations.webhook.destination import Webhook
from doorstep.engine.model import Request
from doorstep.engine.sdk.testing import Tester

from .comparing import Vector, check, observed


def ours(vector: Vector) -> Iterable[Request]:
    asked = dict(vector.overrides)
    mapping = asked.pop("data", None)
    actions = {"it": {"trigger": 'type = "track"', "mapping": mapping}} if mapping else None
    settings = {**asked, "format": "json_array" if vector.mode == "batch" else "single"}
    return Tester(Webhook, settings, actions=actions, spec="any").requests(*vector.events)


def test_requests_are_what_another_implementation_sends() -> None:
    vectors = [vector for vector in observed("webhook").vectors if vector.requests]
    assert {vector.mode for vector in vectors} == {"single", "batch"}
    check(vectors, ours, {})
