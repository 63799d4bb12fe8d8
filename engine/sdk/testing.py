"""Runs events through a destination without a socket: what would be sent, and what an answer would mean.

    tester = Tester(Webhook, {"url": "https://example.com/in"})
    [request] = tester.requests({"type": "track", "event": "Signed Up", "userId": "u-1"})
    assert request.body == b'[{"type":"track","event":"Signed Up","userId":"u-1"}]'
    assert tester.verdict(Response(503)) == Failure(Fault.TRANSIENT, "http_503", status=503)

A destination with actions is told what the receiver answers, and says what it did by it:

    [sent] = Tester(Slack, {...}).run({"type": "track", ...}, answer=lambda request: Response(200, {}, b"ok"))
    assert (sent.action, sent.outcomes) == ("post_message", [DELIVERED])

For the tests of destinations, in this project and in others; events take the same way in as they do in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import msgspec

from ..model.batch import Batch
from ..model.decode import LineDecoder, Spec
from ..model.envelope import Envelope, Receipt
from ..model.exchange import Request, Response
from ..model.lines import Lines
from ..model.outcome import DELIVERED, Delivered, Failure, Judgement, Outcome, Verdict
from ..settings import decode_hook
from .actions import ActionDestination, Exchange
from .destination import Destination, RequestDestination, Sink
from .samples import SAMPLES
from .using import ActionSettings, equipped
from .verdict import judged

NEW_YEAR_2025 = 1735689600.0
"""When a tester's events were received and its requests are signed, unless told otherwise: tests are the same every day."""

_LARGEST_EVENT_BYTES = 16 * 1024 * 1024


class Sent(msgspec.Struct, frozen=True):
    """What one action did with the events of one request."""

    action: str
    batch: Batch
    requests: list[Request]
    verdict: Verdict | None
    """Of what was sent; None if nothing was."""
    report: tuple[int, int] | None
    """What was sent and what was taken of it, by the receiver's own count; None if it does not say."""
    outcomes: list[Outcome | Failure]
    """Of each event, in order; of one that could not be sent, too."""


def _ok(request: Request) -> Response:
    return Response(200, {}, b"{}")


class Tester:
    """One destination under given settings."""

    __test__ = False  # pytest: not a class of tests

    def __init__(
        self,
        destination: type[Destination[Any]],
        settings: Mapping[str, Any] | None = None,
        *,
        actions: Mapping[str, Any] | None = None,
        spec: Spec = "segment",
    ) -> None:
        """`settings` and `actions` as a configuration file would hold them. Raises `msgspec.ValidationError` for wrong ones."""
        self.settings = msgspec.convert(dict(settings or {}), destination.Settings, dec_hook=decode_hook)
        written = msgspec.convert(dict(actions or {}), dict[str, ActionSettings], dec_hook=decode_hook)
        self.destination = equipped(destination, self.settings, written)
        self._spec: Spec = spec

    def __repr__(self) -> str:
        return f"<Tester of {type(self.destination).__name__} with {self.settings!r}>"

    def batch(self, *events: Mapping[str, Any] | bytes | str, first: int = 1) -> Batch:
        """The events (dicts, or lines of JSON) as a batch numbered from `first`. Raises ValueError for what is no event."""
        return batch_of(*events, spec=self._spec, first=first)

    def requests(self, *events: Mapping[str, Any] | bytes | str, at: float = NEW_YEAR_2025) -> list[Request]:
        """The requests that carry `events` as one batch, as they go out in an attempt at `at` (UTC, seconds)."""
        if isinstance(self.destination, ActionDestination):
            return [request for sent in self.run(*events, at=at) for request in sent.requests]
        destination = self._request_destination()
        return [destination.sign(*made, at) for made in destination.requests(self.batch(*events))]

    def run(
        self,
        *events: Mapping[str, Any] | bytes | str,
        answer: Callable[[Request], Response] = _ok,
        at: float = NEW_YEAR_2025,
    ) -> list[Sent]:
        """Has each action do what it does with those of `events` that it wants; `answer` is the receiver (default: 200 and `{}`)."""
        destination = self.destination
        if not isinstance(destination, ActionDestination):
            raise TypeError(f"{type(destination).__name__} has no actions: use `requests` and `verdict`")
        batches = _by_action(destination, self.batch(*events))
        return [sent for batch in batches for sent in _sent(destination, batch, answer, at)]

    def verdict(self, response: Response, *events: Mapping[str, Any] | bytes | str) -> Verdict:
        """What `response` says about a request that carried `events` (default: a sample track)."""
        return judged(self._request_destination().verdict(response, self.batch(*(events or (SAMPLES["track"],)))))[0]

    async def write(self, *events: Mapping[str, Any] | bytes | str, first: int = 1) -> Verdict:
        """Opens the sink, writes `events` as one batch, closes it."""
        sink = self.destination
        if not isinstance(sink, Sink):
            raise TypeError(f"{type(sink).__name__} makes requests: use `requests` and `verdict`")
        try:
            await sink.open()
            return await sink.write(self.batch(*events, first=first))
        finally:
            await sink.close()

    def _request_destination(self) -> RequestDestination[Any]:
        if not isinstance(self.destination, RequestDestination):
            raise TypeError(f"{type(self.destination).__name__} is a sink: use `write`")
        return self.destination


