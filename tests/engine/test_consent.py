"""Consent through the whole engine: from the file to the numbers, and from the plan's record to explain."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.model import Envelope, Event, Receipt

EVENTS = [
    {"type": "track", "userId": "u-1", "event": "Seen", "messageId": "m-1"},
    {"type": "track", "userId": "u-1", "event": "Seen", "messageId": "m-2", "context": {"consent": {}}},
    *(
        {
            "type": "track",
            "userId": "u-1",
            "event": "Seen",
            "messageId": f"m-{number}",
            "context": {"consent": {"categoryPreferences": preferences}},
        }
        for number, preferences in enumerate(({}, {"Ads": True}, {"Ads": False}, {"Ads": True, "Stats": True}), start=3)
    ),
]


@pytest.mark.anyio
@pytest.mark.backends
async def test_what_was_not_consented_to_is_filtered_and_counted(receiver: Any, other_receiver: Any) -> None:
    text = f"""
        [engine]
        durability = "memory"
        [destinations.ads]
        type = "webhook"
        consent = ["Ads", "Stats"]
        settings = {{ url = "{receiver.url}" }}
        [destinations.all]
        type = "webhook"
        settings = {{ url = "{other_receiver.url}" }}
    """
    async with Engine(load_config(text=text)) as engine:
        await engine.submit([json.dumps(event).encode() for event in EVENTS])
        await engine.drain()
    received = [event["messageId"] for body in receiver.bodies for event in json.loads(body)]
    assert received == ["m-1", "m-2", "m-6"]
    statistics = engine.statistics().destinations
    assert (statistics["ads"].delivered, statistics["ads"].filtered) == (3, {"consent": 3})
    assert (statistics["all"].delivered, statistics["all"].filtered) == (6, {})


def test_explain_asks_the_categories_of_then() -> None:
    record = msgspec.json.decode(msgspec.json.encode(PlanRecord(integration="Hook", consent=("Ads",))), type=PlanRecord)
    line = json.dumps(EVENTS[4]).encode()
    envelope = Envelope(1, line, msgspec.json.decode(line, type=Event), Receipt("program", 0.0, 0.0))
    assert record.why_not("hook", envelope) == "consent"
    before = msgspec.json.decode(b'{"integration":"Hook","enabled":true,"sources":null,"sample":1.0}', type=PlanRecord)
    assert before.why_not("hook", envelope) is None
