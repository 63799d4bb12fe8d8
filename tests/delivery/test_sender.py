"""One attempt: what a destination may raise or return, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import anyio
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.delivery import Plan
from doorstep.engine.delivery.sender import (
    NOT_SUPPORTED,
    Attempted,
    Partial,
    RequestSender,
    SinkSender,
    Split,
    sender_for,
)
from doorstep.engine.errors import (
    DestinationError,
    EventNotSupported,
    Fault,
    InvalidEventPayload,
    RetryError,
    TransportError,
    ValidationError,
)
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.model import (
    DELIVERED,
    Batch,
    Envelope,
    Event,
    Failure,
    Judgement,
    Receipt,
    Request,
    Response,
    Verdict,
)
from doorstep.engine.routing import Route
from doorstep.engine.sdk.destination import Destination, RequestDestination, Sink
from doorstep.engine.sdk.verdict import reported
from doorstep.engine.settings import Settings
from doorstep.engine.telemetry import Attempts, Deliveries

pytestmark = pytest.mark.anyio
RECEIPT = Receipt("test", 0.0, 0.0)


def batch(*numbers: int) -> Batch:
    return Batch([Envelope(number, b"{}", Event("track"), RECEIPT) for number in numbers])


def plan(destination: Destination[Any]) -> Plan:
    return Plan(
        version="1",
        route=Route(name="a", integration="A"),
        record=PlanRecord(integration="A"),
        destination=destination,
        timeout_s=5.0,
    )


class Wire:
    """A transport that gives one answer and remembers what was sent."""

    def __init__(self, answer: Response | TransportError) -> None:
        self.answer = answer
        self.sent: list[tuple[Request, float]] = []
        self.closed = 0

    async def send(self, request: Request, timeout_s: float) -> Response:
        self.sent.append((request, timeout_s))
        if isinstance(self.answer, TransportError):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        self.closed += 1


class Told(RequestDestination[Settings]):
    """Does in `request` as it is told."""

    label = "Told"
    description = "For tests."
    Settings = Settings

    def __init__(self, requests: Callable[[Batch], Iterable[tuple[Request, Batch]]] | None = None) -> None:
        super().__init__(Settings())
        self._requests = requests

    def request(self, batch: Batch) -> Request:
        return Request("POST", "http://receiver/", body=b"%d" % len(batch))

    def requests(self, batch: Batch) -> Iterable[tuple[Request, Batch]]:
        return self._requests(batch) if self._requests else super().requests(batch)

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        return Request(request.method, request.url, {"at": f"{at:g}"}, request.body)


async def attempted(destination: Told, wire: Wire, *numbers: int, attempts: Attempts | None = None) -> Attempted:
    async def open_transport(plan: Plan) -> Any:
        return wire

    seen = attempts or Attempts("hook", Deliveries())
    sender = sender_for(plan(destination), open_transport, Clock(utc=lambda: 1700.0), seen)
    assert isinstance(sender, RequestSender)
    await sender.open()
    try:
        return await sender.attempt(batch(*numbers))
    finally:
        await sender.close()


async def test_a_batch_is_one_request_signed_at_the_moment_it_goes_out() -> None:
    wire = Wire(Response(200))
    assert await attempted(Told(), wire, 1, 2, 3) == DELIVERED
    assert wire.sent == [(Request("POST", "http://receiver/", {"at": "1700"}, b"3"), 5.0)]
    assert wire.closed == 1


@pytest.mark.parametrize(
    ("code", "fault"),
    [("connect_refused", Fault.TRANSIENT), ("tls", Fault.CONFIGURATION), ("invalid_request", Fault.EVENT)],
)
async def test_a_transport_error_is_a_failure_with_its_code(code: str, fault: Fault) -> None:
    verdict = await attempted(Told(), Wire(TransportError(code, "why")), 1)
    assert verdict == Failure(fault, code, detail=f"{code}: why")


async def test_what_a_host_that_an_event_named_answers_is_the_events_fault() -> None:
    def computed(batch: Batch) -> Iterable[tuple[Request, Batch]]:
        yield Request("POST", "http://receiver/", guarded=True), batch

    guarded = Told(computed)
    assert await attempted(guarded, Wire(Response(404)), 1) == Failure(Fault.EVENT, "http_404", status=404)
    assert await attempted(guarded, Wire(Response(503)), 1) == Failure(Fault.TRANSIENT, "http_503", status=503)
    assert await attempted(Told(), Wire(Response(404)), 1) == Failure(Fault.CONFIGURATION, "http_404", status=404)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValidationError("v"), Failure(Fault.EVENT, "validation_error", sent=False, detail="v")),
        (InvalidEventPayload("p"), Failure(Fault.EVENT, "invalid_event_payload", sent=False, detail="p")),
        (RetryError("r", after=7.0), Failure(Fault.TRANSIENT, "retry_error", sent=False, after=7.0, detail="r")),
        (DestinationError("d"), Failure(Fault.FUNCTION, "function_error", sent=False, detail="d")),
        (KeyError("secret"), Failure(Fault.EVENT, "encoding_error", sent=False, detail="KeyError")),
        (EventNotSupported(), Failure(Fault.EVENT, "not_supported", sent=False)),
    ],
)
async def test_what_request_raises_about_a_batch_is_a_failure_and_nothing_is_sent(
    error: Exception, expected: Failure
) -> None:
    def raising(batch: Batch) -> Iterable[tuple[Request, Batch]]:
        raise error

    wire = Wire(Response(200))
    assert await attempted(Told(raising), wire, 1, 2) == expected
    assert wire.sent == []


async def test_an_event_alone_that_is_not_supported_is_filtered() -> None:
    def raising(batch: Batch) -> Iterable[tuple[Request, Batch]]:
        raise EventNotSupported

    assert await attempted(Told(raising), Wire(Response(200)), 1) == Partial({0: NOT_SUPPORTED}, None)


async def test_a_batch_of_several_requests_is_split_and_what_is_in_none_is_left_out() -> None:
    def by_parity(batch: Batch) -> Iterable[tuple[Request, Batch]]:
        for positions in ([0, 2], [1]):
            yield Request("POST", "http://receiver/"), batch.take(positions)

    wire = Wire(Response(200))
    formed = await attempted(Told(by_parity), wire, 11, 12, 13, 14)
    assert isinstance(formed, Partial)
    assert formed.outcomes == {3: NOT_SUPPORTED}
    assert isinstance(formed.rest, Split)
    assert [[one.number for one in part.envelopes] for part in formed.rest.parts] == [[11, 13], [12]]
    assert wire.sent == []


async def test_one_request_with_the_whole_batch_goes_out_at_once() -> None:
    def whole(batch: Batch) -> Iterable[tuple[Request, Batch]]:
        yield Request("PUT", "http://receiver/"), batch.take(range(len(batch)))

    wire = Wire(Response(200))
    assert await attempted(Told(whole), wire, 1, 2) == DELIVERED
    assert [request.method for request, _ in wire.sent] == ["PUT"]


async def test_a_sender_that_was_never_opened_closes() -> None:
    async def open_transport(plan: Plan) -> Any:
        raise OSError("no certificate")

    sender = sender_for(plan(Told()), open_transport, Clock(), Attempts("hook", Deliveries()))
    with pytest.raises(OSError, match="no certificate"):
        await sender.open()
    await sender.close()


async def test_what_is_neither_kind_of_destination_is_refused() -> None:
    class Neither(Destination[Settings]):
        label = "Neither"
        description = "For tests."
        Settings = Settings

    with pytest.raises(TypeError, match="Neither is neither a RequestDestination nor a Sink"):
        sender_for(plan(Neither(Settings())), None, Clock(), None)  # type: ignore[arg-type]  # it is refused before


class File(Sink[Settings]):
    """Writes as it is told."""

    label = "File"
    description = "For tests."
    Settings = Settings

    def __init__(self, does: Callable[[], Any]) -> None:
        super().__init__(Settings())
        self._does = does

    async def write(self, batch: Batch) -> Verdict:
        await self._does()
        return DELIVERED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("disk full"), Failure(Fault.TRANSIENT, "io_error", detail="disk full")),
        (TimeoutError(), Failure(Fault.TRANSIENT, "timeout")),
        (RetryError("r", after=7.0), Failure(Fault.TRANSIENT, "retry_error", after=7.0, detail="r")),
        (ValidationError("v"), Failure(Fault.EVENT, "validation_error", detail="v")),
        (EventNotSupported(), Partial({0: NOT_SUPPORTED}, None)),
    ],
)
async def test_what_a_sink_raises_becomes_a_verdict(error: Exception, expected: Attempted) -> None:
    async def fails() -> None:
        raise error

    assert await SinkSender(File(fails), 5.0).attempt(batch(1)) == expected


async def test_any_other_error_of_a_sink_goes_through() -> None:
    async def fails() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await SinkSender(File(fails), 5.0).attempt(batch(1))


async def test_a_sink_that_hangs_times_out() -> None:
    start = anyio.current_time()
    verdict = await SinkSender(File(anyio.sleep_forever), 5.0).attempt(batch(1))
    assert verdict == Failure(Fault.TRANSIENT, "timeout")
    assert anyio.current_time() - start == pytest.approx(5.0)


class Counting(Told):
    """Reads how many of its events were taken off the body."""

    def verdict(self, response: Response, batch: Batch) -> Judgement:
        return reported(DELIVERED, len(batch), int(response.body))


async def test_what_a_receiver_says_it_took_is_measured_and_the_verdict_goes_on_alone() -> None:
    attempts = Attempts("hook", Deliveries())
    for taken in (b"3", b"1"):
        assert await attempted(Counting(), Wire(Response(200, {}, taken)), 1, 2, 3, attempts=attempts) == DELIVERED
    measures = attempts.statistics(0.0).measures
    assert (measures.sent, measures.taken) == (6, 4)