def batch_of(*events: Mapping[str, Any] | bytes | str, spec: Spec = "segment", first: int = 1) -> Batch:
    """The events (dicts, or lines of JSON) as a batch numbered from `first`. Raises ValueError for what is no event."""
    lines = [_line(event) for event in events]
    decoded = LineDecoder(spec, max_event_bytes=_LARGEST_EVENT_BYTES).decode(Lines(lines, range(1, len(lines) + 1)))
    for rejection in decoded.rejected:
        raise ValueError(f"event {rejection.number} would be rejected: {rejection.reason} {rejection.detail}".rstrip())
    receipt = Receipt("tester", NEW_YEAR_2025, 0.0, "tester")
    pairs = zip(decoded.lines, decoded.events, strict=True)
    return Batch([Envelope(first + i, line, event, receipt) for i, (line, event) in enumerate(pairs)])


def _by_action(destination: ActionDestination[Any], batch: Batch) -> Iterator[Batch]:
    """As the engine would cut them: one action each, and events that may share a request."""
    for name in destination.uses:
        alike: dict[Hashable, list[Envelope]] = {}
        for envelope in batch.envelopes:
            if name in destination.wanted(envelope):
                alike.setdefault(destination.key_of(name, envelope), []).append(envelope)
        for envelopes in alike.values():
            yield Batch(envelopes, name)


def _sent(
    destination: ActionDestination[Any], batch: Batch, answer: Callable[[Request], Response], at: float
) -> Iterator[Sent]:
    formed = destination.form(batch)
    if formed.outcomes:
        refused = batch.take(sorted(formed.outcomes))
        yield Sent(batch.action, refused, [], None, None, [formed.outcomes[place] for place in sorted(formed.outcomes)])
    for items in formed.parts():
        part = batch.take([item.position for item in items])
        requests: list[Request] = []

        def told(request: Request, part: Batch = part, requests: list[Request] = requests) -> Response:
            requests.append(destination.sign(request, part, at))
            return answer(requests[-1])

        verdict, report = judged(drive(destination.exchange(batch, items), told))
        each: list[Outcome | Failure] = []
        if isinstance(verdict, list):
            each += verdict
        else:
            each += [DELIVERED if isinstance(verdict, Delivered) else verdict] * len(part)
        yield Sent(batch.action, part, requests, verdict, report, each)


def drive(exchange: Exchange, answer: Callable[[Request], Response]) -> Judgement:
    """Runs an exchange to its end against a receiver that is a function."""
    try:
        request = next(exchange)
        while True:
            request = exchange.send(answer(request))
    except StopIteration as end:
        judgement: Judgement = end.value
        return judgement


def _line(event: Mapping[str, Any] | bytes | str) -> bytes:
    if isinstance(event, str):
        return event.encode()
    return event if isinstance(event, bytes) else msgspec.json.encode(event)
