"""The nouns: event, envelope, chunk, batch, outcome, and how bytes become events.

    bytes of a read -> Lines -> LineDecoder -> events -> (the log gives numbers) -> Chunk of Envelopes -> Batch -> Verdict

Pure: no I/O, no clock, no randomness; imports nothing above it. Every other room may import it.
"""

from .batch import Batch
from .decode import MAX_DEPTH, Decoded, LineDecoder, Rejection, Spec
from .envelope import Chunk, Envelope, Receipt
from .event import ABSENT, EVENT_TYPES, AnyEvent, Consent, Context, Event
from .exchange import Request, Response
from .lines import Lines
from .outcome import (
    DELIVERED,
    UNTRIED,
    Delivered,
    Failure,
    Filtered,
    Judgement,
    Outcome,
    Raised,
    Rejected,
    Reported,
    Retry,
    Untried,
    Verdict,
)

__all__ = [
    "ABSENT",
    "DELIVERED",
    "EVENT_TYPES",
    "MAX_DEPTH",
    "UNTRIED",
    "AnyEvent",
    "Batch",
    "Chunk",
    "Consent",
    "Context",
    "Decoded",
    "Delivered",
    "Envelope",
    "Event",
    "Failure",
    "Filtered",
    "Judgement",
    "LineDecoder",
    "Lines",
    "Outcome",
    "Raised",
    "Receipt",
    "Rejected",
    "Rejection",
    "Reported",
    "Request",
    "Response",
    "Retry",
    "Spec",
    "Untried",
    "Verdict",
]
