"""The options that an event has for a destination."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doorstep.engine.routing import UNDECODABLE, options


@pytest.mark.parametrize(
    ("integrations", "expected"),
    [
        ({}, {}),
        (None, {}),
        ({"Slack": True}, {}),
        ({"Slack": False}, {}),
        ({"Slack": None}, {}),
        ({"Slack": {"channel": "#orders"}}, {"channel": "#orders"}),
        ({"Slack": {"channel": "#orders"}, "orders": {"channel": "#own"}}, {"channel": "#own"}),
        ({"Slack": {"channel": "#orders"}, "orders": True}, {}),
        ({"Slack": {"channel": "#orders"}, "orders": None}, {"channel": "#orders"}),
        ({"All": {"channel": "#all"}}, {"channel": "#all"}),
        ({"All": {"channel": "#all"}, "Slack": {}}, {}),
        ({"All": False, "Slack": {"n": 1.5}}, {"n": 1.5}),
        ({"slack": {"channel": "#orders"}}, {}),
        ({"Slack": "#orders"}, {}),
        ("Slack", {}),
    ],
)
def test_the_options_of_a_destination(integrations: Any, expected: dict[str, Any]) -> None:
    assert options(json.dumps(integrations).encode(), "orders", "Slack") == expected


def test_an_event_without_the_object_has_no_options() -> None:
    assert options(b"", "orders", "Slack") == {}


def test_the_options_of_others_are_not_decoded() -> None:
    raw = b'{"Mixpanel": {"x": 1e999}, "Slack": {"channel": "#orders"}}'
    assert options(raw, "orders", "Slack") == {"channel": "#orders"}
    with pytest.raises(UNDECODABLE):
        options(raw, "mix", "Mixpanel")
