"""The tester: events in, requests out, no socket."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import msgspec
import pytest
from doorstep.engine.sdk import (
    DELIVERED,
    Batch,
    Failure,
    Fault,
    InvalidEventPayload,
    Request,
    RequestDestination,
    Response,
    Secret,
    Settings,
    Sink,
    Verdict,
    decode_event,
)
from doorstep.engine.sdk.samples import SAMPLES
from doorstep.engine.sdk.testing import Tester
from doorstep.engine.secret import secrets_in
from msgspec import Meta

TRACK = {"type": "track", "event": "A", "userId": "u-1", "messageId": "m-1"}


class PlainSettings(Settings, frozen=True, kw_only=True):
    token: Annotated[Secret, Meta(description="A secret.")]
    extra: Annotated[dict[str, Secret], Meta(description="More of them.")] = {}
    fallback: Annotated[Secret | None, Meta(description="Perhaps one.")] = None


class Plain(RequestDestination[PlainSettings]):
    label = "Plain"
    description = "For tests."
    Settings = PlainSettings

    def request(self, batch: Batch) -> Request:
        return Request(
            "POST", "https://example.com/", {"x-token": self.settings.token.reveal()}, b"|".join(batch.lines)
        )

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        return msgspec.structs.replace(request, headers={**request.headers, "x-at": str(at)})


class Recorder(Sink[PlainSettings]):
    label = "Recorder"
    description = "For tests."
    Settings = PlainSettings

    def __init__(self, settings: PlainSettings) -> None:
        super().__init__(settings)
        self.calls: list[str] = []

    async def open(self) -> None:
        self.calls.append("open")

    async def write(self, batch: Batch) -> Verdict:
        self.calls.append(f"write {batch.first}")
        if batch.envelopes[0].event.type == "delete":
            raise InvalidEventPayload("no")
        return DELIVERED

    async def close(self) -> None:
        self.calls.append("close")


def test_events_become_requests_as_they_go_out() -> None:
    [request] = Tester(Plain, {"token": "t"}).requests(
        TRACK, b'{"type":"page","userId":"u"}', '{"type": "delete", "userId":"u"}', at=9.5
    )
    assert request == Request(
        "POST",
        "https://example.com/",
        {"x-token": "t", "x-at": "9.5"},
        b'{"type":"track","event":"A","userId":"u-1","messageId":"m-1"}|{"type":"page","userId":"u"}|{"type": "delete", "userId":"u"}',
    )


def test_a_batch_is_numbered_and_keyed() -> None:
    batch = Tester(Plain, {"token": "t"}).batch(TRACK, {"type": "page", "userId": "u"}, first=7)
    assert [(envelope.number, envelope.key) for envelope in batch.envelopes] == [(7, "m-1"), (8, "tester-8")]


def test_a_response_becomes_a_verdict() -> None:
    tester = Tester(Plain, {"token": "t"})
    assert tester.verdict(Response(200)) == DELIVERED
    assert tester.verdict(Response(503), TRACK) == Failure(Fault.TRANSIENT, "http_503", status=503)


def test_what_the_engine_would_reject_is_an_error_here() -> None:
    with pytest.raises(ValueError, match="event 2 would be rejected: no_user_anon_id"):
        Tester(Plain, {"token": "t"}).batch(TRACK, {"type": "page"})
    assert len(Tester(Plain, {"token": "t"}, spec="any").batch({"anything": 1})) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "missing required field `token`"),
        ({"token": 5}, "expected a string"),
        ({"token": "t", "tokn": ""}, "unknown field `tokn`"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Tester(Plain, settings)


def test_its_repr_masks_secrets() -> None:
    tester = Tester(Plain, {"token": "hunter2", "extra": {"a": "hunter3"}})
    assert repr(tester) == (
        "<Tester of Plain with PlainSettings(token=Secret('***'), extra={'a': Secret('***')}, fallback=None)>"
    )


def test_secrets_are_found_wherever_they_are() -> None:
    tester = Tester(Plain, {"token": "1", "extra": {"a": "2", "b": "3"}, "fallback": "4"})
    assert secrets_in(tester.settings) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_sink_is_opened_written_and_closed_whatever_happens(backend: str) -> None:
    tester = Tester(Recorder, {"token": "t"})
    assert anyio.run(lambda: tester.write(TRACK, first=5), backend=backend) == DELIVERED
    with pytest.raises(InvalidEventPayload):
        anyio.run(lambda: tester.write({"type": "delete", "userId": "u"}), backend=backend)
    assert isinstance(tester.destination, Recorder)
    assert tester.destination.calls == ["open", "write 5", "close", "open", "write 1", "close"]


def test_each_kind_is_used_in_its_own_way() -> None:
    with pytest.raises(TypeError, match="Recorder is a sink: use `write`"):
        Tester(Recorder, {"token": "t"}).requests(TRACK)
    with pytest.raises(TypeError, match="Plain makes requests: use `requests` and `verdict`"):
        anyio.run(Tester(Plain, {"token": "t"}).write, TRACK)


def test_every_sample_is_an_event_of_its_type() -> None:
    batch = Tester(Plain, {"token": "t"}).batch(*SAMPLES.values())
    assert [envelope.event.type for envelope in batch.envelopes] == list(SAMPLES)
    assert len(SAMPLES) == 7


def test_an_event_decodes_whole() -> None:
    [envelope] = Tester(Plain, {"token": "t"}).batch({**TRACK, "properties": {"a": [1]}}).envelopes
    assert decode_event(envelope) == {**TRACK, "properties": {"a": [1]}}


def test_a_part_that_turns_out_undecodable_is_the_fault_of_the_event() -> None:
    line = b'{"type":"page","userId":"u","properties":{"a":1' + b"0" * 400 + b"." + b"0" * 10 + b"e999}}"
    [envelope] = Tester(Plain, {"token": "t"}).batch(line).envelopes
    with pytest.raises(InvalidEventPayload, match="the event cannot be decoded"):
        decode_event(envelope)
