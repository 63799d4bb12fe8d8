"""Segment beyond what every destination has to pass."""

from __future__ import annotations

import gzip
from typing import Any, ClassVar

import msgspec
import pytest
from doorstep.engine.sdk import DELIVERED, Failure, Fault, Filtered, Rejected, Response
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.testing import Tester

from .destination import Segment

SETTINGS = {"write_key": "wk", "public_api_token": "public-token"}
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Signed Up",
    "messageId": "m-1",
    "userId": "u-1",
    "timestamp": "2025-01-01T00:00:00.123Z",
}


class TestSegment(ActionConformance):
    destination = Segment
    settings: ClassVar = SETTINGS


def sent_by(settings: dict[str, Any], *events: dict[str, Any]) -> list[list[dict[str, Any]]]:
    requests = Tester(Segment, settings).requests(*events)
    return [msgspec.json.decode(request.body)["batch"] for request in requests]


# Loops -------------------------------------------------------------------------------------------------------------


def test_an_event_that_came_back_is_not_sent_again() -> None:
    [[once]] = sent_by(SETTINGS, EVENT)
    [again] = Tester(Segment, SETTINGS).run(once)
    assert again.requests == []
    assert again.outcomes == [Filtered("not_supported")]


def test_an_event_goes_on_to_another_source() -> None:
    [[once]] = sent_by(SETTINGS, EVENT)
    other = {**SETTINGS, "write_key": "another"}
    [[twice]] = sent_by(other, once)
    assert twice["context"]["doorstep"]["via"] == ["cfbb558ba3dd9775", "57f95a6481191baf"]
    [round_trip] = Tester(Segment, SETTINGS).run(twice)
    assert round_trip.outcomes == [Filtered("not_supported")]


@pytest.mark.parametrize("mark", [None, "x", [], {}, {"via": None}, {"via": "x"}, {"via": [1, {}]}])
def test_a_mark_that_is_none_of_ours_stops_nothing(mark: object) -> None:
    [[event]] = sent_by(SETTINGS, {**EVENT, "context": {"doorstep": mark}})
    assert event["context"] == {"doorstep": {"via": ["cfbb558ba3dd9775"]}}


def test_without_the_guard_an_event_goes_on_unmarked() -> None:
    assert sent_by({**SETTINGS, "loop_guard": False}, EVENT) == [[EVENT]]


# Events ------------------------------------------------------------------------------------------------------------


def test_what_the_first_receiver_wrote_into_an_event_does_not_go_on() -> None:
    stamps = {
        "receivedAt": "2025-01-01T00:00:09Z",
        "originalTimestamp": "2024-12-31T23:59:59Z",
        "sentAt": "2025-01-01T00:00:08Z",
    }
    event = {**EVENT, **stamps, "writeKey": "of another source", "_metadata": {"bundled": []}}
    assert sent_by({**SETTINGS, "loop_guard": False}, event) == [[EVENT]]


def test_an_event_without_id_and_time_gets_those_under_which_it_was_received() -> None:
    [[event]] = sent_by(SETTINGS, {"type": "page", "anonymousId": "a-1"})
    assert (event["messageId"], event["timestamp"]) == ("tester-1", "2025-01-01T00:00:00.000Z")


def test_a_message_id_is_never_longer_than_segment_takes() -> None:
    [[kept, hashed]] = sent_by(SETTINGS, {**EVENT, "messageId": "x" * 100}, {**EVENT, "messageId": "x" * 101})
    assert kept["messageId"] == "x" * 100
    assert hashed["messageId"] == "c675a2e604b0cd1229c036e3ce0c87422980a245e295bbc605a507a2299752db"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "track", "userId": "u-1", "messageId": "m-1"},
        {"type": "group", "userId": "u-1", "messageId": "m-1"},
        {"type": "alias", "userId": "u-1", "messageId": "m-1"},
        {"type": "track", "event": "A", "messageId": "m-1"},
    ],
)
def test_what_segment_would_drop_without_a_word_is_refused(event: dict[str, Any]) -> None:
    [sent] = Tester(Segment, SETTINGS, spec="any").run(event)
    assert sent.requests == []
    assert isinstance(sent.outcomes[0], Rejected)


# Limits ------------------------------------------------------------------------------------------------------------


def test_a_request_has_at_most_2500_events() -> None:
    events = [{"type": "page", "anonymousId": "a", "messageId": f"{n}"} for n in range(2600)]
    assert [len(batch) for batch in sent_by({**SETTINGS, "loop_guard": False}, *events)] == [2500, 100]


def test_a_request_has_at_most_500_kb() -> None:
    events = [{**EVENT, "messageId": f"m-{n}", "properties": {"text": "x" * 30_000}} for n in range(40)]
    requests = Tester(Segment, SETTINGS).requests(*events)
    assert [len(msgspec.json.decode(request.body)["batch"]) for request in requests] == [16, 16, 8]
    assert max(len(request.body) for request in requests) <= 500_000


def test_an_event_has_at_most_32_kb() -> None:
    sent = Tester(Segment, SETTINGS).run(EVENT, {**EVENT, "messageId": "m-2", "properties": {"text": "x" * 33_000}})
    assert [one.outcomes for one in sent] == [
        [Rejected("too_large", "33133 bytes, at most 32768 are taken")],
        [DELIVERED],
    ]


def test_no_event_is_too_large_for_the_sake_of_its_mark() -> None:
    [[event]] = sent_by(SETTINGS, {**EVENT, "properties": {"text": "x" * 32_600}})
    assert "context" not in event


# Answers and settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "after"),
    [({"retry-after": "3"}, 3.0), ({"x-ratelimit-reset": "7"}, 7.0), ({"x-ratelimit-reset": "soon"}, None)],
)
def test_a_429_says_how_long(headers: dict[str, str], after: float | None) -> None:
    [sent] = Tester(Segment, SETTINGS).run(EVENT, answer=lambda request: Response(429, headers))
    assert sent.verdict == Failure(Fault.TRANSIENT, "http_429", status=429, after=after)


def test_a_compressed_request_says_so() -> None:
    [request] = Tester(Segment, {**SETTINGS, "gzip": True, "loop_guard": False}).requests(EVENT)
    assert request.headers["Content-Encoding"] == "gzip"
    assert msgspec.json.decode(gzip.decompress(request.body)) == {"batch": [EVENT]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"write_key": "a:b"}, "no colon"),
        ({"write_key": "a", "url": "data.example.com"}, "url"),
        ({"write_key": "a", "public_api_token": "a\nb"}, "public_api_token"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Tester(Segment, settings)
