"""What goes over the wire, for both sides: JSON of the values in `journal/desk.py`, each in an object that can grow.

Bytes are base64. Refusals are `{"error": {"code": ..., "message": ...}}`; `REFUSALS` is the one table of what they mean.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..errors import FqlError, JournalError, JournalFull
from ..journal.desk import (
    BATCH,
    SLOWEST,
    DestinationRow,
    LetterCount,
    LetterQuery,
    Life,
    Replay,
    StoredEvent,
    expect_sense,
)
from ..journal.records import DeadLetter, ParkedEvent
from ..telemetry import Delivery, ProcessStatistics
from ..telemetry.history import Trend
from ..telemetry.report import JournalState

PREFIX = "/admin/v1"
MAX_BODY_BYTES = 32 * 2**20
"""An event may have 16 MiB, which is 22 MB as base64: one dead letter always fits."""
MAX_HEAD_BYTES = 2**20
"""A question for many ids is a long address."""


class Strict(LetterQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query as it is read: a misspelt condition is an error. Passed over, it would mean every dead letter."""


class Page(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters, and how many of them."""

    after: int = 0
    limit: int = BATCH


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of what waits, and from where."""

    after: int = 0
    limit: int = BATCH


class StrictReplay(Replay, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A replay as it is read."""

    query: Strict = Strict()
    rate: Annotated[float, msgspec.Meta(ge=SLOWEST)] | None = None

    def __post_init__(self) -> None:
        expect_sense(self)


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a replay."""

    replay: StrictReplay
    dry_run: bool = False


class Begun(msgspec.Struct, frozen=True):
    """A replay that has begun, or would have."""

    id: int
    events: int


class Counted(msgspec.Struct, frozen=True):
    """How many were deleted."""

    count: int


class Counts(msgspec.Struct, frozen=True):
    """Dead letters by destination and reason."""

    counts: list[LetterCount]


class Letters(msgspec.Struct, frozen=True):
    """Some dead letters."""

    letters: list[DeadLetter]


class Replays(msgspec.Struct, frozen=True):
    """Those that are not done."""

    replays: list[Replay]


class Lives(msgspec.Struct, frozen=True):
    """Every event of one `messageId`."""

    events: list[Life]


class Edited(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The event that is to be sent in place of a dead one."""

    event: msgspec.Raw


class LatestQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of the latest events."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=BATCH)] = 50


class StoredEvents(msgspec.Struct, frozen=True):
    """Events as they are in the journal, the newest first."""

    events: list[StoredEvent]


class Parked(msgspec.Struct, frozen=True):
    """What waits at one destination."""

    parked: list[ParkedEvent]


class Destinations(msgspec.Struct, frozen=True):
    """All that the journal knows."""

    destinations: list[DestinationRow]


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose deliveries (all, if it says nothing), and how many past ones first."""

    destination: str | None = None
    last: Annotated[int, msgspec.Meta(ge=0, le=500)] = 0


class DeliveryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the attempts that are still known."""

    destination: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    failed: bool = False


class RecentDeliveries(msgspec.Struct, frozen=True):
    """Attempts, the newest first."""

    deliveries: list[Delivery]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A destination at a glance."""

    name: str
    type: str
    owner: str | None
    state: str
    reason: str | None
    down_s: float
    per_second: float
    success: float | None
    """Over the last minute; null if nothing was tried."""
    delivered: int
    filtered: int
    dead: int
    parked: int
    lag_events: int
    lag_s: float
    p50_ms: float | None
    p99_ms: float | None
    trend: Trend


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """The whole engine at a glance: what the console's first page shows."""

    version: str
    at: float
    uptime_s: float
    received: int
    accepted: int
    duplicates: int
    rejected: int
    journal: JournalState | None
    process: ProcessStatistics
    destinations: list[Row]


class Who(msgspec.Struct, frozen=True):
    """Who asks, as far as is known."""

    name: str
    role: str


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused. `text` and `column` are of a condition that is no FQL."""

    code: str
    message: str
    text: str = ""
    column: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """The body of every answer that is no success."""

    error: Fault


REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    # First match wins, in both directions.
    (FqlError, 400, "bad_condition"),
    (msgspec.DecodeError, 400, "bad_request"),
    (OverflowError, 400, "bad_request"),
    (RecursionError, 400, "bad_request"),
    (LookupError, 404, "not_found"),
    (ValueError, 409, "conflict"),
    (JournalFull, 503, "journal_full"),
    (JournalError, 503, "journal"),
)


def fault_of(error: Exception) -> tuple[int, Fault] | None:
    """An HTTP status and what to say; None if it is none that a `Desk` raises."""
    found = next(((status, code) for kind, status, code in REFUSALS if isinstance(error, kind)), None)
    if found is None:
        return None
    status, code = found
    if isinstance(error, FqlError):
        return status, Fault(code, error.message, error.text, error.column)
    if isinstance(error, OverflowError):  # in no word of its own: SQLite, msgpack and dates each have their limit
        return status, Fault(code, "a number is larger than any that can be kept")
    if isinstance(error, RecursionError):  # of what was asked: nothing of ours is deep
        return status, Fault(code, "the JSON is nested too deeply")
    return status, Fault(code, str(error.args[0]) if error.args else str(error))


def error_of(fault: Fault) -> Exception | None:
    """The way back; None for what is nobody's fault but the engine's."""
    if fault.code == "bad_condition":
        return FqlError(fault.message, text=fault.text, column=fault.column)
    if fault.code in ("bad_request", "too_large"):
        return ValueError(fault.message)
    kind = next((kind for kind, _, code in REFUSALS if code == fault.code), None)
    return kind(fault.message) if kind else None
