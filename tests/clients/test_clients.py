"""Released, unpatched clients: a thousand events each arrive complete, through 429, 500, lost answers and a restart midway."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import until

pytestmark = [pytest.mark.clients, pytest.mark.timeout(240)]

COUNT = 1000


def numbers(doorstep: Any) -> set[int]:
    text = doorstep.out.read_text("utf-8", errors="replace")
    return {int(part.split(",")[0].split("}")[0]) for part in text.split('"n":')[1:]}


def is_complete(event: dict[str, Any]) -> bool:
    n = event["properties"]["n"]
    times = all(event[name].startswith("20") for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"))
    who = event.get("userId") == f"u-{n % 10}" or bool(event.get("anonymousId"))
    where = event["context"]["page"]["path"] == f"/{n}" and "writeKey" not in event
    what = (event["type"], event["event"], event["properties"]["text"]) == ("track", "Counted", f"Ünï {n}")
    return times and who and where and what and bool(event["messageId"]) and "library" in event["context"]


@pytest.mark.parametrize("client", ["segment_python", "rudder_python", "node", "standard", "batching"])
def test_a_thousand_events_arrive_complete(client: str, doorstep: Any, front: Any, send: Any) -> None:
    sender = send(client, front.url, COUNT)
    until(lambda: front.forwarded >= 5 and len(numbers(doorstep)) >= 100, 60, "the client to be in the middle")
    doorstep.stop()
    doorstep.start()
    if client in ("standard", "batching"):
        until(lambda: len(numbers(doorstep)) == COUNT, 150, "all events of the page")
    sender.wait(150)
    events = doorstep.events()
    assert {event["properties"]["n"] for event in events} == set(range(COUNT))
    assert [event for event in events if not is_complete(event)] == []
    assert {429, 500} <= set(front.refused)
    ids = {event["properties"]["n"]: event["messageId"] for event in events}
    assert all(event["messageId"] == ids[event["properties"]["n"]] for event in events), "a repeat keeps its id"
