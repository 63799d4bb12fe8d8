"""Runs events through a destination without a socket: what would be sent, and what an answer would mean.

    tester = Tester(Webhook, {"url": "https://example.com/in"})
    [request] = tester.requests({"type": "track", "event": "Signed Up", "userId": "u-1"})
    assert request.body == b'[{"type":"track","event":"Signed Up","userId":"u-1"}]'
    assert tester.verdict(Response(503)) == Failure(Fault.TRANSIENT, "http_503", status=503)

For the tests of destinations, in this project and in others; events take the same way in as they do in the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.batch import Batch
from ..model.decode import LineDecoder, Spec
from ..model.envelope import Envelope, Receipt
from ..model.exchange import Request, Response
from ..model.lines import Lines
from ..model.outcome import Verdict
from ..secret import Secret
from ..settings import decode_hook
from .destination import Destination, RequestDestination, Sink
from .samples import SAMPLES

NEW_YEAR_2025 = 1735689600.0
"""When a tester's events were received and its requests are signed, unless told otherwise: tests are the same every day."""

_LARGEST_EVENT_BYTES = 16 * 1024 * 1024


class Tester:
    """One destination under given settings."""

    __test__ = False  # pytest: not a class of tests

    def __init__(
        self, destination: type[Destination[Any]], settings: Mapping[str, Any] | None = None, *, spec: Spec = "segment"
    ) -> None:
        """`settings` as a configuration file would hold them. Raises `msgspec.ValidationError` for wrong ones."""
        self.settings = msgspec.convert(dict(settings or {}), destination.Settings, dec_hook=decode_hook)
        self.destination = destination(self.settings)
        self._spec: Spec = spec

    def __repr__(self) -> str:
        return f"<Tester of {type(self.destination).__name__} with {self.settings!r}>"

    def batch(self, *events: Mapping[str, Any] | bytes | str, first: int = 1) -> Batch:
        """The events (dicts, or lines of JSON) as a batch numbered from `first`. Raises ValueError for what is no event."""
        return batch_of(*events, spec=self._spec, first=first)

    def requests(self, *events: Mapping[str, Any] | bytes | str, at: float = NEW_YEAR_2025) -> list[Request]:
        """The requests that carry `events` as one batch, as they go out in an attempt at `at` (UTC, seconds)."""
        destination = self._request_destination()
        return [destination.sign(*made, at) for made in destination.requests(self.batch(*events))]

    def verdict(self, response: Response, *events: Mapping[str, Any] | bytes | str) -> Verdict:
        """What `response` says about a request that carried `events` (default: a sample track)."""
        return self._request_destination().verdict(response, self.batch(*(events or (SAMPLES["track"],))))

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


def secrets_in(value: object) -> list[str]:
    """Every secret in decoded settings, revealed: to search for them where they must not be."""
    if isinstance(value, Secret):
        return [value.reveal()]
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, Mapping):
        value = list(value.values())
    return [secret for part in value for secret in secrets_in(part)] if isinstance(value, list | tuple) else []


def _line(event: Mapping[str, Any] | bytes | str) -> bytes:
    if isinstance(event, str):
        return event.encode()
    return event if isinstance(event, bytes) else msgspec.json.encode(event)
