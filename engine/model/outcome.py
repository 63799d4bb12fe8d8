"""What became of an event in an attempt, and what a destination may say about a whole request.

A *verdict* is what is read off one response: `Delivered()` for all events of the batch, one `Outcome` per event in order when the
vendor answers item by item, or a `Failure` of the request as a whole. Whose failure that is, the actor judges: a
destination only reports.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ..errors import Fault


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The receiver has it."""


class Retry(msgspec.Struct, frozen=True, gc=False):
    """The receiver named this event and wants it again, `after` seconds or more from now."""

    reason: str
    after: float | None = None
    detail: str = ""
    """For people, as in `Failure`."""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The receiver named this event and will never take it, or it cannot be what the receiver wants: a dead letter."""

    reason: str
    """A code of a bounded set, fit for a counter."""
    detail: str = ""
    """For people: which field, which rule, as in `Failure`. Never in a counter's name."""


class Filtered(msgspec.Struct, frozen=True, gc=False):
    """Not for this destination, on purpose."""

    reason: str


class Raised(msgspec.Struct, frozen=True, gc=False):
    """The user's function failed at this event: three tries, then a dead letter."""

    reason: str
    """`function_error`, `function_result`, or `function_timeout`, which opens the breaker at once."""
    detail: str = ""
    """Error, message, and the line it came from."""


class Untried(msgspec.Struct, frozen=True, gc=False):
    """Its turn did not come, because another event of the batch used up the time: it is tried anew, and nothing counts against it."""


Outcome: TypeAlias = Delivered | Retry | Rejected | Filtered | Raised | Untried


class Failure(msgspec.Struct, frozen=True):
    """A request that failed as a whole."""

    fault: Fault
    reason: str
    """A code of a bounded set, fit for a counter: `http_503`, `timeout`, `tls`."""
    status: int | None = None
    after: float | None = None
    """Seconds, from `Retry-After`."""
    sent: bool = True
    """Whether there was a request at all; False: it could not be formed, so it says nothing about the receiver."""
    detail: str = ""
    """For people: an excerpt of the response or the error's text. Never in a counter's name."""


Verdict: TypeAlias = Delivered | Failure | list[Outcome]


class Reported(msgspec.Struct, frozen=True, gc=False):
    """A verdict, and how much of what was sent the receiver says it took: for the metrics, nothing else follows from it.

    In the receiver's own unit, be it events, records or contacts; `0 <= taken <= sent`.
    """

    verdict: Verdict
    sent: int
    taken: int


Judgement: TypeAlias = Verdict | Reported

DELIVERED = Delivered()
UNTRIED = Untried()
UNREADABLE = Failure(
    Fault.EVENT, "undecodable", detail="what decides whether it is for this destination cannot be decoded"
)
"""Of an event in which a part that was only skipped on arrival cannot be decoded (`1e999`), and routing has to read it."""
