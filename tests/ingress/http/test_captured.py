"""Requests of released, unpatched clients, byte for byte, one of which posts gzipped JSON as a form."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

FILLED = {"timestamp", "originalTimestamp", "sentAt", "receivedAt", "writeKey"}


def sent_events(request: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.loads(request["body"])
    return body.get("batch", [body])


def without(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in FILLED}


async def test_all_of_them_are_accepted_whole(serve: Any, captured: list[dict[str, Any]]) -> None:
    async with serve() as server, server.client() as client:
        for request in captured:
            body = request["body"].encode()
            headers = request["headers"]
            answer = await client.ask(request["path"], gzip.compress(body) if request["gzip"] else body, headers)
            assert (request["client"], answer.status) == (request["client"], 200)
            assert answer.headers.get("access-control-allow-origin") == headers.get("origin")
    expected = [event for request in captured for event in sent_events(request)]
    assert len(expected) == 63
    assert server.store.rejected == []
    assert [without(event) for event in server.store.events] == [without(event) for event in expected]
    for event, sent in zip(server.store.events, expected, strict=True):
        assert "writeKey" not in event
        assert event["sentAt"]
        assert event["originalTimestamp"] == sent.get("originalTimestamp", sent.get("timestamp"))
        assert event["timestamp"] > event["originalTimestamp"], "it was sent long ago, by our clock"
