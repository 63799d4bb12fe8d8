"""A field whose default is a moment in the vendor's format takes any moment, mapped as Segment maps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from doorstep.engine.sdk import Action, ActionDestination, Field, Item, Request, Settings
from doorstep.engine.sdk.using import ActionSettings, choose

EVENT = {"type": "track", "timestamp": "2025-01-01T00:00:00.000Z", "properties": {"at": 1735689600, "soon": "maybe"}}


class Note(Action[Settings]):
    name = "note"
    label = "Note"
    description = "Made up."
    trigger = 'type = "track"'
    fields = {
        "at": Field(
            label="At",
            type="integer",
            default={"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "seconds"}},
        ),
        "text": Field(label="Text", default={"@path": "$.event"}),
    }

    def request(self, items: Sequence[Item]) -> Request:
        return Request("POST", "https://example.com", {}, items[0].body)


class Notes(ActionDestination[Settings]):
    label = "Notes"
    description = "Made up."
    Settings = Settings
    actions = (Note,)


@pytest.mark.parametrize(
    ("mapping", "fields"),
    [
        ({}, {"at": 1735689600}),
        ({"at": {"@path": "$.timestamp"}}, {"at": 1735689600}),
        ({"at": {"@path": "$.properties.at"}}, {"at": 1735689600}),
        ({"at": "2025-01-01"}, {"at": 1735689600}),
        ({"at": {"@timestamp": {"value": {"@path": "$.timestamp"}, "format": "milliseconds"}}}, {"at": 1735689600000}),
        ({"at": ""}, {}),
        ({"text": {"@path": "$.timestamp"}}, {"at": 1735689600, "text": "2025-01-01T00:00:00.000Z"}),
    ],
)
def test_a_moment_goes_in_the_vendors_format_however_it_is_mapped(
    mapping: dict[str, Any], fields: dict[str, Any]
) -> None:
    chosen = choose(Notes, Settings(), {"note": ActionSettings(mapping=mapping)})
    assert chosen.wrong == []
    assert chosen.uses[0].fields(EVENT) == fields
